"""min_value and max_value as GX reads them from JSON, and comparing with them. Pure.

GX's `Comparable` is a number first, a date second, a time third: "5" is 5.0, "2024-01-01" a date and
"2024-01-01T00:00:00" a time.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from batch_scorer.validation.streaming.rows import Kind, Mask

Bound = float | dt.date | dt.datetime

_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})$")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?$")
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_BEYOND = 2**64
_NUMBERS = (Kind.INT, Kind.FLOAT, Kind.FLOAT32, Kind.BOOL)


class NotABound(ValueError):
    """Of a form whose meaning is left to GX."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    low: Bound | None
    high: Bound | None
    strict_low: bool = False
    strict_high: bool = False

    def admit(self, value: Any) -> bool:
        """Whether one value that is not null lies between."""
        above = self.low is None or (value > self.low if self.strict_low else value >= self.low)
        below = self.high is None or (value < self.high if self.strict_high else value <= self.high)
        return bool(above and below)

    def mask(self, values: np.ndarray[Any, Any]) -> Mask:
        """Of numbers, of datetime64, or of dates as days."""
        mask: Mask | None = None
        if values.dtype.kind == "M":
            return self._in_units(np.datetime_data(values.dtype)[0]).mask(values.view(np.int64))
        if self.low is not None:
            low = _comparable(self.low)
            mask = values > low if self.strict_low else values >= low
        if self.high is not None:
            high = _comparable(self.high)
            below = values < high if self.strict_high else values <= high
            mask = below if mask is None else np.logical_and(mask, below, out=mask)
        return np.ones(len(values), dtype=bool) if mask is None else mask

    def _in_units(self, unit: str) -> Bounds:
        """Of points in time, as whole numbers of a column's unit: NumPy would let far ones overflow."""
        # For whole v: v > b is v > floor(b), and v >= b is v >= ceil(b); the other way round above.
        return replace(
            self,
            low=_whole(self.low, unit, math.floor if self.strict_low else math.ceil),
            high=_whole(self.high, unit, math.ceil if self.strict_high else math.floor),
        )

    def fit(self, kind: Kind, tz: str | None) -> bool:
        """Whether both can be compared with a column of a kind; tz: of its timestamps."""
        return all(_fits(bound, kind, tz) for bound in (self.low, self.high) if bound is not None)

    @property
    def are_given(self) -> bool:
        return self.low is not None or self.high is not None

    @property
    def are_in_order(self) -> bool:
        """GX refuses bounds the wrong way round."""
        return self.low is None or self.high is None or bool(self.low <= self.high)  # type: ignore[operator]


def bounds_of(kwargs: Mapping[str, Any]) -> Bounds:
    """Raises: NotABound."""
    strict = [kwargs.get(name) or False for name in ("strict_min", "strict_max")]
    if not all(isinstance(flag, bool) for flag in strict):
        raise NotABound("strict_min and strict_max are true or false")
    return Bounds(
        low=_bound(kwargs.get("min_value")),
        high=_bound(kwargs.get("max_value")),
        strict_low=strict[0],
        strict_high=strict[1],
    )


def _bound(value: object) -> Bound | None:
    match value:
        case None:
            return None
        case bool():
            raise NotABound(f"{value} is no number")
        case int() | float():
            if not plain_number(value):
                raise NotABound(f"{value} is beyond what a column can hold")
            return float(value)
        case str() if _DATE.match(value) or _TIME.match(value):
            try:
                return (
                    dt.date.fromisoformat(value) if _DATE.match(value) else dt.datetime.fromisoformat(value)
                )
            except ValueError:
                raise NotABound(f"{value} is no date") from None
        case _:
            raise NotABound(f"{value} is read by GX alone")


def _fits(bound: Bound, kind: Kind, tz: str | None) -> bool:
    match bound:
        case dt.datetime():
            return kind is Kind.TIME and (bound.tzinfo is None) == (tz is None)
        case dt.date():
            return kind is Kind.DATE
        case _:
            return kind in _NUMBERS


def plain_number(value: object) -> bool:
    """One that a column of numbers may hold: Python's integers, and JSON's, have no end."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, float) or abs(value) < _BEYOND


def _whole(bound: Bound | None, unit: str, rounded: Callable[[Fraction], int]) -> int | None:
    """A point in time in units since 1970."""
    if not isinstance(bound, dt.datetime):
        return None
    epoch = dt.datetime(1970, 1, 1, tzinfo=None if bound.tzinfo is None else dt.UTC)
    n_us = (bound - epoch) // dt.timedelta(microseconds=1)
    return rounded(Fraction(n_us * _PER_SECOND[unit], 1_000_000))


def _comparable(bound: Bound) -> Any:
    match bound:
        case dt.date():
            return (bound - dt.date(1970, 1, 1)).days
        case _:
            return bound
