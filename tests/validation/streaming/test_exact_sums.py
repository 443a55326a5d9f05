"""Sums, means and deviations against rationals."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.validation.streaming.exact_sums import ExactSum, Moments, Totals

FINITE = st.floats(allow_nan=False, allow_infinity=False)
WILD = FINITE | st.sampled_from([5e-324, -5e-324, 1.7976931348623157e308, -1.7976931348623157e308, 0.1, -0.0])
FLOATS = st.lists(WILD | st.floats(-1e4, 1e4), max_size=60).map(lambda x: np.array(x, np.float64))
_INTEGERS = [(np.dtype(kind), np.iinfo(kind)) for kind in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")]
INTEGERS = st.sampled_from(_INTEGERS).flatmap(
    lambda kind: st.lists(
        st.integers(kind[1].min, kind[1].max) | st.sampled_from([kind[1].min, kind[1].max]), max_size=40
    ).map(lambda x: np.array(x, kind[0]))
)
NUMBERS = FLOATS | INTEGERS


def exactly(values: npt.NDArray[Any]) -> list[Fraction]:
    return [Fraction(value) for value in values.tolist()]


def as_fraction(total: ExactSum) -> Fraction:
    return total.mantissa * Fraction(2) ** total.exponent


def nearest(value: Fraction) -> float:
    try:
        return value.numerator / value.denominator
    except OverflowError:
        return math.inf if value > 0 else -math.inf


@given(NUMBERS)
def test_a_sum_is_the_rational_sum(values: npt.NDArray[Any]) -> None:
    total = ExactSum.of(values)
    assert as_fraction(total) == sum(exactly(values))
    assert total.value() == nearest(sum(exactly(values), Fraction(0)))


@given(NUMBERS, st.lists(st.integers(0, 60)), st.randoms())
def test_any_cut_and_order_gives_the_same_object(
    values: npt.NDArray[Any], cuts: list[int], random: Any
) -> None:
    edges = [0, *sorted(min(cut, len(values)) for cut in cuts), len(values)]
    parts = [values[start:stop] for start, stop in pairwise(edges)]
    random.shuffle(parts)
    kinds: tuple[Any, ...] = (Moments, Totals)
    for kind in kinds:
        merged = kind()
        for part in parts:
            merged = kind.from_json(json.loads(json.dumps((merged + kind.of(part)).as_json())))
        assert merged == kind.of(values)


@given(NUMBERS)
def test_moments_are_the_rational_ones(values: npt.NDArray[Any]) -> None:
    moments, exact = Moments.of(values), exactly(values)
    assert as_fraction(moments.squares) == sum(x * x for x in exact)
    if exact:
        assert Totals.of(values).mean() == nearest(sum(exact, Fraction(0)) / len(exact))
    if len(exact) > 1:
        mean = sum(exact, Fraction(0)) / len(exact)
        variance = sum((x - mean) ** 2 for x in exact) / (len(exact) - 1)
        assert is_nearest_root(moments.stdev(), Fraction(variance))


def is_nearest_root(root: float, square: Fraction) -> bool:
    """Between the middles to both neighbours, whose squares are compared."""
    if math.isinf(root):
        return square >= Fraction(2) ** 2047
    below = (Fraction(root) + Fraction(math.nextafter(root, -math.inf))) / 2
    above = math.nextafter(root, math.inf)
    middle = (Fraction(root) + Fraction(above)) / 2 if math.isfinite(above) else Fraction(2) ** 1024
    return (below <= 0 or below**2 <= square) and square <= middle**2


@pytest.mark.parametrize("n", [2**14 - 1, 2**14, 2**15 + 7, 200_000])
def test_more_than_a_block_of_values(n: int) -> None:
    values = np.random.default_rng(n).lognormal(3, 2, n)
    assert ExactSum.of(values).value() == math.fsum(values)
    assert ExactSum.of(np.full(n, 1.7976931348623157e308)).mantissa == (2**53 - 1) * odd_part(n)
    assert ExactSum.of(np.full(n, 2**64 - 1, np.uint64)).as_integer() == n * (2**64 - 1)
    assert ExactSum.of(np.full(n, -(2**63), np.int64)).as_integer() == -n * 2**63


def odd_part(n: int) -> int:
    return n // (n & -n)


def test_what_cancels_is_gone() -> None:
    assert ExactSum.of(np.array([1e308, 1e-300, 1.0, -1e308, -1.0])).value() == 1e-300
    assert ExactSum.of(np.array([1e308, 1e308, -1e308])).value() == 1e308
    assert ExactSum.of(np.array([0.1] * 10)) + ExactSum.of(np.array([-0.1] * 10)) == ExactSum()


def test_infinities_are_counted_apart() -> None:
    plus, minus = ExactSum.of(np.array([1.0, np.inf])), ExactSum.of(np.array([-np.inf, 2.0]))
    assert plus.value() == math.inf
    assert minus.value() == -math.inf
    assert math.isnan((plus + minus).value())
    assert (plus + minus).mantissa == 3
    assert Totals.of(np.array([1.0, np.inf, 3.0])).mean() == math.inf
    assert math.isnan(Moments.of(np.array([1.0, np.inf, 3.0])).stdev())
    with pytest.raises(ValueError, match="no integer"):
        plus.as_integer()


def test_nothing_has_a_sum_but_no_mean() -> None:
    for values in (np.array([], np.float64), np.array([], np.int64)):
        assert Moments.of(values) == Moments()
        assert math.isnan(Moments.of(values).stdev())
        assert Totals.of(values) == Totals()
        assert Totals.of(values).sum() == 0
        assert math.isnan(Totals.of(values).mean())
    assert math.isnan(Moments.of(np.array([3.0])).stdev())


def test_nan_is_refused_wherever_it_is() -> None:
    for values in ([math.nan], [1.0, math.nan], [math.inf, math.nan, 0.0]):
        with pytest.raises(ValueError, match="NaN"):
            ExactSum.of(np.array(values))
        with pytest.raises(ValueError, match="NaN"):
            Moments.of(np.array(values))


def test_equal_values_do_not_deviate() -> None:
    assert Moments.of(np.full(1000, 0.1)).stdev() == 0.0
    assert Moments.of(np.full(1000, 2**63 - 1, np.int64)).stdev() == 0.0


def test_a_root_just_above_the_middle_of_two_floats_goes_up() -> None:
    middle = 2**53 + 1  # between 2**53, which is even, and 2**53 + 2
    squares = ExactSum(mantissa=middle**2 * 2**100 + 1, exponent=-100)
    assert Moments(n=2, squares=squares).stdev() == 2**53 + 2
    assert Moments(n=2, squares=ExactSum(mantissa=middle**2, exponent=0)).stdev() == 2**53


@given(
    st.lists(st.integers(0, 10**6).map(lambda cents: cents / 100) | WILD, min_size=1, max_size=30),
    st.sampled_from([0, 37, 38, 39, -899, -900, -901]),
)
def test_values_near_the_edges_of_the_quick_way_are_summed_exactly(found: list[float], power: int) -> None:
    values = np.array([*found, 2.0**power, -(2.0**power) * (1 - 2.0**-53)])
    assert as_fraction(ExactSum.of(values)) == sum(exactly(values))


def test_what_is_summed_stays_as_it_was() -> None:
    for values in (np.array([0.1, 1e300, -5.25]), np.arange(4.0), np.array([5e-324, 1e-310])):
        before = values.copy()
        Moments.of(values)
        assert values.tolist() == before.tolist()
