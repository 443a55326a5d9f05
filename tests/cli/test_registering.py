"""`models register`: what a shell says of a model, and what it is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import pytest
import skops.io
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from tests import taxi
from tests.conftest import TaxiProject

RIDES = taxi.rides(300, seed=4)
COMMIT = "5d1e7becb1577d18d292013a95701bed1bef18f3"


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> TaxiProject:
    """A project without jobs, and beside it a model and its training table; no repository above."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    project = TaxiProject(tmp_path / "project", capsys)
    (project.root / "jobs").mkdir(parents=True)
    model = GaussianNB().fit(RIDES[["trip_miles", "fare"]], RIDES.payment_type)
    skops.io.dump(model, tmp_path / "model.skops")
    RIDES.to_parquet(tmp_path / "train.parquet")
    return project


def manifest_of(project: TaxiProject, version: int = 1) -> dict[str, Any]:
    path = project.root / "data" / "models" / "m" / str(version) / "manifest.json"
    document: dict[str, Any] = json.loads(path.read_text())
    return document


REGISTER = ("models", "register", "model.skops", "--name", "m", "--reference", "train.parquet")


def test_everything_that_can_be_said_is_kept(place: TaxiProject) -> None:
    said = place.cli(
        *REGISTER, "--author", "ada", "--owner", "rides team", "--purpose", "how they pay", "--notes",
        "first", "--metric", "accuracy=0.83", "--metric", "log loss=1e-2", "--git-commit", COMMIT,
        "--positive-class", "Cash", "--rtol", "1e-9", "--atol", "1e-12",
        "--alias", "champion", "--reason", "the only one",
    )  # fmt: skip
    assert said.code == 0, said.stderr
    assert "m@1: GaussianNB, 2 columns, " in said.stdout
    document = manifest_of(place)
    assert document["metrics"] == {"accuracy": 0.83, "log loss": 0.01}
    assert [document[key] for key in ("author", "owner", "purpose", "notes", "git_commit")] == [
        "ada", "rides team", "how they pay", "first", COMMIT,
    ]  # fmt: skip
    assert document["signature"]["positive_class"] == "Cash"
    assert document["tolerance"] == {"rtol": 1e-9, "atol": 1e-12}
    assert "the only one" in place.cli("models", "show", "m").stdout


def test_what_is_not_said_is_found_out_or_left_empty(place: TaxiProject) -> None:
    said = place.cli(*REGISTER, "--json")
    assert said.code == 0, said.stderr
    document = manifest_of(place)
    assert document["author"] == document["registered_by"]
    assert (document["git_commit"], document["metrics"], document["owner"]) == (None, {}, "")
    assert document["tolerance"] == {"rtol": 0.0, "atol": 0.0}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--metric", "auc"], '"auc" is no NAME=VALUE'),
        (["--metric", "auc=high"], "is no NAME=VALUE"),
        (["--metric", "auc=nan"], "no finite number"),
        (["--metric", "=1"], "has no name"),
        (["--metric", "auc=1", "--metric", "auc=2"], "is given twice"),
        (["--positive-class", "cash"], 'is no class of the model; did you mean "Cash"'),
        (["--git-commit", "main"], "is no git commit"),
        (["--rtol", "-1"], "makes no sense"),
        (["--rtol", "1"], "makes no sense"),
        (["--atol", "inf"], "makes no sense"),
        (["--rtol", "little"], "not a valid float"),
        (["--column", "fare"], "fitted on other columns than are named: trip_miles, fare"),
        (["--owner", "a\nb"], "the owner is not one line"),
        (["--alias", "7"], "cannot be an alias"),
        (["--no-golden-rows"], "contradict"),
    ],
)
def test_what_makes_no_sense_is_told_and_nothing_is_registered(
    place: TaxiProject, options: list[str], words: str
) -> None:
    refused = place.cli(*REGISTER, *options)
    assert refused.code == 2
    assert words in refused.stderr
    assert not (place.root / "data").exists()


def test_a_model_without_column_names_is_given_them(place: TaxiProject, tmp_path: Path) -> None:
    fitted = GaussianNB().fit(RIDES[["trip_miles", "fare"]].to_numpy(), RIDES.payment_type)
    skops.io.dump(fitted, tmp_path / "model.skops")
    refused = place.cli(*REGISTER)
    assert refused.code == 5
    assert "--column NAME" in refused.stderr
    assert place.cli(*REGISTER, "--column", "trip_miles", "--column", "fare").code == 0
    document = manifest_of(place)
    assert document["signature"]["takes"] == "array"
    assert [column["name"] for column in document["signature"]["columns"]] == ["trip_miles", "fare"]


def test_a_directory_is_a_reference(place: TaxiProject, tmp_path: Path) -> None:
    for day in taxi.days(2):
        taxi.write_day(tmp_path / "table", day, RIDES)
    said = place.cli("models", "register", "model.skops", "--name", "m", "--reference", "table")
    assert said.code == 0, said.stderr
    reference = manifest_of(place)["reference"]
    assert (reference["path"], reference["n_rows"]) == ("table", 600)
    assert {"column": "ride_date", "first": "2024-01-01", "last": "2024-01-02"} in reference["spans"]


def test_models_of_texts_and_of_arrays_score_in_a_job(place: TaxiProject, tmp_path: Path) -> None:
    texts = RIDES.payment_type
    model = make_pipeline(HashingVectorizer(n_features=32), LogisticRegression()).fit(texts, RIDES.fare > 9)
    joblib.dump(model, tmp_path / "model.joblib")
    output = {"expensive": "float64 = proba[1]"}
    taxi.write_job(place.root, taxi.job_document(model={"uri": "m@1", "output": output}))
    said = place.cli(
        "models", "register", "model.joblib", "--name", "m", "--reference", "train.parquet", "--allow-pickle",
        "--column", "payment_type",
    )  # fmt: skip
    assert said.code == 0, said.stderr
    fresh = place.add_day(0)
    ran = place.cli("run", "taxi_tips", "--cluster", "inline")
    assert ran.code == 0, ran.stderr
    got = place.published(0)["expensive"]
    expected = model.predict_proba(fresh.payment_type)[:, 1]
    pd.testing.assert_series_equal(got, pd.Series(expected, name="expensive"), check_exact=False, rtol=1e-12)
