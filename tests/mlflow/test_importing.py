"""`models import`, and what a job does with a version that it meets for the first time."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from batch_scorer.models.mlflow.client import MlflowClient
from tests import taxi
from tests.conftest import TaxiProject
from tests.mlflow.team import COMMIT, FEATURES, Payload, Team, model_directory, train

RUN = ("run", "taxi_tips", "--cluster", "inline")


@pytest.fixture
def scorer(sqlite_team: Team, make_scorer: Callable[..., TaxiProject]) -> TaxiProject:
    """A job that scores with the Champion of `Taxi Tips`."""
    return make_scorer("mlflow:models:/Taxi Tips@Champion", registry=f"mlflow:{sqlite_team.uri}")


def _manifest(project: TaxiProject, name: str = "taxi_tips", version: int = 1) -> dict[str, Any]:
    path = project.root / "data/models" / name / str(version) / "manifest.json"
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def test_a_version_is_imported_once_with_all_that_mlflow_knows_of_it(
    scorer: TaxiProject, sqlite_team: Team
) -> None:
    imported = scorer.cli("models", "import", "models:/Taxi Tips@Champion", "--alias", "champion")
    assert (imported.code, imported.stderr) == (0, "")
    assert '"Taxi Tips" of MLflow is called taxi_tips here' in imported.stdout
    assert "models:/Taxi Tips/1 is taxi_tips@1 now" in imported.stdout
    manifest = _manifest(scorer)
    version = sqlite_team.client.get_model_version("Taxi Tips", "1")
    assert manifest["origin"] == {
        "tracking_uri": sqlite_team.uri, "uri": "models:/Taxi Tips/1", "name": "Taxi Tips", "version": "1",
        "run_id": version.run_id,
    }  # fmt: skip
    assert manifest["metrics"] == {"auc": 0.83}
    assert manifest["git_commit"] == COMMIT
    assert manifest["author"] == sqlite_team.client.get_run(version.run_id).info.user_id
    assert "params: C=1.0" in manifest["notes"]
    assert "no finite numbers: lost" in manifest["notes"]
    assert "MLflow's input example (20 rows)" in manifest["notes"]
    assert manifest["reference"]["path"] == "the input example of models:/Taxi Tips/1"
    types = {column["name"]: column["type"] for column in manifest["signature"]["columns"]}
    assert types == {
        "fare": "float64", "trip_miles": "float64", "trip_start_hour": "int64", "payment_type": "string"
    }  # fmt: skip
    logged = Path(sqlite_team.client.get_model_version_download_uri("Taxi Tips", "1")) / "model.skops"
    assert manifest["files"]["model.skops"] == hashlib.sha256(logged.read_bytes()).hexdigest()

    shown = scorer.cli("models", "show", "taxi_tips").stdout
    assert "mlflow:models:/Taxi Tips@Champion" in shown  # the job that uses it
    assert f"from {sqlite_team.uri}" in " ".join(shown.split())

    again = scorer.cli("models", "import", "models:/Taxi Tips/1", "--name", "other", "--json")
    assert again.lines[-1]["imported"] is False
    assert (again.lines[-1]["name"], again.lines[-1]["version"]) == ("taxi_tips", 1)
    assert scorer.cli("models", "import", "models:/Taxi Tips/2").code == 0
    listed = scorer.cli("models", "list", "--json").lines
    assert [line["version"] for line in listed if line["message_type"] == "model_version"] == [1, 2]


def test_a_reference_gives_the_golden_rows_where_one_is_given(scorer: TaxiProject) -> None:
    training = scorer.root / "train.parquet"
    train(1)[1].to_parquet(training)
    imported = scorer.cli(
        "models", "import", "models:/Taxi Tips/1", "--reference", str(training), "--name", "tips"
    )
    assert imported.code == 0, imported.stderr
    assert _manifest(scorer, "tips")["reference"]["n_rows"] == 400
    later = scorer.cli("models", "import", "models:/Taxi Tips/2")
    assert "is tips@2 now" in later.stdout  # the name that its first version got


def test_a_reference_that_contradicts_the_signature_of_mlflow_is_refused(scorer: TaxiProject) -> None:
    training = scorer.root / "train.parquet"
    train(1)[1].assign(trip_start_hour=lambda rides: rides.trip_start_hour > 12).to_parquet(training)
    refused = scorer.cli("models", "import", "models:/Taxi Tips/1", "--reference", str(training))
    assert refused.code == 5
    assert "trip_start_hour is a number there and bool here" in refused.stderr
    assert not list((scorer.root / "data").glob("models/*/*"))


@pytest.mark.parametrize(
    ("uri", "code", "told"),
    [
        ("models:/Taxi Tip@Champion", 2, 'did you mean "Taxi Tips"?'),
        ("models:/Taxi Tips@Champoin", 2, 'did you mean "Champion"?'),
        ("models:/Taxi Tips/9", 2, 'has no version "9"'),
        ("models:/Taxi Tips/latest", 2, '"latest" is no version'),
        ("models:/Taxi Tips/Production", 2, '"Production" is no version'),
        ("models:/Taxi Tips", 2, "no alias or version"),
        ("Taxi Tips@Champion", 2, "is no model version of MLflow"),
        ("models:/boosted/1", 5, "is no model of scikit-learn; its flavors: xgboost"),
        ("models:/pickled@Champion", 5, "is a pickle (cloudpickle)"),
        ("models:/without_example/1", 2, "add --reference TRAIN.parquet; or --no-golden-rows"),
    ],
)
def test_what_cannot_be_imported_is_said_with_what_to_do(
    odd_models: Team, scorer: TaxiProject, uri: str, code: int, told: str
) -> None:
    refused = scorer.cli("models", "import", uri)
    assert (refused.code, told in refused.stderr) == (code, True), refused.stderr
    assert not list((scorer.root / "data").glob("models/*/*"))


def test_a_pickle_is_not_run_unasked_and_its_import_is_equal_when_it_is(
    scorer: TaxiProject, odd_models: Team
) -> None:
    refused = scorer.cli("models", "import", "models:/pickled@Champion")
    assert f"--tracking-uri {odd_models.uri} --allow-pickle" in refused.stderr
    imported = scorer.cli(
        "models", "import", "models:/pickled@Champion", "--allow-pickle", "--no-golden-rows"
    )
    assert imported.code == 0, imported.stderr
    taxi.write_job(scorer.root, taxi.job_document(model={"uri": "pickled@1"}))
    run = scorer.cli(*RUN)
    assert run.code == 0
    assert "golden rows" in run.stderr  # there are none, and every run says so
    frame = pd.read_parquet(scorer.day(0)).sort_values("ride_id")
    expected = odd_models.load("models:/pickled/1").predict_proba(frame[FEATURES])[:, 1]
    assert scorer.published(0).sort_values("ride_id")["score"].tolist() == expected.tolist()


@pytest.mark.parametrize(
    "flavor",
    [
        {"pickled_model": "model.pkl", "serialization_format": "pickle"},
        {"pickled_model": "model.pkl", "serialization_format": "skops"},  # a lie
        {"pickled_model": "../model/model.pkl", "serialization_format": "skops"},
        {"pickled_model": "model.pkl", "serialization_format": "dill"},
    ],
)
def test_a_payload_leaves_no_mark(
    scorer: TaxiProject, sqlite_team: Team, tmp_path: Path, flavor: dict[str, Any]
) -> None:
    mark = tmp_path / "mark"
    logged = model_directory(tmp_path / "evil", Payload(mark), flavor={"sklearn": flavor})
    version = sqlite_team.log_files(logged, "evil")
    for verb in (
        ["models", "import", f"models:/evil/{version}", "--no-golden-rows"],
        ["models", "import", f"models:/evil/{version}"],
    ):
        assert scorer.cli(*verb).code in (2, 5)
    taxi.write_job(
        scorer.root,
        taxi.job_document(
            model={"uri": f"mlflow:models:/evil/{version}"}, registry=f"mlflow:{sqlite_team.uri}"
        ),
    )
    assert scorer.cli(*RUN).code == 5
    assert not mark.exists()
    assert not list((scorer.root / "data").glob("models/*/*"))


def test_a_job_imports_a_version_that_is_new_and_says_each_night_that_it_has_no_golden_rows(
    odd_models: Team, make_scorer: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", odd_models.uri)
    project = make_scorer("mlflow:models:/without_example@Champion")
    run = project.cli(*RUN)
    assert run.code == 0, run.stderr
    assert "golden rows" in run.stderr
    frame = pd.read_parquet(project.day(1)).sort_values("ride_id")
    expected = odd_models.load("models:/without_example/1").predict_proba(frame[FEATURES])[:, 1]
    assert project.published(1).sort_values("ride_id")["score"].tolist() == expected.tolist()
    assert "golden rows" in project.cli(*RUN, "--reprocess", "all").stderr
    shown = project.cli("plan", "taxi_tips").stdout
    assert "without_example@Champion = v1" in shown


def test_a_job_whose_alias_means_a_pickle_says_how_to_import_it(
    odd_models: Team, make_scorer: Callable[..., TaxiProject]
) -> None:
    project = make_scorer("mlflow:models:/pickled@Champion", registry=f"mlflow:{odd_models.uri}")
    refused = project.cli("plan", "taxi_tips")
    assert refused.code == 5
    assert "models import models:/pickled/1" in refused.stderr


def test_a_mirrored_version_asks_nobody(
    scorer: TaxiProject, sqlite_team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert scorer.cli("models", "import", "models:/Taxi Tips/1").code == 0

    def asked(*_: object) -> None:
        pytest.fail("MLflow was asked")

    monkeypatch.setattr(MlflowClient, "__init__", asked)
    taxi.write_job(
        scorer.root,
        taxi.job_document(model={"uri": "mlflow:models:/Taxi Tips/1"}, registry=f"mlflow:{sqlite_team.uri}"),
    )
    assert scorer.cli(*RUN).code == 0
    assert scorer.cli("status", "taxi_tips").code == 0


def test_a_mirrored_version_that_was_damaged_is_not_imported_again(scorer: TaxiProject) -> None:
    assert scorer.cli("models", "import", "models:/Taxi Tips/1").code == 0
    manifest = scorer.root / "data/models/taxi_tips/1/manifest.json"
    manifest.write_text(manifest.read_text().replace("0.83", "0.93"))
    assert scorer.cli("plan", "taxi_tips").code == 5
    assert not (scorer.root / "data/models/taxi_tips/2").exists()


def test_a_name_of_ours_is_not_taken_over_by_another_model_of_mlflow(
    scorer: TaxiProject, model_files: Callable[[str], tuple[Path, Path]]
) -> None:
    artefact, training = model_files("linear")
    registered = scorer.cli(
        "models", "register", str(artefact), "--name", "taxi_tips", "--reference", str(training),
        "--allow-pickle",
    )  # fmt: skip
    assert registered.code == 0
    refused = scorer.cli("plan", "taxi_tips")
    assert refused.code == 2
    assert "models import 'models:/Taxi Tips/1' --name NAME" in refused.stderr
    assert scorer.cli("models", "import", "models:/Taxi Tips/1", "--name", "rides").code == 0
    assert "rides@Champion = v1" in scorer.cli("plan", "taxi_tips").stdout


def test_the_models_of_their_day_are_not_to_be_had_from_mlflow(scorer: TaxiProject) -> None:
    refused = scorer.cli(
        "backfill", "taxi_tips", "--from", "2024-01-01", "--to", "2024-01-02", "--model-as-of-date"
    )
    assert refused.code == 2
    assert "MLflow keeps no history of its aliases" in refused.stderr


def test_a_password_is_neither_shown_nor_stored(
    make_scorer: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ana:hunter2@127.0.0.1:9")
    project = make_scorer("mlflow:models:/taxi_tips@champion")
    for verb in (
        ["plan", "taxi_tips"], ["run", "taxi_tips", "-v"], ["models", "import", "models:/taxi_tips@champion"],
        ["doctor", "taxi_tips", "--json"],
    ):  # fmt: skip
        told = project.cli(*verb)
        assert told.code in (69, 1), told.stderr
        assert "hunter2" not in told.stdout + told.stderr
        assert "MLflow does not answer: Connection refused" in told.stdout + told.stderr
    for path in (project.root / "data").rglob("*"):
        assert not path.is_file() or b"hunter2" not in path.read_bytes()


def test_a_database_that_is_not_there_is_not_made(make_scorer: Callable[..., TaxiProject]) -> None:
    project = make_scorer("taxi_tips@champion", registry="mlflow:sqlite:///data/mlflow.db")
    refused = project.cli("plan", "taxi_tips")
    assert refused.code == 69
    assert str(project.root / "data/mlflow.db") in refused.stderr
    assert not (project.root / "data/mlflow.db").exists()


def test_without_the_extra_the_command_that_installs_it_is_told(
    scorer: TaxiProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batch_scorer.models.mlflow.client.find_spec", lambda _name: None)
    for verb in (["plan", "taxi_tips"], ["models", "import", "models:/Taxi Tips@Champion"]):
        refused = scorer.cli(*verb)
        assert refused.code == 78
        assert 'pip install "batch-scorer[mlflow]"' in refused.stderr


def test_a_mirrored_version_needs_neither_mlflow_nor_a_data_library_to_be_planned(
    scorer: TaxiProject, sqlite_team: Team
) -> None:
    """In a process of its own: this one has them all."""
    assert scorer.cli("models", "import", "models:/Taxi Tips/1").code == 0
    taxi.write_job(
        scorer.root,
        taxi.job_document(model={"uri": "mlflow:models:/Taxi Tips/1"}, registry=f"mlflow:{sqlite_team.uri}"),
    )
    program = (
        "import sys\nfrom batch_scorer.cli.main import run\n"
        f"code = run(['-p', {str(scorer.root)!r}, 'status', 'taxi_tips'])\n"
        f"code = code or run(['-p', {str(scorer.root)!r}, 'plan', 'taxi_tips', '--from', '2030-01-01'])\n"
        "sys.exit(code or ' '.join({'mlflow', 'pandas', 'sklearn'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "taxi_tips v1" in done.stdout


def test_a_model_that_was_deleted_and_made_again_in_mlflow_is_another_one(
    sqlite_team: Team, make_scorer: Callable[..., TaxiProject]
) -> None:
    team, name = sqlite_team, "again"
    project = make_scorer(f"mlflow:models:/{name}@Champion", registry=f"mlflow:{team.uri}")
    pins = []
    for seed in (11, 12):
        team.log(*train(seed), name)
        team.point(name, "Champion", "1")
        planned = project.cli("plan", "taxi_tips", "--json")
        assert planned.code == 0, planned.stderr
        pins.append(project.cli("models", "import", f"models:/{name}@Champion", "--json").lines[-1])
        team.client.delete_registered_model(name)
    assert [(pin["name"], pin["version"], pin["imported"]) for pin in pins] == [
        (name, 1, False), (name, 2, False)
    ]  # fmt: skip
    first, second = (_manifest(project, name, version)["files"]["model.skops"] for version in (1, 2))
    assert first != second
