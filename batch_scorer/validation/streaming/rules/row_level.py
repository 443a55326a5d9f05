"""Rules that hold or fail for each row: of one column, a pair, or a list of columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from batch_scorer.validation.streaming.bounds import plain_number
from batch_scorer.validation.streaming.domains import Ignore, canonical
from batch_scorer.validation.streaming.failing import FailingRows
from batch_scorer.validation.streaming.kernels.table import KERNELS
from batch_scorer.validation.streaming.measures import Measure, RowsOutOfOrder, RowsThatFail
from batch_scorer.validation.streaming.rows import Kind, kind_of
from batch_scorer.validation.streaming.rules.answers import answer_of_rows, columns_of
from batch_scorer.validation.streaming.rules.rule import (
    Found,
    Kwargs,
    NotStreamed,
    condition_of,
    types_of,
)

_ABOUT_THE_DOMAIN = ("column", "column_A", "column_B", "column_list", "row_condition", "condition_parser")
_NOT_VALUES = frozenset((*_ABOUT_THE_DOMAIN, "ignore_row_if", "mostly", "result_format", "catch_exceptions"))
_IGNORED: Mapping[str, Ignore] = {
    "both_values_are_missing": Ignore.ALL,
    "either_value_is_missing": Ignore.ANY,
    "neither": Ignore.NONE,
    "all_values_are_missing": Ignore.ALL,
    "any_value_is_missing": Ignore.ANY,
    "never": Ignore.NONE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRule:
    """metric: GX's name of it, and of our kernel. of_nulls: nulls are what it is about.

    ignores_conditions: GX's own metric does not look at a row condition, though the row count does.
    """

    metric: str
    of_nulls: bool = False
    ignores_conditions: bool = False

    def measures(self, kwargs: Kwargs, schema: pa.Schema) -> tuple[Measure, ...]:
        check_mostly(kwargs)
        if self.ignores_conditions and kwargs.get("row_condition") is not None:
            raise NotStreamed("GX applies its row condition to the row count alone")
        return (self._measure(kwargs, schema),)

    def _measure(self, kwargs: Kwargs, schema: pa.Schema | None) -> RowsThatFail:
        names = columns_of(kwargs)
        values = {name: value for name, value in kwargs.items() if name not in _NOT_VALUES}
        if schema is not None and not KERNELS[self.metric].streams(types_of(names, schema), values):
            raise NotStreamed(f"these arguments, for columns of type {_types_in_words(names, schema)}")
        return RowsThatFail(
            metric=self.metric,
            columns=names,
            kwargs=canonical(values),
            condition=known_condition(kwargs) if schema is None else condition_of(kwargs, schema),
            ignore=Ignore.NONE if self.of_nulls else ignored(kwargs),
        )

    def failing(self, kwargs: Kwargs, found: Found) -> FailingRows:
        rows: FailingRows = found[self._measure(kwargs, None)]
        return rows

    def mask_measure(self, kwargs: Kwargs) -> RowsThatFail:
        """Whose mask says which rows fail."""
        return self._measure(kwargs, None)

    def holds(self, kwargs: Kwargs, found: Found) -> bool:
        return mostly_hold(self.failing(kwargs, found), kwargs)

    def answer(self, metric: str, given: Kwargs, kwargs: Kwargs, found: Found) -> Any:
        return answer_of_rows(metric, given, self.failing(kwargs, found), kwargs, found, own=self.metric)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRule:
    """Values that rise, or fall, from row to row."""

    rising: bool

    def measures(self, kwargs: Kwargs, schema: pa.Schema) -> tuple[Measure, ...]:
        check_mostly(kwargs)
        (type_,) = types_of(columns_of(kwargs), schema)
        # GX subtracts neighbours, and 1 - 2 of unsigned integers is 2**64 - 1.
        is_unsigned = pa.types.is_unsigned_integer(type_)
        if kind_of(type_) not in (Kind.INT, Kind.FLOAT, Kind.TIME) or is_unsigned:
            raise NotStreamed(f"the order of a column of type {type_}")
        condition_of(kwargs, schema)
        return (self._measure(kwargs),)

    def _measure(self, kwargs: Kwargs) -> RowsOutOfOrder:
        return RowsOutOfOrder(
            columns=columns_of(kwargs),
            rising=self.rising,
            strictly=bool(kwargs.get("strictly")),
            condition=known_condition(kwargs),
        )

    def holds(self, kwargs: Kwargs, found: Found) -> bool:
        return mostly_hold(found[self._measure(kwargs)].failing, kwargs)

    def answer(self, metric: str, given: Kwargs, kwargs: Kwargs, found: Found) -> Any:
        rows = found[self._measure(kwargs)].failing
        own = f"column_values.{'increasing' if self.rising else 'decreasing'}"
        return answer_of_rows(metric, given, rows, kwargs, found, own=own)


def known_condition(kwargs: Kwargs) -> str | None:
    condition = kwargs.get("row_condition")
    return None if condition is None else canonical(condition)


def ignored(kwargs: Kwargs) -> Ignore:
    """Raises: NotStreamed."""
    if "column" in kwargs:
        return Ignore.ANY
    name = kwargs.get("ignore_row_if") or "all_values_are_missing"
    if name not in _IGNORED:
        raise NotStreamed(f"ignore_row_if {name}")
    return _IGNORED[name]


def check_mostly(kwargs: Kwargs) -> None:
    """Raises: NotStreamed."""
    mostly = kwargs.get("mostly")
    if mostly is not None and not plain_number(mostly):
        raise NotStreamed(f"mostly {mostly}")


def mostly_hold(rows: FailingRows, kwargs: Kwargs) -> bool:
    """GX's own formula, to the last bit: it decides what 99 % means."""
    if not rows.n_rows or not rows.n_tested:
        return True
    mostly = kwargs.get("mostly")
    ratio = (float(rows.n_tested) - float(rows.n_failing)) / float(rows.n_tested)
    return ratio >= (1 if mostly is None else mostly)


def _types_in_words(names: tuple[str, ...], schema: pa.Schema) -> str:
    return ", ".join(str(schema.field(name).type) for name in names)
