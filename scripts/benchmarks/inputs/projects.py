"""Projects of ours to measure: a job, a suite of 12 expectations, a registered model; and their records."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.inputs.rides import Model
from benchmarks.measuring.commands import Argument, Measured, done, measured

BATCH_SCORER = Path(sys.executable).with_name("batch-scorer")
SUITE = Path(__file__).resolve().parents[1] / "rides_12.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    root: Path
    job: str

    def command(self, *arguments: Argument) -> list[Argument]:
        return [BATCH_SCORER, "-p", self.root, "-q", *arguments]

    def forget(self) -> None:
        """As if nothing had ever been scored."""
        for name in ("predictions", "state"):
            shutil.rmtree(self.root / "data" / name, ignore_errors=True)

    @property
    def predictions(self) -> Path:
        return self.root / "data" / "predictions"

    @property
    def ledger(self) -> Path:
        return self.root / "data" / "state" / "ledger.db"


def make_project(
    root: Path,
    lake: Path,
    model: Model,
    *,
    sections: Mapping[str, Any] | None = None,
    leave_out: Sequence[str] = (),
) -> Project:
    """A new project in place of what was there.

    sections: of the job file, instead of the usual ones. leave_out: types of expectations.
    """
    shutil.rmtree(root, ignore_errors=True)
    (root / "jobs" / "suites").mkdir(parents=True)
    (root / "jobs" / "suites" / SUITE.name).write_text(json.dumps(_suite(leave_out)))
    job = {**_job(lake, model.name), **(sections or {})}
    (root / "jobs" / f"{model.name}.yml").write_text(yaml.safe_dump(job, sort_keys=False))
    project = Project(root=root, job=model.name)
    done(project.command("models", "register", model.artefact, "--name", model.name, "--allow-pickle",
                         "--reference", model.training, "--alias", "champion"))  # fmt: skip
    return project


def night(project: Project, *options: Argument) -> Measured:
    """Everything is due. Raises: CommandFailed."""
    project.forget()
    return measured(project.command("run", project.job, *options))


def record_of_last_run(project: Project) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The run, and its attempts at partitions, as `show last` gives them."""
    shown = done([BATCH_SCORER, "-p", project.root, "--json", "show", "last"])
    lines = [json.loads(line) for line in shown.splitlines()]
    attempts = [line for line in lines if line["message_type"] == "attempt"]
    return next(line for line in lines if line["message_type"] == "run"), attempts


def _suite(leave_out: Sequence[str]) -> dict[str, Any]:
    suite: dict[str, Any] = json.loads(SUITE.read_text())
    kept = [each for each in suite["expectations"] if each["type"] not in leave_out]
    return {**suite, "expectations": kept}


def _job(lake: Path, name: str) -> dict[str, Any]:
    return {
        "version": 1,
        "name": name,
        "schedule": {"timezone": "America/Chicago"},
        "input": {"path": str(lake), "partition_by": {"ride_date": "date"}, "key": ["ride_id"]},
        "validate": {"input": [{"suite": "rides_12", "on_fail": "warn"}]},
        "model": {
            "uri": f"{name}@champion",
            "method": "predict_proba",
            "output": {"score": "float64 = proba[1]", "prediction": "int8 = proba[1] > 0.5"},
        },
        "output": {"path": "data/predictions", "state": "data/state"},
    }
