"""A day ends when a clock on a wall in the job's time zone shows the next one, however long it was."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from batch_scorer.core.errors import UsageError
from batch_scorer.core.plans import Action, Selection
from batch_scorer.planning.calendar import expected_days, today_in, took_place
from batch_scorer.planning.selection import check_selection
from tests.planning.conftest import V6, PlanFor, day, make_found, make_job, only, published, rows

SECOND = dt.timedelta(seconds=1)
ENDS = [  # the moment at which each day ends, worked out by hand
    ("America/Chicago", "2024-03-10", "2024-03-11T05:00"),  # 23 hours
    ("America/Chicago", "2024-11-03", "2024-11-04T06:00"),  # 25 hours
    ("Europe/Berlin", "2024-03-31", "2024-03-31T22:00"),
    ("Europe/Berlin", "2024-10-27", "2024-10-27T23:00"),
    ("America/Havana", "2024-03-09", "2024-03-10T05:00"),  # the next day begins at one
    ("America/Havana", "2024-03-10", "2024-03-11T04:00"),
    ("America/Havana", "2024-11-02", "2024-11-03T04:00"),  # the next day's first hour comes twice
    ("America/Havana", "2024-11-03", "2024-11-04T05:00"),
    ("Africa/Cairo", "2024-04-25", "2024-04-25T22:00"),  # the next day begins at one
    ("Africa/Cairo", "2024-10-31", "2024-10-31T22:00"),  # its last hour comes twice
    ("Australia/Lord_Howe", "2024-04-07", "2024-04-07T13:30"),  # 24 hours and a half
    ("Australia/Lord_Howe", "2024-10-06", "2024-10-06T13:00"),  # 23 hours and a half
    ("Pacific/Apia", "2011-12-29", "2011-12-30T10:00"),  # the 31st is next
    ("Asia/Kolkata", "2024-02-29", "2024-02-29T18:30"),
    ("Pacific/Kiritimati", "2024-12-31", "2024-12-31T10:00"),
    ("Pacific/Niue", "2024-12-31", "2025-01-01T11:00"),
    ("UTC", "2023-12-31", "2024-01-01T00:00"),
]


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(("timezone", "date", "end"), ENDS)
def test_a_day_is_due_from_the_second_on_in_which_it_ends(
    plan_for: PlanFor, timezone: str, date: str, end: str
) -> None:
    job, found = make_job(timezone=timezone), make_found(day(date), written=utc("2000-01-01"))
    before = only(plan_for(job, found, now=utc(end) - SECOND))
    assert (before.action, before.why) == (Action.WAIT, f"its day is not over in {timezone}")
    assert only(plan_for(job, found, now=utc(end))).action is Action.SCORE


@pytest.mark.parametrize(("timezone", "date", "end"), ENDS)
def test_include_today_takes_a_day_until_its_last_second_and_never_the_next(
    plan_for: PlanFor, timezone: str, date: str, end: str
) -> None:
    job = make_job(timezone=timezone, include_today=True)
    last = utc(end) - SECOND
    assert only(plan_for(job, make_found(day(date)), now=last)).action is Action.SCORE
    tomorrow = str(today_in(timezone, utc(end)))
    assert only(plan_for(job, make_found(day(tomorrow)), now=last)).action is Action.WAIT
    assert only(plan_for(job, make_found(day(tomorrow)), now=utc(end))).action is Action.SCORE


_CLOCK = """
import datetime, json, os, sys, time
days = []
for zone, epoch in json.load(sys.stdin):
    os.environ["TZ"] = zone
    time.tzset()
    days.append("%04d-%02d-%02d" % time.localtime(epoch)[:3])
print(json.dumps(days))
"""


def _days_by_libc(asked: Sequence[tuple[str, int]]) -> list[str]:
    """What the C library's clock shows: it shares no code with zoneinfo."""
    done = subprocess.run(
        [sys.executable, "-c", _CLOCK], input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    days: list[str] = json.loads(done.stdout)
    return days


def test_today_is_what_the_c_library_says_around_every_change_of_clocks() -> None:
    zones = sorted({zone for zone, _, _ in ENDS})
    hours = [int(utc(end).timestamp()) + 1800 * step for _, _, end in ENDS for step in range(-60, 61)]
    asked = [(zone, epoch + shift) for zone in zones for epoch in hours for shift in (-1, 0)]
    ours = [str(today_in(zone, dt.datetime.fromtimestamp(epoch, dt.UTC))) for zone, epoch in asked]
    assert ours == _days_by_libc(asked)


def test_yesterday_half_an_hour_after_midnight_in_new_york_is_the_day_before_though_it_had_23_hours(
    plan_for: PlanFor,
) -> None:
    """Now minus 24 hours would be the 7th."""
    job = make_job(timezone="America/New_York", expect="daily", lookback="1d")
    found = [make_found(day(f"2026-03-0{n}")) for n in (7, 8, 9)]
    records = [published(found[0], **V6)]
    plan = plan_for(job, *found, records=records, now=utc("2026-03-09T04:30"))
    assert [(entry.label, entry.action.value) for entry in plan.entries] == [
        ("2026-03-07", "OUTDATED"),
        ("2026-03-08", "SCORE"),
        ("2026-03-09", "WAIT"),
    ]
    missing = plan_for(job, now=utc("2026-03-09T04:30"))
    assert rows(missing) == [("2026-03-08", "WAIT", "no directory yet")]


@pytest.mark.parametrize(
    ("now", "lookback", "first"),
    [
        ("2024-03-01T12:00", "1d", "2024-02-29"),
        ("2023-03-01T12:00", "1d", "2023-02-28"),
        ("2024-03-02T12:00", "366d", "2023-03-02"),
        ("2025-01-01T12:00", "2d", "2024-12-30"),
        ("2024-03-11T12:00", "24h", "2024-03-10"),  # a lookback counts days, also those of 23 hours
        ("2024-11-04T12:00", "24h", "2024-11-03"),
    ],
)
def test_lookback_counts_days_of_the_calendar(plan_for: PlanFor, now: str, lookback: str, first: str) -> None:
    job = make_job(lookback=lookback)
    inside, outside = day(first), day(str(dt.date.fromisoformat(first) - dt.timedelta(days=1)))
    found = [make_found(inside), make_found(outside)]
    plan = plan_for(job, *found, records=[published(each, **V6) for each in found], now=utc(now))
    assert {entry.label: entry.action.value for entry in plan.entries} == {
        inside.label: "SCORE",
        outside.label: "OUTDATED",
    }


def test_a_leap_day_is_a_day_of_a_range_and_a_29th_of_february_else_is_none(plan_for: PlanFor) -> None:
    found = [make_found(day(f"2024-{text}")) for text in ("02-28", "02-29", "03-01")]
    plan = plan_for(make_job(), *found, first_day=dt.date(2024, 2, 29), last_day=dt.date(2024, 2, 29))
    assert only(plan).label == "2024-02-29"
    with pytest.raises(UsageError, match="2023-02-29"):
        check_selection(make_job(), Selection(partitions=(("ds", "2023-02-29"),)))


def test_a_range_goes_over_the_end_of_a_year(plan_for: PlanFor) -> None:
    found = [make_found(day(text)) for text in ("2023-12-30", "2023-12-31", "2024-01-01", "2024-01-02")]
    plan = plan_for(make_job(), *found, first_day=dt.date(2023, 12, 31), last_day=dt.date(2024, 1, 1))
    assert [partition.label for partition in plan.order] == ["2024-01-01", "2023-12-31"]


def test_a_day_that_a_zone_left_out_is_never_waited_for(plan_for: PlanFor) -> None:
    job = make_job(timezone="Pacific/Apia", expect="daily", lookback="4d")
    assert expected_days(dt.date(2012, 1, 2), dt.timedelta(days=4))[1] == dt.date(2011, 12, 30)
    plan = plan_for(job, now=utc("2012-01-02T00:00"))
    assert [entry.label for entry in plan.entries] == ["2011-12-29", "2011-12-31", "2012-01-01"]
    elsewhere = make_job(timezone="UTC", expect="daily", lookback="4d")
    assert len(plan_for(elsewhere, now=utc("2012-01-02T00:00")).entries) == 4


@pytest.mark.parametrize("zone", ["America/Havana", "Africa/Cairo", "America/Chicago", "Pacific/Kwajalein"])
def test_every_day_took_place_where_clocks_only_change_by_an_hour(zone: str) -> None:
    days = (dt.date(2024, 1, 1) + dt.timedelta(days=n) for n in range(366))
    assert all(took_place(each, zone) for each in days)
    assert took_place(dt.date.min, zone)
    assert took_place(dt.date.max, zone)


_PLAN = """
import datetime as dt, json, sys
from batch_scorer.planning.calendar import expected_days, today_in
now = dt.datetime.fromisoformat(sys.argv[1])
print(today_in("America/Chicago", now), expected_days(today_in("America/Chicago", now), None)[0])
"""


@pytest.mark.parametrize("machine", ["UTC", "Pacific/Kiritimati", "Pacific/Niue", "America/Chicago"])
def test_the_machines_own_time_zone_says_nothing(machine: str) -> None:
    environment: dict[str, Any] = {**os.environ, "TZ": machine}
    done = subprocess.run(
        [sys.executable, "-c", _PLAN, "2024-03-11T04:30:00+00:00"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["2024-03-10", "2024-03-09"]
