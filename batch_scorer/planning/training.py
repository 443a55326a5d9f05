"""Was a model trained on the very days that it is to score? Then its scores say little of how good it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from batch_scorer.core.models import ModelPin, TimeSpan
from batch_scorer.core.plans import Action, PartitionPlan, Plan
from batch_scorer.planning.calendar import today_in
from batch_scorer.planning.selection import date_key

if TYPE_CHECKING:
    from batch_scorer.config.job import Job


def with_training_told(plan: Plan, job: Job) -> Plan:
    """The plan, with a warning on each partition to score whose day lies within its model's training data."""
    key = date_key(job)
    if key is None:
        return plan
    return replace(plan, entries=tuple(_told(plan, entry, key.name) for entry in plan.entries))


def trained_on(spans: Sequence[TimeSpan], day: dt.date, *, key: str, timezone: str) -> TimeSpan | None:
    """The span of the training table that the day lies in.

    A column with the name of the partition key says it alone; without one any column of dates may. Times
    with a zone count by the calendar of `timezone`, times without one as they are written.
    """
    named = [span for span in spans if span.column == key]
    for span in named or spans:
        if _day(span.first, timezone) <= day <= _day(span.last, timezone):
            return span
    return None


def _told(plan: Plan, entry: PartitionPlan, key: str) -> PartitionPlan:
    day = entry.partition.date if entry.partition else None
    if entry.action is not Action.SCORE or day is None:
        return entry
    model = plan.model_of(entry)
    span = trained_on(model.trained_on, day, key=key, timezone=plan.timezone)
    return replace(entry, warnings=(*entry.warnings, _words(model, span, plan.timezone))) if span else entry


def _words(model: ModelPin, span: TimeSpan, timezone: str) -> str:
    first, last = _day(span.first, timezone), _day(span.last, timezone)
    return f"{model.reference} was trained on this day too ({span.column} {first} to {last})"


def _day(moment: dt.date | dt.datetime, timezone: str) -> dt.date:
    if not isinstance(moment, dt.datetime):
        return moment
    return moment.date() if moment.tzinfo is None else today_in(timezone, moment)
