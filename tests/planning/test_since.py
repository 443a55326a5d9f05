"""`--since last-success`: where a range begins that nobody gave a day."""

from __future__ import annotations

import datetime as dt

import pytest

from batch_scorer.core.errors import UsageError
from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import Selection
from batch_scorer.planning.selection import as_options, check_selection, is_ranged, since_success
from tests.planning.conftest import V6, PlanFor, april, make_found, make_job, published

ASKED = Selection(since_last_success=True, limit=3)


def test_it_begins_at_the_newest_day_that_a_success_published() -> None:
    resolved = since_success(ASKED, [april(3), april(7), april(5)])
    assert resolved == Selection(first_day=dt.date(2024, 4, 7), limit=3)


def test_a_later_success_about_older_days_does_not_move_it_back() -> None:
    newest_last = since_success(ASKED, [april(7), april(1)])
    assert newest_last == since_success(ASKED, [april(1), april(7)])


def test_before_the_first_success_everything_is_asked_for(plan_for: PlanFor) -> None:
    assert since_success(ASKED, []) == ASKED
    old, job = make_found(april(1)), make_job(lookback="1d", catchup={"max_partitions": 1})
    new = [make_found(april(n)) for n in (7, 8, 9)]
    plan = plan_for(job, old, *new, records=[published(old, **V6)], since_last_success=True)
    assert [p.label for p in plan.order] == ["2024-04-09", "2024-04-08", "2024-04-07", "2024-04-01"]


def test_with_several_keys_a_day_counts_when_any_of_its_partitions_was_published() -> None:
    eu = Partition(names=("region", "ds"), values=("eu", dt.date(2024, 4, 8)))
    assert since_success(ASKED, [eu]).first_day == dt.date(2024, 4, 8)


def test_without_being_asked_nothing_changes() -> None:
    assert since_success(Selection(limit=3), [april(3)]) == Selection(limit=3)


def test_without_the_one_date_key_it_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="--since need exactly one partition key of type date"):
        check_selection(make_job(partition_by={"region": "string"}), ASKED)


def test_it_is_a_range_that_lifts_limits() -> None:
    assert is_ranged(ASKED)
    assert ASKED.is_explicit


def test_options_are_written_as_they_would_be_typed() -> None:
    asked = Selection(first_day=dt.date(2024, 4, 1), partitions=(("region", "us west"),), limit=2)
    assert as_options(asked) == " --from 2024-04-01 --partition 'region=us west' --limit 2"
    assert as_options(ASKED) == " --since last-success --limit 3"
    assert as_options(Selection()) == ""
