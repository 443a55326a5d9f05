"""Times of cron: what the job file may say is understood, and the last and the next time lie around now."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.config.cron import check_cron, last_time, next_time

CHICAGO = "America/Chicago"
FIRST = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
MOMENTS = st.integers(0, 5_000_000).map(lambda minutes: FIRST + dt.timedelta(minutes=minutes))


def numbers(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    span = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    stepped = st.tuples(st.one_of(st.just("*"), span), st.integers(1, 12)).map(
        lambda pair: f"{pair[0]}/{pair[1]}"
    )
    part = st.one_of(st.just("*"), number.map(str), span, stepped)
    return st.lists(part, min_size=1, max_size=3).map(",".join)


CRONS = st.tuples(numbers(0, 59), numbers(0, 23), numbers(1, 28), numbers(1, 12), numbers(0, 7)).map(" ".join)


@given(cron=CRONS, now=MOMENTS)
def test_the_last_time_is_not_after_now_and_the_next_is(cron: str, now: dt.datetime) -> None:
    assert check_cron(cron) == cron
    last, upcoming = last_time(cron, CHICAGO, now), next_time(cron, CHICAGO, now)
    assert last is not None
    assert upcoming is not None
    assert last.astimezone(dt.UTC) <= now < upcoming.astimezone(dt.UTC) + dt.timedelta(minutes=1)
    assert last < upcoming


@pytest.mark.parametrize(
    ("cron", "now", "last", "upcoming"),
    [
        ("30 4 * * *", "2024-07-01 04:30", "2024-07-01 04:30", "2024-07-02 04:30"),
        ("30 4 * * *", "2024-07-01 04:29", "2024-06-30 04:30", "2024-07-01 04:30"),
        (
            "30 2 * * *",
            "2024-03-10 12:00",
            "2024-03-10 03:00",
            "2024-03-11 02:30",
        ),  # 02:30 is no time that day
        ("0 0 29 2 *", "2025-01-01 00:00", "2024-02-29 00:00", "2028-02-29 00:00"),
        ("0 6 * jan mon-fri", "2024-01-06 00:00", "2024-01-05 06:00", "2024-01-08 06:00"),
    ],
)
def test_days_of_a_calendar(cron: str, now: str, last: str, upcoming: str) -> None:
    moment = dt.datetime.fromisoformat(now).replace(tzinfo=ZoneInfo(CHICAGO))
    assert f"{last_time(cron, CHICAGO, moment):%Y-%m-%d %H:%M}" == last
    assert f"{next_time(cron, CHICAGO, moment):%Y-%m-%d %H:%M}" == upcoming


def test_the_30th_of_february_never_comes() -> None:
    now = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    assert (last_time("0 0 30 2 *", "UTC", now), next_time("0 0 30 2 *", "UTC", now)) == (None, None)
