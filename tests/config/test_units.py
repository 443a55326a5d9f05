"""Durations, sizes, rates and cron times: read, written back, refused."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.config.cron import check_cron
from batch_scorer.config.units import (
    format_duration,
    format_size,
    parse_duration,
    parse_rate,
    parse_size,
    parse_truth,
    parse_whole_number,
)


@given(st.integers(0, 36_500 * 86_400))
def test_a_duration_is_read_back_as_written(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration
    assert parse_duration(duration) == duration


@given(st.integers(1, 2**60))
def test_a_size_is_read_back_as_written(size: int) -> None:
    assert parse_size(format_size(size)) == parse_size(size) == size


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.integers(1, 99))
def test_a_duration_in_several_units_is_what_pandas_says(
    days: int, hours: int, minutes: int, seconds: int
) -> None:
    text = f"{days}d{hours}h{minutes}m{seconds}s"
    assert parse_duration(text) == pd.Timedelta(text.replace("d", "D")).to_pytimedelta()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30m", 1800), ("2h", 7200), ("3d", 259_200), ("4w", 2_419_200), ("1h 30m", 5400), ("0d", 0)],
)
def test_durations_of_the_manual(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("64MB", 64_000_000),
        ("2GB", 2_000_000_000),
        ("64MiB", 67_108_864),
        ("1 kb", 1000),
        ("5B", 5),
        ("7", 7),
        (7, 7),
    ],
)
def test_mb_is_a_million_and_mib_is_not(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "rate"),
    [("1%", 0.01), ("12.5%", 0.125), ("0.7%", 0.007), ("0.01", 0.01), (0.01, 0.01), (1, 1.0)],
)
def test_a_rate_is_a_share_or_a_percentage(text: object, rate: float) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "wrong", ["", "3", "3 days", "h", "-1h", "1.5h", "1h2d", 3, None, True, ["1h"], "999999999w"]
)
def test_what_is_no_duration_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(wrong)


@pytest.mark.parametrize(
    "wrong", ["", "MB", "1.5GB", "-1MB", "64XB", "0MB", 0, -1, True, None, 2**60 + 1, {}]
)
def test_what_is_no_size_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="size"):
        parse_size(wrong)


@pytest.mark.parametrize(
    "wrong", ["", "101%", "-1%", "1.5", 2, -0.1, float("nan"), float("inf"), True, None, "1e-2"]
)
def test_what_is_no_rate_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="rate"):
        parse_rate(wrong)


def test_digits_from_the_environment_are_a_number() -> None:
    assert (parse_whole_number("3"), parse_whole_number(3), parse_truth("True")) == (3, 3, True)
    for wrong in ("3.0", "", "x", 3.0, True, None):
        with pytest.raises(ValueError, match="whole number"):
            parse_whole_number(wrong)
    for wrong in ("yes", "on", "1", 1, 0, None):
        with pytest.raises(ValueError, match="true or false"):
            parse_truth(wrong)


@pytest.mark.parametrize(
    "text", ["30 4 * * *", "*/5 0-23/2 1,15 jan-mar MON-FRI", "0 0 29 2 7", "59 23 31 12 0"]
)
def test_a_cron_time_with_five_fields_is_fine(text: str) -> None:
    assert check_cron(text) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("60 4 * * *", "no minute"),
        ("0 24 * * *", "no hour"),
        ("0 0 0 * *", "no day of month"),
        ("0 0 1 13 *", "no month"),
        ("0 0 1 1 8", "no day of week"),
        ("5-1 * * * *", "no minute"),
        ("*/0 * * * *", "no minute"),
        ("1/5 * * * *", "no minute"),
        ("1,,2 * * * *", "no minute"),
        ("0 0 * foo *", "no month"),
        ("@daily", "5 fields"),
        ("0 4 * * * root", "5 fields"),
        ("0 4 * *\n*", "5 fields"),
        ("", "5 fields"),
    ],
)
def test_a_cron_time_names_its_wrong_field(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_cron(text)
