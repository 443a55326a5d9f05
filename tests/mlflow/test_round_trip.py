"""Train, log, register, alias in MLflow; score here; equal to the last bit. On a server, until it is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from batch_scorer.core.errors import ModelNotFound
from batch_scorer.execution.parts import ModelSource
from batch_scorer.models.mlflow.source import MlflowSource
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


@pytest.fixture(params=["files", "sqlite", "served"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[ModelSource, str]:
    """What resolves references, and the beginning of those it knows: two versions, champion is the first."""
    registry = FileRegistry(tmp_path / "models")
    if request.param == "files":
        from batch_scorer.models.registering.register import register

        for seed in (1, 2):
            estimator, frame = train(seed)
            register(estimator, registry=registry, name="taxi_tips", reference=frame, who="ada")
        registry.promote("taxi_tips", 1, "champion", reason="first", who="ada")
        return registry, "taxi_tips@champion taxi_tips@2 taxi_tips@nobody nothing@champion"
    name, alias, fixture = {
        "sqlite": ("Taxi Tips", "Champion", "sqlite_team"),
        "served": ("taxi_tips", "champion", "served_team"),
    }[request.param]
    team = request.getfixturevalue(fixture)
    known = f"mlflow:models:/{name}"
    references = f"{known}@{alias}|{known}/2|{known}@nobody|mlflow:models:/nothing@champion"
    return MlflowSource(registry, team.uri, who="ada"), references.replace(" ", "\0").replace("|", " ")


def test_whatever_resolves_references_gives_one_whole_version_or_says_what_is_there(
    source: tuple[ModelSource, str],
) -> None:
    models, references = source
    by_alias, by_number, no_alias, no_name = (each.replace("\0", " ") for each in references.split(" "))
    first, second = models.resolve(by_alias), models.resolve(by_number)
    assert (first.name, first.alias is not None, first.version) == ("taxi_tips", True, 1)
    assert (second.alias, second.version) == (None, 2)
    assert first.sha256 != second.sha256
    assert models.resolve(by_alias) == first
    assert models.resolve("taxi_tips@1").sha256 == first.sha256
    for pin in (first, second):
        artefact = Path(pin.directory) / pin.artefact
        assert artefact.is_file()
        assert pin.n_golden_rows >= 100
    for unknown in (no_alias, no_name):
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
    explicit = project.cli(*RUN, "--reprocess", "all", "-v")
    assert (explicit.code, "taxi_tips@1" in explicit.stderr) == (0, True)
    assert _published(project, 1) == scored_with_the_first
    assert project.cli("retry", "last").code == 0
