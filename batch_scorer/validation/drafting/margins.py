"""Bounds a person would have written, around what was seen. Pure, and exact: no seen value is outside."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

Number = int | float | Decimal

_STEPS = 8  # at least so many steps lie between the lowest and the highest value
_ROOM = Fraction(1, 50)  # of the span, beyond the last value seen, at least
_MOST_MISSING = 0.4  # more than that is no exception but the rule
_RARE = 0.005


def human_bounds(low: Number, high: Number, *, whole: bool) -> tuple[float | None, float | None]:
    """(min, max) around finite low <= high, on round numbers: -0.37 and 487.31 give -50 and 500.

    0 stays a bound when no value is beyond it. whole: the values are whole numbers. None: no finite number
    is beyond what was seen.
    """
    bottom, top = Fraction(low), Fraction(high)
    span = top - bottom or abs(top) or Fraction(1)
    step = _nice_at_most(span / _STEPS)
    if whole:
        step = max(step, Fraction(1))
    down = math.floor((bottom - span * _ROOM) / step) * step
    up = math.ceil((top + span * _ROOM) / step) * step
    if bottom >= 0:
        down = max(down, Fraction(0))
    if top <= 0:
        up = min(up, Fraction(0))
    below, above = _as_float(-down, -bottom), _as_float(up, top)
    return None if below is None else 0.0 - below, above


def mostly_allowing(share: float) -> float | None:
    """A round `mostly` that still holds when twice as many rows break the rule; None when that is no rule.

    share: of rows that break it, 0..1.
    """
    if share > _MOST_MISSING:
        return None
    digits = 1000 if share < _RARE else 100
    return math.floor(round((1 - 2 * share) * digits, 6)) / digits


def human_least(n_rows: int, *, part: int) -> int:
    """A round number that is at most the part-th of n_rows: 12,345 and 2 give 5,000."""
    share = n_rows // part
    return int(_nice_at_most(Fraction(share))) if share else min(n_rows, 1)


def _nice_at_most(value: Fraction) -> Fraction:
    """The largest 1, 2 or 5 times a power of ten that is not above value > 0."""
    power = len(str(value.numerator)) - len(str(value.denominator))
    unit = Fraction(10) ** power
    if unit > value:
        unit /= 10
    return next(factor * unit for factor in (5, 2, 1) if factor * unit <= value)


def _as_float(bound: Fraction, seen: Fraction) -> float | None:
    """The float nearest to bound that is not below what was seen."""
    try:
        value = float(bound)
    except OverflowError:
        return None
    if Fraction(value) < seen:
        value = math.nextafter(value, math.inf)
    return value if math.isfinite(value) else None
