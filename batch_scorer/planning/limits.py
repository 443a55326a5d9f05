"""In which order due partitions are worked on, and how many of them this time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace

from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import Action, Cause, PartitionPlan, Plan, Reason
from batch_scorer.planning.due import Night
from batch_scorer.planning.selection import is_ranged

_TRIED = (Cause.FAILED_BEFORE, Cause.BLOCKED_BEFORE, Cause.TRIED_OTHERWISE)


def with_limits(night: Night, plan: Plan) -> Plan:
    """Order what is due, and put off what exceeds catchup.max_partitions or --limit.

    Only missing partitions count against max_partitions, and only without a range: old failures do not
    starve new days, and who names a range wants all of it.
    """
    due = _in_working_order(night, plan.with_action(Action.SCORE))
    later: dict[Partition, str] = {}
    at_most, limit = night.job.schedule.catchup.max_partitions, night.selection.limit
    if at_most is not None and not is_ranged(night.selection):
        missing = [partition for partition, reasons in due.items() if _is(reasons, Cause.MISSING)]
        later.update(dict.fromkeys(missing[at_most:], f"over catchup.max_partitions {at_most}"))
    if limit is not None:
        now = [partition for partition in due if partition not in later]
        later.update(dict.fromkeys(now[limit:], f"over --limit {limit}"))
    if not later:
        return replace(plan, order=tuple(due))
    return replace(
        plan,
        entries=tuple(_put_off(entry, later) for entry in plan.entries),
        order=tuple(partition for partition in due if partition not in later),
    )


def _in_working_order(night: Night, entries: Iterable[PartitionPlan]) -> dict[Partition, tuple[Reason, ...]]:
    """By date, then by path, as they come; without a range catchup.order has a say, and what failed before
    comes last.

    Else old failures would use up --limit, compute.max_failed_partitions, and with a new model each night
    even catchup.max_partitions, night after night.
    """
    pairs = [(entry.partition, entry.reasons) for entry in entries if entry.partition is not None]
    ranged = is_ranged(night.selection)
    oldest_first = night.job.schedule.catchup.order == "oldest_first" and not ranged
    newest_first = night.selection.newest_first and not oldest_first
    pairs.sort(key=lambda pair: pair[0].date or dt.date.min, reverse=newest_first)
    if not ranged:
        pairs.sort(key=lambda pair: _is(pair[1], *_TRIED))
    return dict(pairs)


def _is(reasons: tuple[Reason, ...], *causes: Cause) -> bool:
    return any(reason.cause in causes for reason in reasons)


def _put_off(entry: PartitionPlan, later: dict[Partition, str]) -> PartitionPlan:
    if entry.partition not in later:
        return entry
    over = Reason(cause=Cause.OVER_LIMIT, text=later[entry.partition])
    return replace(entry, action=Action.LATER, reasons=(*entry.reasons, over))
