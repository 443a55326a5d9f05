"""Whether five cron fields mean something. What they mean is cron's own business."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

# name, lowest, highest, names for values
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, start=1)}),
    ("day of week", 0, 7, {name: number for number, name in enumerate(_DAYS)}),
)
_WEEKDAY = 4
_PART = re.compile(r"(?:\*|([0-9]{1,2}|[a-z]{3})(?:-([0-9]{1,2}|[a-z]{3}))?)(?:/([0-9]{1,2}))?")


def check_cron(text: str) -> str:
    """text, if it is a cron time with five fields. Raises: ValueError, naming the field."""
    fields = text.split()
    if len(fields) != len(_FIELDS) or "\n" in text:
        raise ValueError(f'a cron time has 5 fields, as in "30 4 * * *"; this has {len(fields)}')
    for written, (name, lowest, highest, names) in zip(fields, _FIELDS, strict=True):
        for part in written.split(","):
            if not _is_part(part.lower(), lowest, highest, names):
                raise ValueError(f'"{part}" is no {name} ({lowest}-{highest})')
    return text


def last_time(cron: str, timezone: str, before: datetime) -> datetime | None:
    """The newest time of a checked cron text up to an aware moment, in the zone; None: there is none."""
    return _time(cron, timezone, before, is_back=True)


def next_time(cron: str, timezone: str, after: datetime) -> datetime | None:
    """The first one after a moment. On days when clocks change it comes as Debian's cron would have it."""
    return _time(cron, timezone, after, is_back=False)


def _time(cron: str, timezone: str, moment: datetime, *, is_back: bool) -> datetime | None:
    from cronsim import CronSim, CronSimError

    start = moment.astimezone(ZoneInfo(timezone))
    if is_back:
        start += timedelta(minutes=1)  # cronsim's times lie strictly before its start
    try:
        found: datetime = next(CronSim(cron, start.replace(second=0, microsecond=0), reverse=is_back))
    except (CronSimError, StopIteration):  # the 30th of February
        return None
    return found


def values_of(field: str, at: int) -> tuple[int, ...] | None:
    """What a field that was checked means, sorted; None: every value. at: 0 the minute … 4 the day of week,
    in which Sunday is 0 and never 7.
    """
    _name, lowest, highest, names = _FIELDS[at]
    found: set[int] = set()
    for part in field.lower().split(","):
        match = _PART.fullmatch(part)
        assert match is not None  # noqa: S101 (check_cron)
        first, last, step = match.groups()
        bounds = [names.get(bound, int(bound) if bound.isdigit() else -1) for bound in (first, last) if bound]
        span = (bounds[0], bounds[-1]) if bounds else (lowest, highest)
        found |= set(range(span[0], span[1] + 1, int(step or 1)))
    if at == _WEEKDAY:
        found = {day % 7 for day in found}
        highest = 6
    return None if found >= set(range(lowest, highest + 1)) else tuple(sorted(found))


def _is_part(part: str, lowest: int, highest: int, names: dict[str, int]) -> bool:
    match = _PART.fullmatch(part)
    if match is None:
        return False
    first, last, step = match.groups()
    if step is not None and (int(step) == 0 or (first is not None and last is None)):
        return False
    bounds = [names.get(bound, int(bound) if bound.isdigit() else -1) for bound in (first, last) if bound]
    return bounds == sorted(bounds) and all(lowest <= bound <= highest for bound in bounds)
