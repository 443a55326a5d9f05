"""The paragraph "Due" of the command-line contract, sentence by sentence. Today is 2024-04-10."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import Action, Cause, Plan, Reprocess
from batch_scorer.core.records import AttemptState, PartitionPast
from tests.planning.conftest import (
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
    rows,
    tried,
)

FAILED, BLOCKED = AttemptState.FAILED, AttemptState.BLOCKED
JOB = make_job()


def actions(plan: Plan) -> dict[str, str]:
    return {entry.label[-2:]: entry.action.value for entry in plan.entries}


def order(plan: Plan) -> list[str]:
    return [partition.label[-2:] for partition in plan.order]


def test_without_a_range_every_missing_partition_is_due_newest_first(plan_for: PlanFor) -> None:
    plan = plan_for(JOB, *(make_found(april(n)) for n in (1, 2, 3)))
    assert rows(plan) == [(f"2024-04-0{n}", "SCORE", "missing") for n in (1, 2, 3)]
    assert order(plan) == ["03", "02", "01"]


@pytest.mark.parametrize(("first", "taken"), [("newest_first", ["04", "03"]), ("oldest_first", ["01", "02"])])
def test_at_most_max_partitions_missing_ones_in_catchup_order(
    plan_for: PlanFor, first: str, taken: list[str]
) -> None:
    job = make_job(catchup={"max_partitions": 2, "order": first})
    plan = plan_for(job, *(make_found(april(n)) for n in (1, 2, 3, 4)))
    assert order(plan) == taken
    later = plan.with_action(Action.LATER)
    assert len(later) == 2
    assert later[0].why == "missing; over catchup.max_partitions 2"


def test_old_failures_and_waiting_days_do_not_starve_missing_ones(plan_for: PlanFor) -> None:
    job = make_job(catchup={"max_partitions": 2}, ready={"marker": "_SUCCESS"})
    poison = make_found(april(1))
    found = [poison, *(make_found(april(n)) for n in (5, 6)), make_found(april(9), has_marker=False)]
    plan = plan_for(job, *found, records=[tried(None, poison, FAILED)])
    assert order(plan) == ["06", "05", "01"]


def test_max_partitions_does_not_hold_for_a_range(plan_for: PlanFor) -> None:
    job = make_job(catchup={"max_partitions": 1})
    plan = plan_for(job, *(make_found(april(n)) for n in (1, 2, 3)), first_day=dt.date(2024, 4, 1))
    assert len(plan.order) == 3


@pytest.mark.parametrize("state", [FAILED, BLOCKED])
def test_failed_and_blocked_ones_are_due_until_give_up_after(plan_for: PlanFor, state: AttemptState) -> None:
    job, found = make_job(catchup={"give_up_after": 3}), make_found(april(9))
    twice, thrice = tried(None, found, state, state), tried(None, found, state, state, state)
    assert only(plan_for(job, found, records=[twice])).action is Action.SCORE
    entry = only(plan_for(job, found, records=[thrice]))
    assert entry.action is Action.GAVE_UP
    assert entry.why == (
        f"{state} 3 times: fare is negative; tried 3 times, given up; "
        "batch-scorer backfill tips --from 2024-04-09 --to 2024-04-09"
    )


def test_without_give_up_after_a_failure_is_tried_forever(plan_for: PlanFor) -> None:
    found = make_found(april(9))
    plan = plan_for(JOB, found, records=[tried(None, found, *[FAILED] * 50)])
    assert only(plan).why == "failed 50 times: fare is negative"
    assert plan.order == (found.partition,)


@pytest.mark.parametrize("asked", [{"first_day": dt.date(2024, 4, 9)}, {"reprocess": Reprocess.FAILED}])
def test_asking_lifts_give_up_after(plan_for: PlanFor, asked: dict[str, Any]) -> None:
    job, found = make_job(catchup={"give_up_after": 1}), make_found(april(9))
    plan = plan_for(job, found, records=[tried(None, found, FAILED)], **asked)
    assert only(plan).action is Action.SCORE


def test_stale_ones_are_due_within_lookback_and_outdated_beyond(plan_for: PlanFor) -> None:
    found = [make_found(april(n)) for n in (6, 7, 8, 9)]
    records = [published(f, **V6) for f in found]
    plan = plan_for(make_job(lookback="3d"), *found, records=records)
    assert actions(plan) == {"06": "OUTDATED", "07": "SCORE", "08": "SCORE", "09": "SCORE"}
    assert plan.entries[0].why == (
        "(v6), not due; stale: scored with v6; batch-scorer backfill tips --from 2024-04-06 --to 2024-04-06"
    )
    assert plan.entries[1].why == "stale: scored with v6"


def test_without_lookback_only_changed_input_makes_a_stale_one_due(plan_for: PlanFor) -> None:
    changed, other_model = make_found(april(1)), make_found(april(2))
    records = [
        published(make_found(april(1), size=99), **V6),
        published(other_model, **V6),
    ]
    plan = plan_for(JOB, changed, other_model, records=records)
    assert actions(plan) == {"01": "SCORE", "02": "OUTDATED"}


LADDER = ["missing", "failed", "stale", "fresh", "pinned"]


@pytest.mark.parametrize(
    ("step", "scored"),
    [
        (Reprocess.MISSING, ["missing"]),
        (Reprocess.FAILED, ["missing", "failed"]),
        (Reprocess.STALE, ["missing", "failed", "stale"]),
        (Reprocess.ALL, LADDER),
    ],
)
@pytest.mark.parametrize("ranged", [{}, {"first_day": dt.date(2024, 1, 1)}])
def test_reprocess_is_a_ladder_and_lifts_the_lookback_limit(
    plan_for: PlanFor, step: Reprocess, scored: list[str], ranged: dict[str, Any]
) -> None:
    job = make_job(partition_by={"what": "string", "ds": "date"}, lookback="1d")
    names = ("what", "ds")
    found = {what: make_found(Partition(names=names, values=(what, dt.date(2024, 1, 5)))) for what in LADDER}
    records = [
        tried(None, found["failed"], FAILED),
        published(found["stale"], suite_fingerprint="x"),
        published(found["fresh"]),
        published(found["pinned"], pinned=True, **V6),
    ]
    plan = plan_for(job, *found.values(), records=records, reprocess=step, **ranged)
    assert sorted(str(partition.values[0]) for partition in plan.order) == sorted(scored)


def test_what_a_step_of_the_ladder_leaves_out_is_told(plan_for: PlanFor) -> None:
    failed, stale = make_found(april(8)), make_found(april(9))
    records = [tried(None, failed, FAILED), published(stale, **V6)]
    plan = plan_for(JOB, failed, stale, records=records, reprocess=Reprocess.MISSING)
    assert actions(plan) == {"08": "SKIP", "09": "OUTDATED"}
    assert plan.entries[0].why == "not asked for; failed: fare is negative"


def test_all_scores_what_is_up_to_date_because_it_was_asked_for(plan_for: PlanFor) -> None:
    found = make_found(april(9))
    entry = only(plan_for(JOB, found, records=[published(found, number=4)], reprocess=Reprocess.ALL))
    assert (entry.action, entry.why) == (Action.SCORE, "asked for: --reprocess all")
    assert entry.base_generation == 4


@pytest.mark.parametrize(
    "asked",
    [
        {"first_day": dt.date(2024, 1, 5)},
        {"last_day": dt.date(2024, 1, 5)},
        {"partitions": (("ds", "2024-01-05"),)},
    ],
)
def test_a_range_or_a_partition_lifts_the_lookback_limit(plan_for: PlanFor, asked: dict[str, Any]) -> None:
    found = make_found(day("2024-01-05"))
    record = published(found, **V6)
    job = make_job(lookback="3d")
    assert only(plan_for(job, found, records=[record])).action is Action.OUTDATED
    assert only(plan_for(job, found, records=[record], **asked)).action is Action.SCORE


def test_both_ends_of_a_range_are_included_and_nothing_else(plan_for: PlanFor) -> None:
    found = [make_found(april(n)) for n in (1, 2, 3, 4)]
    plan = plan_for(JOB, *found, first_day=dt.date(2024, 4, 2), last_day=dt.date(2024, 4, 3))
    assert actions(plan) == {"02": "SCORE", "03": "SCORE"}


def test_a_range_works_newest_first_unless_told_otherwise(plan_for: PlanFor) -> None:
    job = make_job(catchup={"order": "oldest_first"})
    found = [make_found(april(n)) for n in (1, 2)]
    first = dt.date(2024, 4, 1)
    assert order(plan_for(job, *found, first_day=first)) == ["02", "01"]
    assert order(plan_for(job, *found, first_day=first, newest_first=False)) == ["01", "02"]


def test_a_day_is_due_only_after_it_has_ended_in_the_jobs_time_zone(plan_for: PlanFor) -> None:
    """At 04:30 UTC on the 10th it is still the 9th in Chicago."""
    found = make_found(april(9))
    entry = only(plan_for(JOB, found, now=dt.datetime(2024, 4, 10, 4, 30, tzinfo=dt.UTC)))
    assert (entry.action, entry.why) == (Action.WAIT, "its day is not over in America/Chicago")
    later = plan_for(JOB, found, now=dt.datetime(2024, 4, 10, 5, 0, tzinfo=dt.UTC))
    assert only(later).action is Action.SCORE
    assert later.today == dt.date(2024, 4, 10)


def test_a_range_does_not_make_an_unfinished_day_due(plan_for: PlanFor) -> None:
    plan = plan_for(JOB, make_found(april(10)), first_day=dt.date(2024, 4, 10), reprocess=Reprocess.ALL)
    assert only(plan).reasons[0].cause is Cause.DAY_NOT_OVER


def test_include_today_makes_today_due_but_not_tomorrow(plan_for: PlanFor) -> None:
    plan = plan_for(make_job(include_today=True), make_found(april(10)), make_found(april(11)))
    assert actions(plan) == {"10": "SCORE", "11": "WAIT"}


def test_an_expected_day_without_a_directory_is_wait(plan_for: PlanFor) -> None:
    plan = plan_for(make_job(expect="daily", lookback="3d"), make_found(april(8)))
    assert rows(plan) == [
        ("2024-04-07", "WAIT", "no directory yet"),
        ("2024-04-08", "SCORE", "missing"),
        ("2024-04-09", "WAIT", "no directory yet"),
    ]
    assert plan.entries[0].partition == april(7)


def test_a_day_is_not_expected_unless_the_job_says_so(plan_for: PlanFor) -> None:
    assert actions(plan_for(make_job(lookback="3d"), make_found(april(8)))) == {"08": "SCORE"}


def test_a_range_shows_its_gaps_but_not_the_days_before_the_table_began(plan_for: PlanFor) -> None:
    job = make_job(expect="daily", lookback="1d")
    found = [make_found(april(n)) for n in (3, 5)]
    plan = plan_for(job, *found, first_day=dt.date(2023, 1, 1), last_day=dt.date(2024, 4, 6))
    assert actions(plan) == {"03": "SCORE", "04": "WAIT", "05": "SCORE", "06": "WAIT"}


def test_with_several_keys_a_day_arrived_when_any_partition_has_it(plan_for: PlanFor) -> None:
    job = make_job(partition_by={"region": "string", "ds": "date"}, expect="daily", lookback="2d")
    eu = Partition(names=("region", "ds"), values=("eu", dt.date(2024, 4, 8)))
    plan = plan_for(job, make_found(eu))
    assert rows(plan) == [
        ("2024-04-09", "WAIT", "no directory yet"),
        ("region=eu/ds=2024-04-08", "SCORE", "missing"),
    ]


def test_no_marker_means_not_ready(plan_for: PlanFor) -> None:
    job = make_job(ready={"marker": "_SUCCESS"})
    entry = only(plan_for(job, make_found(april(9), has_marker=False)))
    assert (entry.action, entry.why) == (Action.WAIT, "not ready: no _SUCCESS")
    assert only(plan_for(job, make_found(april(9)))).action is Action.SCORE


def test_files_younger_than_min_age_are_not_ready(plan_for: PlanFor) -> None:
    job = make_job(ready={"min_age": "30m"})
    minutes = dt.timedelta(minutes=1)
    young = only(plan_for(job, make_found(april(9), written=NOW - 29 * minutes)))
    assert young.action is Action.WAIT
    assert young.why == "not ready: changed at 2024-04-10 14:31:00Z, min_age 0:30:00"
    assert only(plan_for(job, make_found(april(9), written=NOW - 30 * minutes))).action is Action.SCORE


def test_a_directory_without_parquet_files_is_not_ready(plan_for: PlanFor) -> None:
    entry = only(plan_for(JOB, make_found(april(9), n_files=0)))
    assert (entry.action, entry.why) == (Action.WAIT, "not ready: no Parquet files")


def test_what_is_not_due_does_not_wait(plan_for: PlanFor) -> None:
    job = make_job(ready={"marker": "_SUCCESS"})
    found = make_found(april(9), has_marker=False)
    assert only(plan_for(job, found, records=[published(found)])).action is Action.SKIP


@pytest.mark.parametrize("found", [[], [make_found(april(9), n_files=0)]])
def test_a_published_partition_whose_input_vanished_is_reported(plan_for: PlanFor, found: list[Any]) -> None:
    job = make_job(expect="daily")
    entry = only(plan_for(job, *found, records=[published(make_found(april(9)), number=2)]))
    assert (entry.action, entry.base_generation) == (Action.VANISHED, 2)
    assert entry.why == "input vanished; the published predictions (v7) stay"


def test_what_vanished_outside_the_range_is_not_reported(plan_for: PlanFor) -> None:
    records = [published(make_found(april(1)))]
    assert plan_for(JOB, make_found(april(9)), records=records, first_day=dt.date(2024, 4, 2)).order
    assert not plan_for(JOB, records=records, first_day=dt.date(2024, 4, 2)).entries


def test_a_failure_whose_directory_is_gone_is_forgotten(plan_for: PlanFor) -> None:
    assert plan_for(JOB, records=[tried(None, make_found(april(9)), FAILED)]).entries == ()


def test_a_pinned_generation_is_kept_even_in_a_range(plan_for: PlanFor) -> None:
    found = make_found(april(9), size=200)
    record = published(make_found(april(9)), pinned=True, **V6)
    entry = only(plan_for(JOB, found, records=[record], first_day=dt.date(2024, 4, 9)))
    assert (entry.action, entry.why) == (
        Action.KEEP,
        "pinned (v6), by ana: v6 is good; input changed, not scored",
    )


def test_undated_partitions_are_due_again_when_their_input_changed(plan_for: PlanFor) -> None:
    job = make_job(partition_by={"region": "string"}, lookback="3d")

    def region(name: str, size: int = 100) -> Any:
        return make_found(Partition(names=("region",), values=(name,)), size=size)

    records: list[PartitionPast] = [
        published(region("eu", 99)),
        published(region("us"), **V6),
    ]
    plan = plan_for(job, region("eu"), region("us"), region("it's"), records=records)
    assert rows(plan) == [
        ("eu", "SCORE", "stale: input changed"),
        ("it's", "SCORE", "missing"),
        (
            "us",
            "OUTDATED",
            "(v6), not due; stale: scored with v6; batch-scorer backfill tips --partition region=us",
        ),
    ]


def test_what_was_released_is_due_whatever_the_lookback(plan_for: PlanFor) -> None:
    found = make_found(april(1))
    plan = plan_for(make_job(lookback="3d"), found, records=[released(published(found), found)])
    assert rows(plan) == [("2024-04-01", "SCORE", "released from quarantine: fares are right")]


@pytest.mark.parametrize(
    ("step", "action"),
    [("missing", "SKIP"), ("failed", "SKIP"), ("stale", "SCORE"), ("all", "SCORE")],
)
def test_a_released_partition_is_a_step_of_the_ladder_above_failed_ones(
    plan_for: PlanFor, step: str, action: str
) -> None:
    found = make_found(april(1))
    record = released(published(found), found)
    assert only(plan_for(JOB, found, records=[record], reprocess=Reprocess(step))).action.value == action


def test_what_is_asked_for_one_by_one_is_scored_again_unless_it_was_published_since(
    plan_for: PlanFor,
) -> None:
    found = [make_found(april(n)) for n in (1, 2, 3, 4)]
    records = [
        published(found[0], number=2),
        published(found[1], number=3),
        published(found[2], number=3, pinned=True),
    ]
    exactly = tuple((each.partition.path, number) for each, number in zip(found, (2, 2, 3, 0), strict=True))
    plan = plan_for(JOB, *found, records=records, exactly=exactly)
    assert actions(plan) == {"01": "SCORE", "02": "SKIP", "03": "SCORE", "04": "SCORE"}
    assert plan.entries[1].why == "generation 3 was published since"
