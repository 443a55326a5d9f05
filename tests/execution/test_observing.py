"""Observers of a run are told in order, and cannot hurt it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from batch_scorer import wiring
from batch_scorer.config.project import Project
from batch_scorer.core.errors import BatchScorerError, LockHeld, StoreUnavailable
from batch_scorer.core.outcomes import PartitionOutcome, Published
from batch_scorer.core.plans import ModelChoice, Plan, Selection
from batch_scorer.core.records import RunRecord
from batch_scorer.core.runs import RunOptions, RunReport
from batch_scorer.execution.observing import Observers
from batch_scorer.ops.logs import configure_logging
from tests.conftest import TaxiProject


class Diary:
    """Writes down what it is told, after doing what the test wants to happen."""

    def __init__(self, name: str = "diary", then: Callable[[], object] = lambda: None) -> None:
        self.name = name
        self.told: list[Any] = []
        self._then = then

    def started(self, run: RunRecord, plan: Plan) -> None:
        self._note(("started", run.run_id, len(plan.order)))

    def ended(self, report: RunReport, plan: Plan) -> None:
        self._note(("ended", report.run.run_id, report.exit_code))

    def refused(self, error: BatchScorerError) -> None:
        self._note(("refused", error.exit_code))

    def _note(self, what: tuple[Any, ...]) -> None:
        self.told.append(what)
        self._then()


class Nobody:
    """Listens to a run."""

    def run_started(self, run: RunRecord, plan: Plan) -> None: ...

    def rows_read(self, label: str, n_rows: int) -> None: ...

    def partition_done(self, outcome: PartitionOutcome) -> None: ...

    def warned(self, text: str) -> None: ...


@pytest.fixture
def restored_logging() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("batch_scorer")
    handlers, level = list(root.handlers), ours.level
    yield
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers[:] = handlers
    ours.setLevel(level)


def _raise(error: Exception) -> Callable[[], object]:
    def then() -> None:
        raise error

    return then


def _run(project: TaxiProject, *observers: Diary) -> RunReport:
    parts = replace(wiring.open_job(Project(root=project.root), "taxi_tips"), observers=observers)
    return wiring.run_job(parts, Selection(), ModelChoice(), RunOptions(cluster="inline"), Nobody())


def test_a_run_tells_its_start_and_its_end(project: TaxiProject) -> None:
    diary = Diary()
    report = _run(project, diary)
    assert diary.told == [("started", report.run.run_id, 2), ("ended", report.run.run_id, 0)]
    assert report.warnings == ()


def test_one_that_raises_is_a_warning_of_a_run_that_went_well(project: TaxiProject) -> None:
    away = Diary("pager", _raise(StoreUnavailable("refused the connection")))
    broken = Diary("metrics", _raise(KeyError("rows")))
    diary = Diary()
    report = _run(project, away, broken, diary)
    assert report.exit_code == 0
    assert [type(outcome) for outcome in report.outcomes] == [Published, Published]
    # Told at the start and at the end, and said once.
    assert report.warnings == (
        "pager: refused the connection",
        "metrics: unexpected KeyError: 'rows'",
    )
    assert [told[0] for told in diary.told] == ["started", "ended"]


def test_nobody_waits_for_one_that_hangs_and_the_others_are_told() -> None:
    forever = threading.Event()
    hangs, diary = Diary("pager", forever.wait), Diary()
    observers = Observers([hangs, diary], patience_s=2.0)  # the diary has as long
    try:
        assert observers.refused(LockHeld("another run")) == ("pager: no answer in 2 s",)
    finally:
        forever.set()
    assert diary.told == [("refused", 75)]


def test_what_an_observer_logs_names_the_run(
    project: TaxiProject, tmp_path: Path, restored_logging: None
) -> None:
    configure_logging(file=tmp_path / "log")
    log = logging.getLogger("batch_scorer.tests")
    report = _run(project, Diary(then=lambda: log.warning("telling")))
    lines = (tmp_path / "log").read_text().splitlines()
    assert len(lines) == 2
    assert all(line.endswith(f"telling [run {report.run.run_id}]") for line in lines)


def test_a_failure_to_tell_is_in_the_log_file(tmp_path: Path, restored_logging: None) -> None:
    configure_logging(file=tmp_path / "log")
    Observers([Diary("pager", _raise(StoreUnavailable("away")))]).refused(LockHeld("another run"))
    assert "WARNING batch_scorer.execution.observing: pager: away" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (lambda project: (project.root / "data/models/taxi_tips/1/manifest.json").write_text("{}"), 5),
        (lambda project: (project.state / "ledger.db").write_bytes(b"no database" * 100), 6),
    ],
    ids=["a model", "a ledger"],
)
def test_a_night_that_never_got_to_its_plan_is_told(
    project: TaxiProject,
    monkeypatch: pytest.MonkeyPatch,
    broken: Callable[[TaxiProject], object],
    code: int,
) -> None:
    diary = Diary()
    monkeypatch.setattr(wiring, "observers_of", lambda *_: (diary,))
    project.state.mkdir(parents=True, exist_ok=True)
    broken(project)
    assert project.cli("run", "taxi_tips").code == code
    assert diary.told == [("refused", code)]


def test_a_mistyped_command_is_told_to_nobody_but_who_typed_it(
    project: TaxiProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    diary = Diary()
    monkeypatch.setattr(wiring, "observers_of", lambda *_: (diary,))
    assert project.cli("run", "taxi_tips", "--model", "no_such@1").code == 2
    assert diary.told == []
