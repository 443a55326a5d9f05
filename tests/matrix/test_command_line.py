"""A cell as a user would have it: registered from a shell, scored by processes of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import joblib
import pytest
import skops.io

from batch_scorer.core.models import Method, ModelFormat
from tests.matrix import lake
from tests.matrix.cells import Cell, Workbench, fitted, own_output
from tests.matrix.estimators import CASES
from tests.matrix.test_matrix import assert_agree

_CASES = {case.name: case for case in CASES}


@pytest.mark.parametrize(
    ("name", "model_format"),
    [
        ("one-hot, sparse", ModelFormat.SKOPS),
        pytest.param("TfidfVectorizer", ModelFormat.JOBLIB, marks=pytest.mark.long),
        pytest.param("HistGradientBoostingClassifier, categories", ModelFormat.SKOPS, marks=pytest.mark.long),
    ],
)
def test_local_processes_publish_what_the_estimator_says(
    tmp_path: Path, name: str, model_format: ModelFormat
) -> None:
    case = _CASES[name]
    workbench = Workbench(tmp_path)
    reading = lake.READINGS[str(case.reading)]
    cell = Cell(case=case, reading=reading, format=model_format, turn=0)
    estimator = fitted(case, reading)
    own = {
        day: own_output(estimator, Method.PREDICT_PROBA, reading.of(workbench.day(day))) for day in lake.DAYS
    }
    artefact, table = tmp_path / f"model.{model_format.value}", tmp_path / "training.parquet"
    (skops.io.dump if model_format is ModelFormat.SKOPS else joblib.dump)(estimator, artefact)
    reading.read(workbench.training[list(reading.columns)]).to_parquet(table)
    job = workbench.write_job("m1", Method.PREDICT_PROBA, estimator, own[lake.DAYS[0]])
    allowed = ["--allow-pickle"] if model_format is ModelFormat.JOBLIB else []
    _shell(tmp_path, "models", "register", str(artefact), "--name", "m1", "--reference", str(table), *allowed)
    told = _shell(tmp_path, "run", job, "--cluster", "local", "--workers", "2", "--json")
    assert json.loads(told.splitlines()[-1])["exit_code"] == 0
    for day, expected in own.items():
        assert_agree(workbench.published(job, day), expected, cell)


def _shell(root: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "batch_scorer", "-p", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
