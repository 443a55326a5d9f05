"""From how a run went to what is told of it, and when a trouble with a partition is over."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from batch_scorer.core.chunks import Accounting
from batch_scorer.core.errors import FileUnreadable, LockHeld, RunTimedOut
from batch_scorer.core.notices import Event, Notice
from batch_scorer.core.outcomes import Blocked, Failed, Held, PartitionOutcome, Published
from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import Action, Cause, PartitionPlan, Plan, Reason, Selection
from batch_scorer.core.records import RunRecord, RunState
from batch_scorer.core.runs import RunReport
from batch_scorer.ops.notifying.composing import Composer, is_settled

COMPOSER = Composer(job="taxi_tips", project="/srv/my scoring", target="prod")
NOW = dt.datetime(2024, 4, 1, 4, 30, tzinfo=dt.UTC)


def partition(day: int) -> Partition:
    return Partition(names=("ride_date",), values=(dt.date(2024, 3, day),))


def entry(day: int, action: Action, cause: Cause = Cause.MISSING) -> PartitionPlan:
    reasons = (Reason(cause=cause, text=str(cause)),)
    return PartitionPlan(partition=partition(day), label=f"2024-03-{day:02}", action=action, reasons=reasons)


def plan(*entries: PartitionPlan, selection: Selection | None = None) -> Plan:
    fields: dict[str, Any] = {"job": "taxi_tips", "today": NOW.date(), "timezone": "UTC"}
    fields |= {"model": None, "suite_fingerprint": "", "config_fingerprint": ""}
    return Plan(entries=entries, selection=selection or Selection(), **fields)


def report(*outcomes: PartitionOutcome, exit_code: int, **changes: Any) -> RunReport:
    fields: dict[str, Any] = {
        "run_id": "01JQ8ZC2E6T1V4M8K3N5P7R9SA", "job": "taxi_tips", "state": RunState.FINISHED,
        "started_at": NOW, "finished_at": NOW, "exit_code": exit_code, "model": "taxi_tips@7",
        "model_sha256": "", "command": (), "host": "box", "pid": 1, "user": "me", "code_version": "0",
    }  # fmt: skip
    return RunReport(run=RunRecord(**(fields | changes)), outcomes=outcomes, exit_code=exit_code)


def published(day: int, **changes: Any) -> Published:
    rows = Accounting(n_read=1, n_scored=1, n_quarantined=0, n_dropped=0)
    return Published(partition=partition(day), label=f"2024-03-{day}", generation=1, rows=rows, **changes)


def failed(day: int) -> Failed:
    error = FileUnreadable("no Parquet", fix="write it again")
    return Failed(partition=partition(day), label=f"2024-03-{day}", error=error)


def blocked(day: int) -> Blocked:
    return Blocked(partition=partition(day), label=f"2024-03-{day}", why="too few rows")


def told(*outcomes: PartitionOutcome, exit_code: int, plan: Plan = plan(), **changes: Any) -> Notice:  # noqa: B008
    return COMPOSER.end(report(*outcomes, exit_code=exit_code, **changes), plan)


def test_a_good_night_has_no_problem_and_nothing_to_do_next() -> None:
    notice = told(published(30), exit_code=0, n_published=1)
    assert (notice.event, notice.problems, notice.next_command) == (Event.SUCCESS, (), None)


def test_nothing_due_is_good_whatever_exit_code_was_asked_for() -> None:
    assert told(exit_code=9).event is Event.SUCCESS


def test_what_failed_stands_before_what_was_blocked() -> None:
    notice = told(blocked(29), published(30), failed(31), exit_code=3, n_blocked=1)
    assert notice.event is Event.FAILED
    assert [(p.partition, p.state, p.kind, p.fix) for p in notice.problems] == [
        ("ride_date=2024-03-31", "failed", "FileUnreadable", "write it again"),
        ("ride_date=2024-03-29", "blocked", "blocked", None),
    ]
    assert notice.next_command == (
        "batch-scorer -p '/srv/my scoring' -t prod show 01JQ8ZC2E6T1V4M8K3N5P7R9SA --validation"
    )


def test_what_stopped_the_run_stands_first() -> None:
    error = RunTimedOut("the run took longer").as_dict()
    notice = told(published(30), failed(31), exit_code=124, error=error)
    assert [problem.kind for problem in notice.problems] == ["RunTimedOut", "FileUnreadable"]


def test_a_partition_that_is_held_or_waits_is_a_failure_to_tell() -> None:
    held = Held(partition=partition(29), label="2024-03-29", error=LockHeld("run X works on it"))
    waiting = plan(entry(30, Action.WAIT, Cause.NOT_READY), entry(31, Action.WAIT, Cause.DAY_NOT_OVER))
    notice = told(held, exit_code=75, plan=waiting)
    assert notice.event is Event.FAILED
    assert [(p.partition, p.state) for p in notice.problems] == [
        ("ride_date=2024-03-29", "held"),
        ("ride_date=2024-03-30", "waiting"),
    ]


def test_where_one_was_published_and_another_waits_the_waiting_is_all_there_is_to_tell() -> None:
    waiting = plan(entry(31, Action.WAIT, Cause.NO_DIRECTORY))
    notice = told(published(30), exit_code=75, plan=waiting)
    assert [(p.partition, p.state) for p in notice.problems] == [("ride_date=2024-03-31", "waiting")]


def test_a_warning_that_was_asked_to_be_a_failure_is_one() -> None:
    notice = told(published(30, warnings=("company has nulls",)), exit_code=1)
    assert (notice.event, notice.problems[0].kind) == (Event.FAILED, "error-on")
    assert notice.warnings == ("2024-03-30: company has nulls",)


@pytest.mark.parametrize(
    ("action", "over"),
    [
        (Action.SKIP, True),
        (Action.KEEP, True),
        (Action.OUTDATED, True),
        (Action.VANISHED, True),
        (Action.GAVE_UP, False),
        (Action.LATER, False),
        (Action.WAIT, False),
        (Action.REFUSED, False),
        (Action.SCORE, False),  # and it was not published
    ],
)
def test_a_trouble_is_over_when_the_plan_has_nothing_against_it(action: Action, over: bool) -> None:
    good = report(published(1), exit_code=0)
    assert is_settled("ride_date=2024-03-30", good, plan(entry(30, action))) == over


def test_a_trouble_is_over_when_the_partition_is_published_or_gone() -> None:
    path = "ride_date=2024-03-30"
    good = report(published(30), exit_code=0)
    assert is_settled(path, good, plan(entry(30, Action.SCORE)))
    nothing = report(exit_code=0)
    assert is_settled(path, nothing, plan())
    assert not is_settled(path, nothing, plan(selection=Selection(first_day=dt.date(2024, 1, 1))))
    assert is_settled("", nothing, plan())
