"""`plan --explain`: which rule applied, and every ingredient then and now."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from batch_scorer.config.job import Job
from batch_scorer.core.lakefiles import PartitionFiles
from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import Action, Plan, Reprocess
from batch_scorer.core.records import AttemptState, PartitionPast
from batch_scorer.planning.explaining import Compared, Explanation, explain
from tests.planning.conftest import (
    LONG_AGO,
    NOW,
    V6,
    PlanFor,
    april,
    day,
    make_found,
    make_job,
    only,
    published,
    released,
    tried,
)

FAILED, BLOCKED = AttemptState.FAILED, AttemptState.BLOCKED


def explained(job: Job, plan: Plan, record: PartitionPast | None, **known: Any) -> Explanation:
    of = {"now": NOW, "lease": None, "code_then": None, "code_now": "0.2.0", **known}
    return explain(job, plan, only(plan), record, **of)


def rule(
    plan_for: PlanFor, job: Job, found: PartitionFiles, record: PartitionPast | None, **asked: Any
) -> str:
    plan = plan_for(job, found, records=[record] if record else [], **asked)
    return explained(job, plan, record).rule


@pytest.mark.parametrize(
    ("schedule", "asked", "expected"),
    [
        ({}, {}, "missing, and without catchup.max_partitions all missing ones are due"),
        ({"catchup": {"max_partitions": 7}}, {}, "missing, catchup.max_partitions is 7"),
        (
            {"catchup": {"max_partitions": 7}},
            {"first_day": dt.date(2024, 4, 1)},
            "missing, and asked for: no limit applies but --limit",
        ),
    ],
)
def test_a_missing_one(
    plan_for: PlanFor, schedule: dict[str, Any], asked: dict[str, Any], expected: str
) -> None:
    assert rule(plan_for, make_job(**schedule), make_found(april(9)), None, **asked) == expected


def test_one_beyond_the_limit_is_due_and_put_off(plan_for: PlanFor) -> None:
    job = make_job(catchup={"max_partitions": 1})
    plan = plan_for(job, make_found(april(8)), make_found(april(9)))
    later = plan.entries[0]
    assert later.action is Action.LATER
    told = explain(job, plan, later, None, now=NOW, lease=None, code_then=None, code_now="0").rule
    assert told == "missing, catchup.max_partitions is 1; put off: over catchup.max_partitions 1"


@pytest.mark.parametrize(
    ("schedule", "n_tries", "asked", "expected"),
    [
        ({}, 2, {}, "tried 2 times, and without catchup.give_up_after it is tried for ever"),
        ({"give_up_after": 3}, 1, {}, "tried 1 time, catchup.give_up_after is 3"),
        ({"give_up_after": 3}, 3, {}, "tried 3 times, catchup.give_up_after is 3"),
        (
            {"give_up_after": 3},
            3,
            {"reprocess": Reprocess.FAILED},
            "tried 3 times, and asked for, which lifts catchup.give_up_after 3",
        ),
        ({}, 1, {"reprocess": Reprocess.MISSING}, "--reprocess missing leaves it out"),
    ],
)
def test_a_failed_one(
    plan_for: PlanFor, schedule: dict[str, Any], n_tries: int, asked: dict[str, Any], expected: str
) -> None:
    found = make_found(april(9))
    record = tried(None, found, *[FAILED] * n_tries)
    assert rule(plan_for, make_job(catchup=schedule), found, record, **asked) == expected


@pytest.mark.parametrize(
    ("lookback", "date", "size", "asked", "expected"),
    [
        ("3d", "2024-04-07", 100, {}, "stale, and not before 2024-04-07, where schedule.lookback begins"),
        ("3d", "2024-04-06", 100, {}, "stale, and before 2024-04-07, where schedule.lookback begins"),
        (None, "2024-04-06", 100, {}, "stale, and only changed input is due without schedule.lookback"),
        (None, "2024-04-06", 99, {}, "stale, and changed input is always due without schedule.lookback"),
        (
            "3d",
            "2024-04-06",
            100,
            {"last_day": dt.date(2024, 4, 6)},
            "stale, and asked for by --to 2024-04-06, which lifts schedule.lookback",
        ),
        (
            "3d",
            "2024-04-09",
            100,
            {"reprocess": Reprocess.FAILED},
            "--reprocess failed leaves out what is stale",
        ),
        ("3d", "2024-04-06", 100, {"reprocess": Reprocess.ALL}, "--reprocess all scores whatever there is"),
    ],
)
def test_a_stale_one(
    plan_for: PlanFor, lookback: str | None, date: str, size: int, asked: dict[str, Any], expected: str
) -> None:
    found = make_found(day(date), size=size)
    record = published(make_found(day(date)), **V6)
    if asked.get("reprocess") is Reprocess.ALL:
        record = published(found)
    assert rule(plan_for, make_job(lookback=lookback), found, record, **asked) == expected


def test_an_undated_stale_one(plan_for: PlanFor) -> None:
    job = make_job(partition_by={"region": "string"}, lookback="3d")
    found = make_found(Partition(names=("region",), values=("eu",)))
    told = rule(plan_for, job, found, published(found, **V6))
    assert told == "stale, and only changed input is due without a date"


def test_those_that_are_not_scored_tell_their_rule(plan_for: PlanFor) -> None:
    found = make_found(april(9))
    assert rule(plan_for, make_job(), found, published(found)).startswith("nothing that it was made of")
    assert rule(plan_for, make_job(), found, published(found, pinned=True)).startswith("a pin holds")
    gone = make_found(april(9), n_files=0)
    assert rule(plan_for, make_job(), gone, published(found)).startswith("what is published stays")
    assert rule(plan_for, make_job(), make_found(april(10)), None).startswith(
        "a day is due when it has ended"
    )
    early = make_job(include_today=True)
    assert rule(plan_for, early, make_found(april(11)), None) == "a day to come is never due"
    assert rule(plan_for, make_job(), gone, None) == "due, but input.ready does not hold"
    assert rule(plan_for, make_job(), found, released(published(found), found)).startswith("a release")
    waits = plan_for(make_job(expect="daily"))
    assert explained(make_job(expect="daily"), waits, None).rule == "schedule.expect is daily"


def test_every_ingredient_is_told_then_and_now(plan_for: PlanFor) -> None:
    record = published(make_found(april(9), size=99), suite_fingerprint="t", **V6)
    job = make_job(lookback="3d")
    plan = plan_for(job, make_found(april(9)), records=[record])
    told = explained(job, plan, record, code_then="0.1.0", lease="run 01 by ana")
    assert told.generation == 1
    assert told.input.same is False
    assert told.input.now is None  # a run will hash it
    assert told.input.note == "part-0.parquet was 99 bytes, is 100"
    assert told.model == Compared(then=f"tips@6 {'beef' * 16}", now=f"tips@7 {'a91c' * 16}", same=False)
    assert told.suites == Compared(then="t", now="s", same=False)
    assert told.config == Compared(then="c", now="c", same=True)
    assert (told.code.then, told.code.now, told.code.same) == ("0.1.0", "0.2.0", False)
    assert told.ready == ("its day is over in America/Chicago",)
    assert told.lease == "run 01 by ana"


def test_touched_files_with_their_old_content_are_as_before(plan_for: PlanFor) -> None:
    touched = make_found(april(9), written=NOW, sha256="5f2e" * 16)
    record = published(make_found(april(9)))
    told = explained(make_job(), plan_for(make_job(), touched, records=[record]), record)
    assert told.input.same
    assert told.input.then == told.input.now


def test_files_that_came_and_went_are_named_and_the_many_counted(plan_for: PlanFor) -> None:
    record = published(make_found(april(9), n_files=1))
    plan = plan_for(make_job(), make_found(april(9), n_files=8, written=NOW), records=[record])
    note = explained(make_job(), plan, record).input.note
    assert note.startswith("part-0.parquet was written again, part-1.parquet is new, ")
    assert note.endswith("part-4.parquet is new and 3 more")
    fewer = plan_for(make_job(), make_found(april(9)), records=[published(make_found(april(9), n_files=2))])
    fewer_record = published(make_found(april(9), n_files=2))
    assert explained(make_job(), fewer, fewer_record).input.note == "part-1.parquet is gone"


def test_of_one_never_published_there_is_no_then(plan_for: PlanFor) -> None:
    told = explained(make_job(), plan_for(make_job(), make_found(april(9))), None)
    every = (told.input, told.model, told.suites, told.config, told.code)
    assert all((each.then, each.same) == (None, None) for each in every)
    assert told.input.note == "1 file, 100 bytes"


def test_tries_tell_which_of_them_count(plan_for: PlanFor) -> None:
    found = make_found(april(9))
    now, before = tried(None, found, BLOCKED), tried(None, found, FAILED, FAILED, **V6)
    record = replace(now, attempts=(*now.attempts, *before.attempts))
    plan = plan_for(make_job(), found, records=[record])
    told = explained(make_job(), plan, record)
    assert [(each.state, each.counts) for each in told.tries] == [
        ("blocked", True),
        ("failed", False),
        ("failed", False),
    ]
    assert told.tries[0].run_id == "01JQ8Z"
    assert told.tries[0].at == LONG_AGO
    assert "tried 1 time" in told.rule


def test_readiness_is_told_condition_by_condition(plan_for: PlanFor) -> None:
    job = make_job(ready={"marker": "_SUCCESS", "min_age": "30m"})
    found = make_found(april(9), written=NOW - dt.timedelta(minutes=10), has_marker=False)
    told = explained(job, plan_for(job, found), None)
    assert told.ready == (
        "its day is over in America/Chicago",
        "no _SUCCESS",
        "last changed 0:10:00 ago, min_age 0:30:00",
    )
    today = make_job(include_today=True)
    plan = plan_for(today, make_found(april(10)))
    assert explained(today, plan, None).ready == ("its day is not over in America/Chicago (include_today)",)


def test_pins_and_releases_are_told(plan_for: PlanFor) -> None:
    found = make_found(april(9))
    record = released(
        released(published(found, pinned=True), found), make_found(april(9), size=5), content="x"
    )
    told = explained(make_job(), plan_for(make_job(), found, records=[record]), record)
    assert told.pin is not None
    assert told.pin.why == "v6 is good"
    assert [(each.waived.why, each.fits) for each in told.releases] == [
        ("fares are right", True),
        ("fares are right", False),
    ]
