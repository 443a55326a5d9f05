"""Days are what a calendar on the wall says, whatever the clocks do."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.planning.calendar import (
    day_is_over,
    days_between,
    expected_days,
    today_in,
    within_lookback,
)

NEW_YORK = "America/New_York"
DAY = dt.timedelta(days=1)
dates = st.dates(dt.date(1990, 1, 1), dt.date(2100, 1, 1))


def test_yesterday_after_the_spring_change_in_new_york_is_the_8th() -> None:
    half_past_midnight = dt.datetime(2026, 3, 9, 4, 30, tzinfo=dt.UTC)
    today = today_in(NEW_YORK, half_past_midnight)
    assert today == dt.date(2026, 3, 9)
    assert expected_days(today, DAY) == (dt.date(2026, 3, 8),)


@pytest.mark.parametrize(
    ("timezone", "utc", "expected"),
    [
        (NEW_YORK, "2026-03-08T04:59:59", "2026-03-07"),
        (NEW_YORK, "2026-03-08T05:00:00", "2026-03-08"),
        (NEW_YORK, "2026-11-01T03:59:59", "2026-10-31"),
        (NEW_YORK, "2026-11-02T04:59:59", "2026-11-01"),
        ("Asia/Kolkata", "2023-12-31T18:30:00", "2024-01-01"),
        ("Pacific/Kiritimati", "2024-02-28T10:00:00", "2024-02-29"),
        ("UTC", "2024-12-31T23:59:59", "2024-12-31"),
    ],
)
def test_today_is_the_day_on_the_wall_there(timezone: str, utc: str, expected: str) -> None:
    now = dt.datetime.fromisoformat(utc).replace(tzinfo=dt.UTC)
    assert today_in(timezone, now) == dt.date.fromisoformat(expected)


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        today_in("UTC", dt.datetime(2024, 1, 1))  # noqa: DTZ001 (that is what is tested)


def test_a_day_is_over_when_the_next_has_begun() -> None:
    today = dt.date(2024, 4, 10)
    assert day_is_over(today - DAY, today, include_today=False)
    assert not day_is_over(today, today, include_today=False)


def test_include_today_lets_today_through_but_not_tomorrow() -> None:
    today = dt.date(2024, 4, 10)
    assert day_is_over(today, today, include_today=True)
    assert not day_is_over(today + DAY, today, include_today=True)


def test_without_lookback_only_yesterday_is_expected() -> None:
    assert expected_days(dt.date(2024, 3, 1), None) == (dt.date(2024, 2, 29),)


@given(dates, st.integers(1, 400))
def test_expected_days_are_the_completed_days_that_lookback_covers(today: dt.date, n: int) -> None:
    days = expected_days(today, n * DAY)
    assert len(days) == n
    assert days[-1] == today - DAY
    assert all(within_lookback(day, today, n * DAY) for day in days)
    assert not within_lookback(days[0] - DAY, today, n * DAY)


def test_a_lookback_of_hours_covers_the_days_it_begins() -> None:
    assert within_lookback(dt.date(2024, 4, 8), dt.date(2024, 4, 10), dt.timedelta(hours=36))
    assert not within_lookback(dt.date(2024, 4, 7), dt.date(2024, 4, 10), dt.timedelta(hours=36))


def test_a_lookback_longer_than_time_itself_covers_everything() -> None:
    assert within_lookback(dt.date.min, dt.date(2024, 4, 10), dt.timedelta(days=10**8))


@given(dates, dates)
def test_days_between_hold_both_ends(first: dt.date, last: dt.date) -> None:
    days = days_between(first, last)
    if first > last:
        assert days == ()
    else:
        assert (days[0], days[-1]) == (first, last)
        assert len(set(days)) == len(days) == (last - first).days + 1
