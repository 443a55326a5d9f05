"""min_value and max_value as GX reads them from JSON, and comparing with them. Pure.

GX's `Comparable` is a number first, a date second, a time third: "5" is 5.0, "2024-01-01" a date and
"2024-01-01T00:00:00" a time.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from batch_scorer.validation.streaming.rows import Kind, Mask

Bound = float | dt.date | dt.datetime

_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})$")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?$")
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
        if self.low is not None:
            low = _comparable(self.low)
            mask = values > low if self.strict_low else values >= low
        if self.high is not None:
            high = _comparable(self.high)
            below = values < high if self.strict_high else values <= high
            mask = below if mask is None else np.logical_and(mask, below, out=mask)
        return np.ones(len(values), dtype=bool) if mask is None else mask

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


def _comparable(bound: Bound) -> Any:
    match bound:
        case dt.datetime():
            utc = bound if bound.tzinfo is None else bound.astimezone(dt.UTC).replace(tzinfo=None)
            return np.datetime64(utc, "us")
        case dt.date():
            return (bound - dt.date(1970, 1, 1)).days
        case _:
            return bound
