"""From five cron fields to systemd's calendar events, which mean the same minutes. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from batch_scorer.config.cron import values_of

_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")


@dataclass(frozen=True, slots=True, kw_only=True)
class CronTime:
    """The values of each field. None: every one. Sunday is 0."""

    minutes: tuple[int, ...] | None
    hours: tuple[int, ...] | None
    days: tuple[int, ...] | None
    months: tuple[int, ...] | None
    weekdays: tuple[int, ...] | None
    days_or_weekdays: bool  # either is enough

    @property
    def is_often(self) -> bool:
        """More than once a day."""
        return any(values is None or len(values) > 1 for values in (self.minutes, self.hours))


def parse_cron(cron: str) -> CronTime:
    """cron: five fields that check_cron let through."""
    fields = cron.split()
    minutes, hours, days, months, weekdays = (values_of(field, at) for at, field in enumerate(fields))
    return CronTime(
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=weekdays,
        # crontab(5): both days restricted means either, unless one of them begins with a star.
        days_or_weekdays=not fields[2].startswith("*") and not fields[4].startswith("*"),
    )


def on_calendar(cron: str, timezone: str) -> tuple[str, ...]:
    """`*-*-* 4:30:00 America/Chicago`: one calendar event, or two of which either is meant."""
    time = parse_cron(cron)
    clock = f"{_listed(time.hours)}:{_listed(time.minutes)}:00 {timezone}"
    return tuple(f"{day} {clock}" for day in _days(time))


def _days(time: CronTime) -> Iterator[str]:
    month = _listed(time.months)
    weekdays = "" if time.weekdays is None else ",".join(_DAYS[day] for day in time.weekdays) + " "
    if not time.days_or_weekdays:
        yield f"{weekdays}*-{month}-{_listed(time.days)}"
        return
    yield f"*-{month}-{_listed(time.days)}"
    yield f"{weekdays}*-{month}-*"


def _listed(values: tuple[int, ...] | None) -> str:
    return "*" if values is None else ",".join(f"{value:02}" for value in values)
