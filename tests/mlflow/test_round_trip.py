"""Train, log, register, alias in MLflow; score here; equal to the last bit. On a server, until it is gone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from batch_scorer.core.errors import ModelNotFound
from batch_scorer.execution.parts import ModelSource
from batch_scorer.models.mlflow.source import MlflowSource
from batch_scorer.models.registering.register import register
from batch_scorer.models.registry.files import FileRegistry
from tests import taxi
from tests.conftest import TaxiProject
from tests.mlflow.serving import Server, server
from tests.mlflow.team import FEATURES, Team, train

RUN = ("run", "taxi_tips", "--cluster", "inline")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for this file, whose last test kills it."""
    with server(tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture(scope="module")
def served_team(served: Server) -> Team:
    """`taxi_tips`: two versions, champion is the first."""
    team = Team(served.uri)
    for seed in (1, 2):
        team.log(*train(seed), "taxi_tips")
    team.point("taxi_tips", "champion", "1")
    return team


def _expected(team: Team, uri: str, frame: pd.DataFrame) -> list[float]:
    return [float(score) for score in team.load(uri).predict_proba(frame[FEATURES])[:, 1]]


def _published(project: TaxiProject, day: int) -> list[float]:
    return [float(score) for score in project.published(day).sort_values("ride_id")["score"]]


@dataclass(frozen=True, kw_only=True)
class Known:
    """What resolves references, and some of those it knows: of two versions, champion is the first."""

    models: ModelSource
    champion: str
    second: str
    unknown: tuple[str, str]


@pytest.fixture(params=["files", "sqlite", "served"])
def known(request: pytest.FixtureRequest, tmp_path: Path) -> Known:
    registry = FileRegistry(tmp_path / "models")
    match request.param:
        case "files":
            return _of_files(registry)
        case "sqlite":
            team = request.getfixturevalue("sqlite_team")
            return _of_mlflow(registry, team, "mlflow:models:/Taxi Tips", "Champion")
        case _:
            team = request.getfixturevalue("served_team")
            return _of_mlflow(registry, team, "mlflow:models:/taxi_tips", "champion")


def _of_files(registry: FileRegistry) -> Known:
    for seed in (1, 2):
        estimator, frame = train(seed)
        register(estimator, registry=registry, name="taxi_tips", reference=frame, who="ada")
    registry.promote("taxi_tips", 1, "champion", reason="first", who="ada")
    return Known(
        models=registry,
        champion="taxi_tips@champion",
        second="taxi_tips@2",
        unknown=("taxi_tips@nobody", "nothing@champion"),
    )


def _of_mlflow(registry: FileRegistry, team: Team, model: str, alias: str) -> Known:
    return Known(
        models=MlflowSource(registry, team.uri, who="ada"),
        champion=f"{model}@{alias}",
        second=f"{model}/2",
        unknown=(f"{model}@nobody", "mlflow:models:/nothing@champion"),
    )


def test_whatever_resolves_references_gives_one_whole_version_or_says_what_is_there(known: Known) -> None:
    models = known.models
    first, second = models.resolve(known.champion), models.resolve(known.second)
    assert (first.name, first.alias is not None, first.version) == ("taxi_tips", True, 1)
    assert (second.name, second.alias, second.version) == ("taxi_tips", None, 2)
    assert first.sha256 != second.sha256
    assert models.resolve(known.champion) == first
    assert models.resolve("taxi_tips@1").sha256 == first.sha256  # as records name it
    for pin in (first, second):
        data = (Path(pin.directory) / pin.artefact).read_bytes()
        assert hashlib.sha256(data).hexdigest() == pin.sha256
        assert pin.n_golden_rows >= 100
    for unknown in known.unknown:
        with pytest.raises(ModelNotFound):
            models.resolve(unknown)


def test_a_night_with_a_served_mlflow_until_its_server_is_gone(
    served: Server,
    served_team: Team,
    make_scorer: Callable[..., TaxiProject],
) -> None:
    project = make_scorer("taxi_tips@champion", registry=f"mlflow:{served.uri}")
    frames = [pd.read_parquet(project.day(index)).sort_values("ride_id") for index in range(2)]
    assert project.cli("validate-config", "taxi_tips").code == 0
    first = project.cli(*RUN)
    assert (first.code, first.stderr) == (0, "")
    for index, frame in enumerate(frames):
        assert _published(project, index) == _expected(served_team, "models:/taxi_tips/1", frame)

    scored_with_the_first = _published(project, 1)

    served_team.point("taxi_tips", "champion", "2")
    planned = project.cli(
        "plan", "taxi_tips", "--from", "2024-01-01", "--to", "2024-01-02", "--reprocess", "stale"
    )
    assert "stale: scored with v1" in planned.stdout
    assert "taxi_tips@champion = v2" in planned.stdout
    assert "from mlflow:models:/taxi_tips/2" in planned.stdout
    again = project.cli(*RUN, "--reprocess", "stale")
    assert (again.code, again.stderr) == (0, "")
    assert _published(project, 0) == _expected(served_team, "models:/taxi_tips/2", frames[0])
    for verb in (
        ["verify", "taxi_tips", "--deep", "--rescore", "5"],
        ["audit", "taxi_tips", "--partition", "2024-01-01"],
        ["doctor", "taxi_tips"], ["show", "taxi_tips/2024-01-01"],
        ["models", "import", "models:/taxi_tips@champion"],
    ):  # fmt: skip
        done = project.cli(*verb)
        assert done.code == 0, f"{verb}: {done.stdout} {done.stderr}"
    assert "taxi_tips@2 already: nothing was imported" in done.stdout

    served.process.kill()
    served.process.wait()
    away = project.cli(*RUN, "--reprocess", "all")
    assert away.code == 69
    assert "MLflow does not answer: Connection refused" in away.stderr
    taxi.write_job(
        project.root,
        taxi.job_document(model={"uri": "taxi_tips@1"}, registry=f"mlflow:{served.uri}"),
    )
    assert project.cli(*RUN, "--reprocess", "all").code == 0
    assert _published(project, 1) == scored_with_the_first
    assert "taxi_tips@1" in project.cli("show", "taxi_tips/2024-01-02").stdout
    assert project.cli("retry", "last").code == 0
