"""What a partition costs beside its rows: few fsyncs and statements, and no more the more there are."""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from batch_scorer import wiring
from batch_scorer.config.project import Project
from batch_scorer.core.outcomes import PartitionOutcome, Published
from batch_scorer.core.plans import ModelChoice, Plan, Selection
from batch_scorer.core.records import RunRecord
from batch_scorer.core.runs import RunOptions, RunReport
from batch_scorer.execution import survey
from tests import taxi
from tests.conftest import TaxiProject

_N = 48
_MOST_FSYNCS = 10
_MOST_STATEMENTS = 40  # of the ledger, those that begin and end transactions included


class _Counts:
    """Listens to a run. n_lasting: transactions of the ledger that last on return."""

    def __init__(self) -> None:
        self.fsyncs: Counter[str] = Counter()
        self.n_statements = 0
        self.n_lasting = 0
        self.report: RunReport | None = None

    def run_started(self, run: RunRecord, plan: Plan) -> None: ...

    def rows_read(self, label: str, n_rows: int) -> None: ...

    def warned(self, text: str) -> None: ...

    def partition_done(self, outcome: PartitionOutcome) -> None:
        assert isinstance(outcome, Published)

    def take(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        self.n_statements += 1
        self.n_lasting += statement == "PRAGMA synchronous = FULL"


@contextmanager
def _counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Counts]:
    counts, fsync = _Counts(), os.fsync

    def counted(descriptor: int) -> None:
        kind = "directory" if Path(f"/proc/self/fd/{descriptor}").is_dir() else "file"
        counts.fsyncs[kind] += 1
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", counted)
    event.listen(Engine, "before_cursor_execute", counts.take)
    yield counts
    event.remove(Engine, "before_cursor_execute", counts.take)


def _run(project: TaxiProject, counts: _Counts, last_day: dt.date | None = None) -> None:
    parts = wiring.open_job(Project(root=project.root), "taxi_tips")
    options = RunOptions(cluster="inline")
    selection = Selection(last_day=last_day, newest_first=False)
    counts.report = wiring.run_job(parts, selection, ModelChoice(), options, counts)
    parts.ledger.close()
    assert counts.report.exit_code == 0


@pytest.fixture
def tiny(make_project: Callable[..., TaxiProject]) -> TaxiProject:
    project = make_project(0)
    for index, day in enumerate(taxi.days(_N)):
        taxi.write_day(project.lake, day, taxi.rides(5, first_id=index * 10), n_files=1)
    return project


def test_a_tiny_partition_costs_few_fsyncs_and_as_many_statements_as_the_ones_before(
    tiny: TaxiProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_first = _N // 3
    with _counting(monkeypatch) as first:
        _run(tiny, first, last_day=taxi.days(n_first)[-1])
    with _counting(monkeypatch) as counts:
        _run(tiny, counts)
    n = _N - n_first
    # Each transaction that lasts is one fsync of SQLite's, which os.fsync does not see.
    assert sum(counts.fsyncs.values()) + counts.n_lasting <= _MOST_FSYNCS * n
    assert counts.fsyncs["file"] >= 2 * n  # data and manifest of each, for how else would they last?
    assert counts.n_statements / n <= first.n_statements / n_first
    assert counts.n_statements <= _MOST_STATEMENTS * n


def test_what_becomes_visible_was_recorded_by_a_transaction_that_lasts(
    tiny: TaxiProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several share one; none goes without."""
    from batch_scorer.execution.publishing import publish

    order: list[tuple[str, int]] = []
    with _counting(monkeypatch) as counts:
        begin, show = publish.begin, publish.show

        def began(parts: Any, staged: Any, *rest: Any) -> Any:
            before = counts.n_lasting
            refused = begin(parts, staged, *rest)
            assert counts.n_lasting == before + bool(staged)
            order.extend(("begun", each.record.number) for each in staged)
            return refused

        def shown(*given: Any) -> Any:
            order.append(("shown", 1))
            return show(*given)

        monkeypatch.setattr("batch_scorer.execution.settle.begin", began)
        monkeypatch.setattr("batch_scorer.execution.settle.show", shown)
        _run(tiny, counts)
    assert order.count(("begun", 1)) == order.count(("shown", 1)) == _N
    n_begun = 0
    for what, _ in order:
        n_begun += 1 if what == "begun" else -1
        assert n_begun >= 0


def test_partitions_whose_footers_the_plan_did_not_read_are_opened_when_their_turn_comes(
    tiny: TaxiProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "_MOST_FOOTERS", 3)
    parts = wiring.open_job(Project(root=tiny.root), "taxi_tips")
    try:
        now = dt.datetime.now(dt.UTC)
        plan = survey.survey(parts, ModelChoice(), Selection(newest_first=False), now).plan
    finally:
        parts.ledger.close()
    known = [entry.n_rows for entry in plan.to_score]
    assert known[:3] == [5, 5, 5]
    assert set(known[3:]) == {None}
    assert abs(plan.n_rows - 5 * _N) <= _N  # of the others, by their bytes
    with _counting(monkeypatch) as counts:
        _run(tiny, counts)
    assert counts.report is not None
    assert sum(o.rows.n_scored for o in counts.report.outcomes if isinstance(o, Published)) == 5 * _N


def test_a_replaced_tiny_partition_costs_few_fsyncs_too(
    tiny: TaxiProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _counting(monkeypatch) as counts:
        _run(tiny, counts)
        for index, day in enumerate(taxi.days(_N)):
            taxi.write_day(tiny.lake, day, taxi.rides(6, first_id=index * 10), n_files=1)
    with _counting(monkeypatch) as counts:
        _run(tiny, counts)
    assert sum(counts.fsyncs.values()) + counts.n_lasting <= (_MOST_FSYNCS + 2) * _N


def test_directories_that_a_run_was_killed_before_it_synced_are_synced_by_the_next(
    make_project: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut could take each away, with all that was published into it since."""
    project = make_project(1)
    manifests = project.state / "manifests" / "taxi_tips"
    (manifests / project.day(0).name).mkdir(parents=True)
    project.predictions.mkdir(parents=True)
    synced, fsync = set(), os.fsync

    def noted(descriptor: int) -> None:
        synced.add(Path(f"/proc/self/fd/{descriptor}").resolve())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    assert project.cli("run", "taxi_tips", "--cluster", "inline").code == 0
    named = (manifests / project.day(0).name, manifests, manifests.parent, project.state, project.predictions)
    assert {directory.parent for directory in named} <= synced
