"""Rules about one number of a column, or of the table, that must lie between bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from batch_scorer.validation.streaming.bounds import Bounds, NotABound, bounds_of, plain_number
from batch_scorer.validation.streaming.measures import (
    Counted,
    ExtremesFound,
    Measure,
    MomentsSummed,
    NumbersSummed,
    ValuesCounted,
)
from batch_scorer.validation.streaming.rows import Kind, kind_of
from batch_scorer.validation.streaming.rules.row_level import known_condition
from batch_scorer.validation.streaming.rules.rule import (
    Found,
    Kwargs,
    NotStreamed,
    condition_of,
    types_of,
)

_NUMBERS = (Kind.INT, Kind.FLOAT)
_VALUES = (Kind.INT, Kind.FLOAT, Kind.TEXT)
_WRAPS_AT = 2**64


@dataclass(frozen=True, slots=True, kw_only=True)
class BetweenRule:
    """metric: GX's name of the number. kinds: of the column it can be streamed for; () for the table's.

    needs: the measure it is computed from, and value: how.
    """

    metric: str
    kinds: tuple[Kind, ...]
    needs: Callable[..., Measure]
    value: Callable[[Any, str, Kwargs, Found], Any]

    def measures(self, kwargs: Kwargs, schema: pa.Schema) -> tuple[Measure, ...]:
        bounds = given_bounds(kwargs)
        condition_of(kwargs, schema)
        if not self.kinds:
            return (self._measure(kwargs), Counted(condition=known_condition(kwargs)))
        (type_,) = types_of((kwargs["column"],), schema)
        kind = kind_of(type_)
        tz = type_.tz if kind is Kind.TIME else None
        compared_as = kind if kind is Kind.TIME and self.kinds == _ORDERED else Kind.FLOAT
        if kind not in self.kinds or not bounds.fit(compared_as, tz):
            raise NotStreamed(f"this number of a column of type {type_}, with these bounds")
        return (self._measure(kwargs), Counted(condition=known_condition(kwargs)))

    def _measure(self, kwargs: Kwargs) -> Measure:
        columns = (kwargs["column"],) if self.kinds else ()
        return self.needs(columns=columns, condition=known_condition(kwargs))

    def _value(self, kwargs: Kwargs, found: Found) -> Any:
        return self.value(found[self._measure(kwargs)], kwargs.get("column", ""), kwargs, found)

    def holds(self, kwargs: Kwargs, found: Found) -> bool:
        return lies_between(self._value(kwargs, found), kwargs)

    def answer(self, metric: str, given: Kwargs, kwargs: Kwargs, found: Found) -> Any:  # noqa: ARG002
        if metric == self.metric:
            return self._value(kwargs, found)
        if metric == "table.row_count":
            return found[Counted(condition=known_condition(kwargs))].n_rows
        raise KeyError(metric)


def given_bounds(kwargs: Kwargs) -> Bounds:
    """Raises: NotStreamed."""
    try:
        return bounds_of(kwargs)
    except NotABound as error:
        raise NotStreamed(str(error)) from None


def lies_between(value: Any, kwargs: Kwargs) -> bool:
    """A number that is not there lies nowhere."""
    return not pd.isnull(value) and given_bounds(kwargs).admit(value)


def _extreme(end: int) -> Callable[[Any, str, Kwargs, Found], Any]:
    def value(extremes: Any, name: str, _: Kwargs, found: Found) -> Any:
        if extremes.ends is None:
            return pd.NaT if pa.types.is_timestamp(found.schema.field(name).type) else np.nan
        return found.series(name, extremes.ends).iloc[end]

    return value


def _sum(totals: Any, name: str, _: Kwargs, found: Found) -> Any:
    if kind_of(found.schema.field(name).type) is Kind.INT and not found.has_null(name):
        wrapped = (totals.total.as_integer() + _WRAPS_AT // 2) % _WRAPS_AT - _WRAPS_AT // 2
        return np.int64(wrapped)
    return totals.sum()


def _median(counts: Any, _name: str, _: Kwargs, found: Found) -> Any:
    n = counts.n_values()
    if not n:
        return np.nan
    low, high = counts.order_statistics([(n - 1) // 2, n // 2], found.directory)
    return float(np.mean(np.array([low, high], dtype=float))) if low != high else float(low)


def _proportion(part: int, whole: int) -> float | int:
    return part / whole if whole else 0


_ORDERED = (Kind.INT, Kind.FLOAT, Kind.FLOAT32, Kind.TIME)

MIN = BetweenRule(metric="column.min", kinds=_ORDERED, needs=ExtremesFound, value=_extreme(0))
MAX = BetweenRule(metric="column.max", kinds=_ORDERED, needs=ExtremesFound, value=_extreme(1))
MEAN = BetweenRule(
    metric="column.mean", kinds=_NUMBERS, needs=NumbersSummed, value=lambda totals, *_: totals.mean()
)
STDEV = BetweenRule(
    metric="column.standard_deviation",
    kinds=_NUMBERS,
    needs=MomentsSummed,
    value=lambda moments, *_: moments.stdev(),
)
SUM = BetweenRule(metric="column.sum", kinds=_NUMBERS, needs=NumbersSummed, value=_sum)
MEDIAN = BetweenRule(metric="column.median", kinds=_NUMBERS, needs=ValuesCounted, value=_median)
UNIQUE_COUNT = BetweenRule(
    metric="column.distinct_values.count",
    kinds=(*_VALUES, Kind.TIME, Kind.DATE, Kind.CATEGORY),
    needs=ValuesCounted,
    value=lambda counts, _name, _kwargs, found: counts.n_distinct(found.directory),
)
UNIQUE_PROPORTION = BetweenRule(
    metric="column.unique_proportion",
    kinds=(*_VALUES, Kind.TIME, Kind.DATE, Kind.CATEGORY),
    needs=ValuesCounted,
    value=lambda counts, _name, _kwargs, found: _proportion(
        counts.n_distinct(found.directory), counts.n_values()
    ),
)
NON_NULL_PROPORTION = BetweenRule(
    metric="column.non_null_proportion",
    kinds=tuple(Kind),
    needs=Counted,
    value=lambda tally, *_: _proportion(tally.n_rows - tally.n_null, tally.n_rows),
)
ROW_COUNT = BetweenRule(
    metric="table.row_count", kinds=(), needs=Counted, value=lambda tally, *_: tally.n_rows
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCountRule:
    """The number of rows, exactly."""

    def measures(self, kwargs: Kwargs, schema: pa.Schema) -> tuple[Measure, ...]:
        if type(kwargs.get("value")) is not int:
            raise NotStreamed("a row count that is no whole number")
        condition_of(kwargs, schema)
        return (self._measure(kwargs),)

    def _measure(self, kwargs: Kwargs) -> Counted:
        return Counted(condition=known_condition(kwargs))

    def holds(self, kwargs: Kwargs, found: Found) -> bool:
        return bool(found[self._measure(kwargs)].n_rows == kwargs["value"])

    def answer(self, metric: str, given: Kwargs, kwargs: Kwargs, found: Found) -> Any:  # noqa: ARG002
        if metric != "table.row_count":
            raise KeyError(metric)
        return found[self._measure(kwargs)].n_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantilesRule:
    """Several quantiles, each the nearest value of the column."""

    def measures(self, kwargs: Kwargs, schema: pa.Schema) -> tuple[Measure, ...]:
        (type_,) = types_of((kwargs["column"],), schema)
        if kind_of(type_) not in _NUMBERS or kwargs.get("allow_relative_error"):
            raise NotStreamed(f"quantiles of a column of type {type_}, in such a way")
        _check_ranges(kwargs.get("quantile_ranges"))
        condition_of(kwargs, schema)
        return (self._measure(kwargs), Counted(columns=(kwargs["column"],)))

    def _measure(self, kwargs: Kwargs) -> ValuesCounted:
        return ValuesCounted(columns=(kwargs["column"],), condition=known_condition(kwargs))

    def _values(self, kwargs: Kwargs, found: Found) -> list[Any]:
        counts = found[self._measure(kwargs)]
        quantiles = kwargs["quantile_ranges"]["quantiles"]
        n = counts.n_values()
        if not n:
            return [math.nan] * len(quantiles)
        ranks = [int(np.around((n - 1) * (q * 100 / 100))) for q in quantiles]
        name = kwargs["column"]
        values = counts.order_statistics(ranks, found.directory)
        of_type = pa.array(values, found.schema.field(name).type)
        listed: list[Any] = found.series(name, of_type).tolist()
        return listed

    def holds(self, kwargs: Kwargs, found: Found) -> bool:
        ranges = kwargs["quantile_ranges"]["value_ranges"]
        return all(
            (low is None or value >= low) and (high is None or value <= high)
            for value, (low, high) in zip(self._values(kwargs, found), ranges, strict=False)
        )

    def answer(self, metric: str, given: Kwargs, kwargs: Kwargs, found: Found) -> Any:  # noqa: ARG002
        if metric != "column.quantile_values":
            raise KeyError(metric)
        return self._values(kwargs, found)


def _check_ranges(ranges: object) -> None:
    """Raises: NotStreamed."""
    match ranges:
        case {"quantiles": [*quantiles], "value_ranges": [*pairs]} if len(quantiles) == len(pairs):
            numbers = all(plain_number(q) and 0 <= q <= 1 for q in quantiles)
            bounds = [bound for pair in pairs if isinstance(pair, list) for bound in pair]
            whole = all(isinstance(pair, list) and len(pair) == 2 for pair in pairs)
            if numbers and whole and all(bound is None or plain_number(bound) for bound in bounds):
                return
    raise NotStreamed("quantile ranges that only GX reads")


AGGREGATES: Mapping[str, Any] = {
    "expect_column_min_to_be_between": MIN,
    "expect_column_max_to_be_between": MAX,
    "expect_column_mean_to_be_between": MEAN,
    "expect_column_stdev_to_be_between": STDEV,
    "expect_column_sum_to_be_between": SUM,
    "expect_column_median_to_be_between": MEDIAN,
    "expect_column_quantile_values_to_be_between": QuantilesRule(),
    "expect_column_unique_value_count_to_be_between": UNIQUE_COUNT,
    "expect_column_proportion_of_unique_values_to_be_between": UNIQUE_PROPORTION,
    "expect_column_proportion_of_non_null_values_to_be_between": NON_NULL_PROPORTION,
    "expect_table_row_count_to_be_between": ROW_COUNT,
    "expect_table_row_count_to_equal": RowCountRule(),
}
