"""Drafted bounds hold for what was seen, and are numbers that a person would write."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batch_scorer.validation.drafting.margins import human_bounds, human_least, mostly_allowing

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
WHOLE = st.integers(min_value=-(2**63), max_value=2**64 - 1)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=10)


@pytest.mark.parametrize(
    ("low", "high", "whole", "expected"),
    [
        (-0.37, 487.31, False, (-50.0, 500.0)),
        (2.5, 487.31, False, (0.0, 500.0)),
        (-487.31, -2.5, False, (-500.0, 0.0)),
        (0, 23, True, (0.0, 24.0)),
        (41.7, 42.02, False, (41.68, 42.04)),
        (3, 3, True, (2.0, 4.0)),
    ],
)
def test_bounds_are_round_and_zero_stays_a_bound(
    low: float, high: float, whole: bool, expected: tuple[float, float]
) -> None:
    assert human_bounds(low, high, whole=whole) == expected


@given(values=st.lists(FLOATS, min_size=1) | st.lists(WHOLE, min_size=1) | st.lists(DECIMALS, min_size=1))
@example(values=[1.7e308, 1.79e308])
@example(values=[5e-324])
@example(values=[0])
@example(values=[-(2**63), 2**63 - 1])
@example(values=[Decimal("100000000000000000000.0000000001"), Decimal("100000000000000000000.0000000002")])
def test_every_seen_value_is_inside_the_drafted_bounds(values: list[float]) -> None:
    low, high = human_bounds(min(values), max(values), whole=all(isinstance(one, int) for one in values))
    assert low is None or (math.isfinite(low) and all(Fraction(low) <= Fraction(one) for one in values))
    assert high is None or (math.isfinite(high) and all(Fraction(one) <= Fraction(high) for one in values))


@given(low=st.floats(-1e9, 1e9), span=st.floats(1e-3, 1e9))
def test_the_margins_together_are_less_than_a_third_of_what_was_seen(low: float, span: float) -> None:
    high = low + span
    below, above = human_bounds(low, high, whole=False)
    assert below is not None
    assert above is not None
    assert above - below < 1.33 * (high - low)


@given(low=st.floats(0, 1e9), span=st.floats(0, 1e9))
def test_a_column_that_is_never_negative_gets_no_negative_bound(low: float, span: float) -> None:
    below, _ = human_bounds(low, low + span, whole=False)
    assert below is not None
    assert below >= 0
    assert math.copysign(1, below) == 1


@given(n_bad=st.integers(0, 10**7), n_good=st.integers(0, 10**7))
def test_a_drafted_mostly_holds_for_the_rows_it_was_made_from(n_bad: int, n_good: int) -> None:
    n_rows = max(1, n_bad + n_good)
    mostly = mostly_allowing(n_bad / n_rows)
    assert mostly is None or 0 < mostly <= (n_rows - n_bad) / n_rows


@pytest.mark.parametrize(
    ("share", "mostly"), [(1e-7, 0.999), (0.001, 0.998), (0.034, 0.93), (0.35, 0.3), (0.5, None)]
)
def test_mostly_leaves_room_for_twice_as_many(share: float, mostly: float | None) -> None:
    assert mostly_allowing(share) == mostly


@given(n_rows=st.integers(0, 10**12), part=st.sampled_from([2, 10]))
def test_a_least_row_count_is_round_and_below_what_was_seen(n_rows: int, part: int) -> None:
    least = human_least(n_rows, part=part)
    assert least <= n_rows
    assert (least == 0) == (n_rows == 0)
    assert str(least).rstrip("0") in ("", "1", "2", "5")
