"""What workers say reaches the driver's log, with the run and the worker; nothing else is on stderr."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from pathlib import Path
from typing import Any

import joblib
import pytest

from tests import taxi
from tests.conftest import TaxiProject

_MODEL = """
    import logging
    import os
    import signal
    from pathlib import Path

    from sklearn.dummy import DummyClassifier


    class Noisy(DummyClassifier):
        def predict_proba(self, X):
            logging.getLogger("noisy").warning("an odd fare in %s rows", len(X))
            tomb = os.environ.get("TOMB")
            if tomb and not Path(tomb).exists():
                Path(tomb).touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return super().predict_proba(X)
"""


@pytest.fixture
def noisy(project: TaxiProject, monkeypatch: pytest.MonkeyPatch) -> TaxiProject:
    """Two days in four chunks; the model logs."""
    (project.root / "src").mkdir()
    (project.root / "src" / "noisy_model.py").write_text(textwrap.dedent(_MODEL))
    monkeypatch.syspath_prepend(str(project.root / "src"))
    monkeypatch.delitem(sys.modules, "noisy_model", raising=False)
    with_it = [str(project.root / "src"), os.environ.get("PYTHONPATH", "")]  # registering knows no job
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(with_it))
    frame = taxi.rides(50)
    model = __import__("noisy_model").Noisy().fit(frame[taxi.FEATURES], frame.tips > 0)
    joblib.dump(model, project.root / "noisy.joblib")
    frame.to_parquet(project.root / "training.parquet")
    taxi.write_job(project.root, taxi.job_document(code=["src"]))
    registered = project.shell(
        "models", "register", str(project.root / "noisy.joblib"), "--name", "taxi_tips",
        "--reference", str(project.root / "training.parquet"), "--allow-pickle", "--alias", "champion",
    )  # fmt: skip
    assert registered.code == 0, registered.stderr
    return project


def _records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def _kept(project: TaxiProject) -> list[dict[str, Any]]:
    (file,) = (project.state / "logs" / "taxi_tips").iterdir()
    run_id = project.cli("--json", "runs").lines[0]["run_id"]
    assert file.name == f"{run_id}.jsonl"
    records = _records(file.read_text())
    assert {record["run_id"] for record in records} == {run_id}
    return records


def test_workers_are_heard_and_nothing_on_stderr_is_unformatted_though_one_is_killed(
    noisy: TaxiProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TOMB", str(tmp_path / "tomb"))
    command = ["run", "taxi_tips", "--cluster", "local", "--workers", "2"]
    result = noisy.shell(*command, "--log-format", "json", "--log-file", str(tmp_path / "log"))
    assert result.code == 0, result.stderr
    assert result.stdout == ""
    records = _records(result.stderr)
    heard = [record for record in records if record["logger"] == "noisy"]
    assert heard
    assert all(record["worker"].startswith("tcp://") for record in heard)
    assert any("the worker died" in record["message"] for record in records)
    kept = _kept(noisy)
    assert {record["run_id"] for record in records} == {kept[0]["run_id"]}
    assert _records((tmp_path / "log").read_text()) == records
    assert kept[-1]["message"] == "ended with exit code 0"


def test_a_good_run_on_local_workers_says_nothing(project: TaxiProject) -> None:
    result = project.shell("run", "taxi_tips", "--cluster", "local", "--workers", "2")
    assert (result.code, result.stdout, result.stderr) == (0, "", "")


def test_inline_the_same_is_said(noisy: TaxiProject) -> None:
    result = noisy.shell("run", "taxi_tips", "--cluster", "inline", "--log-format", "json", "-v")
    records = _records(result.stderr)
    assert {record["logger"] for record in records} == {"noisy", "batch_scorer.cli.output"}
    kept = _kept(noisy)
    assert {record["run_id"] for record in records} == {kept[0]["run_id"]}
    assert "600 scored" in " ".join(record["message"] for record in kept)
