"""`schedule.expect: daily`: completed days whose directory never arrived."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Set

from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import Action, Cause, PartitionPlan, Reason
from batch_scorer.planning.calendar import days_between, expected_days, took_place
from batch_scorer.planning.due import Night
from batch_scorer.planning.selection import date_key, is_ranged


def never_arrived(
    night: Night, keep: Callable[[Partition], bool], arrived: Iterable[dt.date]
) -> list[PartitionPlan]:
    """One WAIT for each expected day that is not among those that arrived. keep: what was asked for.

    With several keys a day has no directory of its own: it arrived when any partition has its date.
    """
    key = date_key(night.job)
    if night.job.schedule.expect is None or key is None:
        return []
    n_keys = len(night.job.input.partition_by)
    days = (Partition(names=(key.name,), values=(day,)) for day in _expected(night, set(arrived)))
    return [
        PartitionPlan(
            label=day.label,
            action=Action.WAIT,
            reasons=(Reason(cause=Cause.NO_DIRECTORY, text="no directory yet"),),
            partition=day if n_keys == 1 else None,
        )
        for day in days
        if keep(day)
    ]


def _expected(night: Night, arrived: Set[dt.date]) -> list[dt.date]:
    """The days within lookback; when a range was asked for, its gaps too: days after the first to arrive."""
    days = set(expected_days(night.today, night.job.schedule.lookback))
    if arrived and is_ranged(night.selection):
        days.update(days_between(min(arrived), night.today - dt.timedelta(days=1)))
    return sorted(day for day in days - arrived if took_place(day, night.job.schedule.timezone))
