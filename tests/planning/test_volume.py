"""How many rows the days before had: of which partitions, in which window, fixed in the plan."""

from __future__ import annotations

import datetime as dt
import statistics
import time
from collections.abc import Mapping
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.partitions import Partition
from batch_scorer.core.records import PartitionPast
from batch_scorer.core.volume import FEWEST_PUBLISHED, VolumeBaseline
from batch_scorer.planning.volume import volume_baselines
from tests.planning.conftest import PlanFor, april, make_found, make_job, only, published

WEEK = make_job(volume={"against": "7d"})
FIRST = dt.date(2024, 1, 1)


def partition(n: int, region: str = "eu") -> Partition:
    return Partition(names=("region", "ds"), values=(region, FIRST + dt.timedelta(days=n)))


def record(of: Partition, n_read: int) -> PartitionPast:
    return published(make_found(of), n_read=n_read)


def days_of_april(rows: Mapping[int, int]) -> list[PartitionPast]:
    return [record(april(n), n_read) for n, n_read in rows.items()]


def test_the_median_is_of_the_days_before_and_not_of_its_own_or_later_days(plan_for: PlanFor) -> None:
    rows = {1: 9000, 2: 10, 3: 20, 4: 30, 5: 40, 6: 50, 7: 60, 8: 70, 9: 9000, 10: 9000}
    plan = plan_for(
        WEEK,
        make_found(april(9), size=101),  # published, and its input has changed
        records=days_of_april(rows),
        partitions=(("ds", "2024-04-09"),),
    )
    assert only(plan).volume_baseline == VolumeBaseline(
        first_day=dt.date(2024, 4, 2), last_day=dt.date(2024, 4, 8), n_published=7, median_rows=40.0
    )


def test_fewer_than_seven_published_partitions_have_no_median(plan_for: PlanFor) -> None:
    failed = PartitionPast(partition=april(2))
    records = [*days_of_april(dict.fromkeys(range(3, 9), 10)), failed]
    plan = plan_for(WEEK, make_found(april(9)), records=records, partitions=(("ds", "2024-04-09"),))
    baseline = only(plan).volume_baseline
    assert baseline is not None
    assert (baseline.n_published, baseline.median_rows) == (6, None)


def test_partitions_are_compared_with_those_of_the_same_other_keys(plan_for: PlanFor) -> None:
    job = make_job(partition_by={"region": "string", "ds": "date"}, volume={"against": "28d"})
    records = [
        record(partition(n, region), rows) for n in range(10) for region, rows in (("eu", 5), ("us", 8))
    ]
    found = [make_found(partition(10, region)) for region in ("eu", "us", "asia")]
    plan = plan_for(job, *found, records=records, first_day=FIRST + dt.timedelta(days=10))
    medians = {
        entry.partition.values[0]: entry.volume_baseline.median_rows
        for entry in plan.entries
        if entry.partition and entry.volume_baseline
    }
    assert medians == {"eu": 5.0, "us": 8.0, "asia": None}


def test_a_generation_that_a_rollback_shows_again_counts_like_any_other(plan_for: PlanFor) -> None:
    records = [published(make_found(april(n)), number=3, pinned=True, n_read=70) for n in range(2, 9)]
    plan = plan_for(WEEK, make_found(april(9)), records=records, partitions=(("ds", "2024-04-09"),))
    baseline = only(plan).volume_baseline
    assert baseline is not None
    assert baseline.median_rows == 70.0


def test_only_what_is_scored_has_one_and_only_when_asked_for(plan_for: PlanFor) -> None:
    found = [make_found(april(n)) for n in (8, 9)]
    records = [published(found[0])]
    assert [e.volume_baseline for e in plan_for(make_job(), *found, records=records).entries] == [None, None]
    up_to_date, due = plan_for(WEEK, *found, records=records).entries
    assert up_to_date.volume_baseline is None
    assert due.volume_baseline is not None


def test_what_the_run_itself_will_publish_is_no_history(plan_for: PlanFor) -> None:
    plan = plan_for(WEEK, *(make_found(april(n)) for n in range(1, 10)))
    assert len(plan.order) == 9
    assert {entry.volume_baseline.n_published for entry in plan.entries if entry.volume_baseline} == {0}


def test_a_median_of_too_few_and_none_of_enough_cannot_be_made() -> None:
    for n_published, median_rows in ((FEWEST_PUBLISHED - 1, 5.0), (FEWEST_PUBLISHED, None)):
        with pytest.raises(ValueError, match="a median is of 7 partitions or more"):
            VolumeBaseline(first_day=FIRST, last_day=FIRST, n_published=n_published, median_rows=median_rows)


def test_the_first_day_of_the_calendar_has_an_empty_history() -> None:
    first = Partition(names=("ds",), values=(dt.date.min,))
    baselines = volume_baselines([first], [record(first, 5)], dt.timedelta(days=28))
    assert baselines[first].n_published == 0


nights = st.lists(st.integers(0, 100) | st.none(), min_size=10, max_size=60)  # None: nothing published


@given(
    rows=st.fixed_dictionaries({"eu": nights, "us": nights}),
    due=st.sets(st.tuples(st.sampled_from(["eu", "us"]), st.integers(5, 70)), min_size=1, max_size=20),
    against=st.integers(7 * 24, 40 * 24).map(lambda hours: dt.timedelta(hours=hours)),
    random=st.randoms(use_true_random=False),
)
def test_the_median_is_that_of_the_statistics_module_in_any_order_of_records(
    rows: Mapping[str, list[int | None]],
    due: set[tuple[str, int]],
    against: dt.timedelta,
    random: Random,
) -> None:
    read = {
        (region, n): count for region in rows for n, count in enumerate(rows[region]) if count is not None
    }
    n_days = -(-against // dt.timedelta(days=1))
    expected = {}
    for region, n in due:
        before = [read[region, i] for i in range(n - n_days, n) if (region, i) in read]
        expected[partition(n, region)] = VolumeBaseline(
            first_day=FIRST + dt.timedelta(days=n - n_days),
            last_day=FIRST + dt.timedelta(days=n - 1),
            n_published=len(before),
            median_rows=statistics.median(before) if len(before) >= FEWEST_PUBLISHED else None,
        )
    records = [record(partition(n, region), count) for (region, n), count in read.items()]
    asked = list(expected)
    random.shuffle(records)
    random.shuffle(asked)
    assert volume_baselines(asked, records, against) == expected


def test_a_hundred_thousand_partitions_and_a_long_window_are_not_quadratic() -> None:
    """Every one due, with up to 27 years of history: a look at all records for each would take hours."""
    partitions = [partition(n, f"r{region}") for region in range(10) for n in range(10_000)]
    currents = [record(partitions[0], n_read).current for n_read in range(997)]
    records = [
        PartitionPast(partition=each, current=currents[7 * n % 997]) for n, each in enumerate(partitions)
    ]
    started = time.process_time()
    baselines = volume_baselines(partitions, records, dt.timedelta(days=10_000))
    took_s = time.process_time() - started
    assert len(baselines) == 100_000
    assert took_s < 120  # it takes 2 s of processor time; ten thousand million looks would take many minutes
