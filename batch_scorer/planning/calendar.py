"""Calendar days in a job's time zone. Days are counted, hours never are: a day may have 23 or 25 of them."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

_DAY = dt.timedelta(days=1)


def today_in(timezone: str, now: dt.datetime) -> dt.date:
    """The calendar day on a wall in `timezone` at the moment `now` (aware).

    Raises: ValueError, when now has no time zone; ZoneInfoNotFoundError.
    """
    if now.utcoffset() is None:
        raise ValueError(f"{now} has no time zone")
    return now.astimezone(ZoneInfo(timezone)).date()


def day_is_over(day: dt.date, today: dt.date, include_today: bool) -> bool:
    """Whether a day's data is due. include_today: today counts as well; a day to come never does."""
    return day < today or (include_today and day == today)


def within_lookback(day: dt.date, today: dt.date, lookback: dt.timedelta) -> bool:
    """Whether day is today or one of the days that lookback covers, a begun day counted whole."""
    return day >= first_day_of(today, lookback)


def expected_days(today: dt.date, lookback: dt.timedelta | None) -> tuple[dt.date, ...]:
    """The completed days within lookback, oldest first. lookback None: yesterday alone."""
    first = first_day_of(today, _DAY if lookback is None else lookback)
    return days_between(first, today - _DAY)


def took_place(day: dt.date, timezone: str) -> bool:
    """Whether a calendar on a wall there ever showed this day: Apia went from 2011-12-29 to 2011-12-31."""
    zone, noon = ZoneInfo(timezone), dt.datetime.combine(day, dt.time(12))
    before, after = (noon.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return before is None or after is None or after - before < _DAY


def days_between(first: dt.date, last: dt.date) -> tuple[dt.date, ...]:
    """Every day from first to last, both included; none when last is before first."""
    return tuple(first + _DAY * n for n in range((last - first).days + 1))


def first_day_of(day: dt.date, before: dt.timedelta) -> dt.date:
    """The day that is `before` earlier, a begun day counted whole; never before the calendar begins."""
    n_days = -(-before // _DAY)
    return day - _DAY * min(n_days, (day - dt.date.min).days)


def day_before(day: dt.date) -> dt.date:
    return first_day_of(day, _DAY)
