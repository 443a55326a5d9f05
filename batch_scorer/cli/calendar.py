"""`status --calendar`: a letter for every day, a week in each row."""

from __future__ import annotations

import datetime as dt
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum

import click

from batch_scorer.cli.settings import Settings
from batch_scorer.core.plans import STALE_CAUSES, Action, Cause, PartitionPlan, Plan

_WEEKDAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_DAY = dt.timedelta(days=1)


class DayState(StrEnum):
    """The worst first: of several partitions of a day that one is shown."""

    FAILED = "failed"
    BLOCKED = "blocked"
    MISSING = "missing"
    OUTDATED = "outdated"
    WAITING = "waiting"
    PUBLISHED = "published"
    NOTHING = "no data"


_LETTERS = {**{state: state.value[0].upper() for state in DayState}, DayState.NOTHING: "."}
_COLOURS = {
    DayState.FAILED: "red",
    DayState.BLOCKED: "magenta",
    DayState.MISSING: "yellow",
    DayState.OUTDATED: "cyan",
    DayState.WAITING: "blue",
    DayState.PUBLISHED: "green",
}


def day_states(plan: Plan, first: dt.date) -> dict[dt.date, DayState]:
    """Of every day from first to today. plan: of this range, so that nothing is left out by a limit."""
    worst = list(DayState)
    found: dict[dt.date, DayState] = {}
    for entry in plan.entries:
        day = entry.partition.date if entry.partition else None
        if day is not None:
            found[day] = min(found.get(day, DayState.NOTHING), _state(entry), key=worst.index)
    days = (first + _DAY * n for n in range((plan.today - first).days + 1))
    return {day: found.get(day, DayState.NOTHING) for day in days}


def calendar_lines(settings: Settings, states: Mapping[dt.date, DayState]) -> Iterator[str]:
    """Weeks from the oldest to this one, under the days of the week, and a legend."""
    yield f"  {'week of':<10}  {'  '.join(_WEEKDAYS)}"
    first = min(states)
    monday = first - _DAY * first.weekday()
    while monday <= max(states):
        week = [states.get(monday + _DAY * n) for n in range(len(_WEEKDAYS))]
        cells = [" " if state is None else _cell(settings, state) for state in week]
        yield f"  {monday}   {'   '.join(cells)}".rstrip()
        monday += _DAY * len(_WEEKDAYS)
    counts = Counter(states.values())
    told = [f"{_cell(settings, state)} {state.value} {counts[state]}" for state in DayState if counts[state]]
    yield f"  {'   '.join(told)}"


def _state(entry: PartitionPlan) -> DayState:
    causes = {reason.cause for reason in entry.reasons}
    if entry.action is Action.REFUSED or Cause.FAILED_BEFORE in causes:
        return DayState.FAILED
    if Cause.BLOCKED_BEFORE in causes:
        return DayState.BLOCKED
    if entry.action is Action.WAIT:
        return DayState.WAITING
    if entry.action in (Action.SKIP, Action.KEEP, Action.VANISHED):
        return DayState.PUBLISHED
    if causes & STALE_CAUSES or Cause.RELEASED in causes:
        return DayState.OUTDATED
    return DayState.MISSING


def _cell(settings: Settings, state: DayState) -> str:
    letter, colour = _LETTERS[state], _COLOURS.get(state)
    if settings.no_color or not sys.stdout.isatty() or colour is None:
        return letter
    return click.style(letter, fg=colour)
