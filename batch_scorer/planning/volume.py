"""`validate.volume.against`: how many rows the days before a partition had, fixed before anything runs."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from batch_scorer.core.partitions import Partition, PartitionValue
from batch_scorer.core.plans import PartitionPlan, Plan
from batch_scorer.core.records import PartitionPast
from batch_scorer.core.volume import FEWEST_PUBLISHED, VolumeBaseline
from batch_scorer.planning.calendar import day_before, first_day_of

if TYPE_CHECKING:
    from batch_scorer.config.job import Job

# The names of the keys, and the values of all but the date: days of one of these are compared.
_Series = tuple[tuple[str, ...], tuple[PartitionValue, ...]]
_NightlyRows = tuple[dt.date, int]


def with_baselines(job: Job, plan: Plan, records: Mapping[Partition, PartitionPast]) -> Plan:
    """The plan with the history that each SCORE partition's rows will be held against.

    records: all of the job's, not only those of the partitions that were asked for.
    """
    against = job.validation.volume.against
    if against is None or not plan.order:
        return plan
    baselines = volume_baselines(plan.order, records.values(), against)
    return replace(plan, entries=tuple(_with_baseline(entry, baselines) for entry in plan.entries))


def volume_baselines(
    partitions: Iterable[Partition], records: Iterable[PartitionPast], against: dt.timedelta
) -> dict[Partition, VolumeBaseline]:
    """For each of the partitions that has a date. against: how far back, a begun day counted whole.

    Partitions are compared with those that have the same values of all other keys.
    """
    due: defaultdict[_Series, dict[dt.date, Partition]] = defaultdict(dict)
    for partition in partitions:
        if partition.date is not None:
            due[_series(partition)][partition.date] = partition
    history: defaultdict[_Series, list[_NightlyRows]] = defaultdict(list)
    for record in records:
        series, day = _series(record.partition), record.partition.date
        if record.current is not None and day is not None and series in due:
            history[series].append((day, record.current.n_read))
    return {
        days[day]: baseline
        for series, days in due.items()
        for day, baseline in _slide(sorted(days), sorted(history[series]), against)
    }


def _slide(
    days: Sequence[dt.date], history: Sequence[_NightlyRows], against: dt.timedelta
) -> Iterator[tuple[dt.date, VolumeBaseline]]:
    """The baseline of each day. days, history: oldest first.

    The window moves over the history once, so that many days before many partitions stay cheap.
    """
    rows: list[int] = []  # of the window, in ascending order
    begin = end = 0
    for day in days:
        first = first_day_of(day, against)
        while end < len(history) and history[end][0] < day:
            insort(rows, history[end][1])
            end += 1
        while begin < end and history[begin][0] < first:
            del rows[bisect_left(rows, history[begin][1])]
            begin += 1
        yield (
            day,
            VolumeBaseline(
                first_day=first,
                last_day=day_before(day),
                n_published=len(rows),
                median_rows=_median(rows) if len(rows) >= FEWEST_PUBLISHED else None,
            ),
        )


def _median(ascending: Sequence[int]) -> float:
    return (ascending[(len(ascending) - 1) // 2] + ascending[len(ascending) // 2]) / 2


def _series(partition: Partition) -> _Series:
    return partition.names, tuple(value for value in partition.values if not isinstance(value, dt.date))


def _with_baseline(entry: PartitionPlan, baselines: Mapping[Partition, VolumeBaseline]) -> PartitionPlan:
    if entry.partition is None or entry.partition not in baselines:
        return entry
    return replace(entry, volume_baseline=baselines[entry.partition])
