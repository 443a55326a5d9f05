"""What is computed over the rows for the rules of a suite; equal measures are computed once.

Each gives a partial of one batch. Partials add up in row order, so any cut of the rows gives the same sum.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from batch_scorer.validation.streaming.domains import Ignore, columns_in, count, held, parsed, without_nulls
from batch_scorer.validation.streaming.duplicates import KeyRows
from batch_scorer.validation.streaming.exact_sums import Moments, Totals
from batch_scorer.validation.streaming.extremes import Extremes, Tally
from batch_scorer.validation.streaming.failing import POSITION, FailingRows
from batch_scorer.validation.streaming.kernels.table import KERNELS
from batch_scorer.validation.streaming.order import OrderedRows, out_of_order
from batch_scorer.validation.streaming.rows import Column, Kind, Mask, Rows, one_null
from batch_scorer.validation.streaming.value_counts import ValueCounts

_FIRST_LOOK = 1_024  # rows

Partial = FailingRows | OrderedRows | Extremes | Totals | Moments | Tally | ValueCounts | KeyRows


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How many failing rows are kept, and with which columns besides the rule's own."""

    keep: int
    columns: tuple[str, ...] = ()


class Measure(Protocol):
    """condition: a canonical row condition; None: every row."""

    @property
    def condition(self) -> str | None: ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Those of the rule, its row condition's aside."""

    def of(self, rows: Rows, sampling: Sampling) -> Partial: ...


def columns_read(measure: Measure) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*measure.columns, *columns_in(parsed(measure.condition)))))


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsThatFail:
    """Of a row-level rule. metric: GX's name of it. kwargs: canonical."""

    metric: str
    columns: tuple[str, ...]
    kwargs: str = "{}"
    condition: str | None = None
    ignore: Ignore = Ignore.ANY

    def of(self, rows: Rows, sampling: Sampling) -> FailingRows:
        first, n_failing = None, 0
        failing = self.failing(rows)
        if failing is not None:
            n_failing = int(np.count_nonzero(failing))
            if n_failing and sampling.keep:
                names = (*self.columns, *sampling.columns)
                first = sample(rows, first_true(failing, sampling.keep), names)
        return FailingRows(
            n_rows=count(held(self.condition, rows), rows.n_rows),
            n_tested=self._n_tested(rows),
            n_failing=n_failing,
            keep=sampling.keep,
            first=first,
        )

    def failing(self, rows: Rows) -> Mask | None:
        """The rows that fail; None: certainly none. Raises: whatever GX's own rule would raise."""
        if self not in rows.failing:
            rows.failing[self] = None if self._certainly_holds(rows) else self._mask(rows)
        return rows.failing[self]

    def _mask(self, rows: Rows) -> Mask:
        columns = tuple(rows.column(name) for name in self.columns)
        domain = self._domain(rows)
        kernel, kwargs = KERNELS[self.metric], parsed(self.kwargs)
        if domain is None:
            return ~kernel.meets(columns, kwargs)
        if not kernel.raises:
            return domain > kernel.meets(columns, kwargs)  # in it, and not met
        within = tuple(Column(column.arrow.filter(pa.array(domain))) for column in columns)
        failing = np.zeros(rows.n_rows, dtype=bool)
        failing[domain] = ~kernel.meets(within, kwargs)
        return failing

    def _certainly_holds(self, rows: Rows) -> bool:
        """On every row, as is told without a look at each. False says nothing."""
        columns = tuple(rows.column(name) for name in self.columns)
        if self.ignore is Ignore.NONE and any(column.n_null for column in columns):
            return False
        return KERNELS[self.metric].certain(columns, parsed(self.kwargs))

    def _n_tested(self, rows: Rows) -> int:
        if self.condition is None and len(self.columns) == 1:
            n_left_out = 0 if self.ignore is Ignore.NONE else rows.column(self.columns[0]).n_null
            return rows.n_rows - n_left_out
        return count(self._domain(rows), rows.n_rows)

    def _domain(self, rows: Rows) -> Mask | None:
        columns = [rows.column(name) for name in self.columns]
        return without_nulls(held(self.condition, rows), columns, self.ignore)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsOutOfOrder:
    """Of values that do not rise (or fall, when not `rising`) from each to the next that is not null."""

    columns: tuple[str, ...]
    rising: bool
    strictly: bool
    condition: str | None = None

    def of(self, rows: Rows, sampling: Sampling) -> OrderedRows:
        (name,) = self.columns
        column = rows.column(name)
        held_rows = held(self.condition, rows)
        domain = without_nulls(held_rows, [column], Ignore.ANY)
        where = np.arange(rows.n_rows) if domain is None else np.flatnonzero(domain)
        values = column.numbers[where]
        wrong = where[1:][out_of_order(values[:-1], values[1:], rising=self.rising, strictly=self.strictly)]
        names = (*self.columns, *sampling.columns)
        failing = FailingRows(
            n_rows=count(held_rows, rows.n_rows),
            n_tested=len(where),
            n_failing=len(wrong),
            keep=sampling.keep,
            first=sample(rows, wrong[: sampling.keep], names) if len(wrong) and sampling.keep else None,
        )
        return OrderedRows(
            failing=failing,
            name=name,
            rising=self.rising,
            strictly=self.strictly,
            head=sample(rows, where[:1], names) if len(where) else None,
            tail=sample(rows, where[-1:], (name,)) if len(where) else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Rows, and nulls of one column or of none."""

    columns: tuple[str, ...] = ()
    condition: str | None = None

    def of(self, rows: Rows, sampling: Sampling) -> Tally:  # noqa: ARG002 (as every measure)
        if self.condition is None and len(self.columns) == 1:
            return Tally(n_rows=rows.n_rows, n_null=rows.column(self.columns[0]).n_null)
        held_rows = held(self.condition, rows)
        n_rows = count(held_rows, rows.n_rows)
        domain = without_nulls(held_rows, [rows.column(name) for name in self.columns], Ignore.ANY)
        return Tally(n_rows=n_rows, n_null=n_rows - count(domain, rows.n_rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtremesFound:
    """Of one column's values."""

    columns: tuple[str, ...]
    condition: str | None = None

    def of(self, rows: Rows, sampling: Sampling) -> Extremes:  # noqa: ARG002
        return Extremes.of(values_of(rows, self.columns[0], self.condition))


@dataclass(frozen=True, slots=True, kw_only=True)
class NumbersSummed:
    """The sum of one column's numbers."""

    columns: tuple[str, ...]
    condition: str | None = None

    def of(self, rows: Rows, sampling: Sampling) -> Totals:  # noqa: ARG002
        return Totals.of(numbers_of(rows, self.columns[0], self.condition))


@dataclass(frozen=True, slots=True, kw_only=True)
class MomentsSummed:
    """Sums of one column's numbers and of their squares."""

    columns: tuple[str, ...]
    condition: str | None = None

    def of(self, rows: Rows, sampling: Sampling) -> Moments:  # noqa: ARG002
        return Moments.of(numbers_of(rows, self.columns[0], self.condition))


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuesCounted:
    """How often each value of one column occurs."""

    columns: tuple[str, ...]
    condition: str | None = None

    def of(self, rows: Rows, sampling: Sampling) -> ValueCounts:  # noqa: ARG002
        column = rows.column(self.columns[0])
        if column.kind is not Kind.TEXT or column.distinct is None:
            return ValueCounts.of(values_of(rows, self.columns[0], self.condition))
        domain = without_nulls(held(self.condition, rows), [column], Ignore.ANY)
        codes, values = column.distinct
        coded = pa.DictionaryArray.from_arrays(pa.array(codes if domain is None else codes[domain]), values)
        return ValueCounts.of(coded)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysGathered:
    """Every row's key, to find those that occur twice."""

    columns: tuple[str, ...]
    condition: str | None = None
    ignore: Ignore = Ignore.ANY

    def of(self, rows: Rows, sampling: Sampling) -> KeyRows:
        columns = [rows.column(name) for name in self.columns]
        domain = without_nulls(held(self.condition, rows), columns, self.ignore)
        where = _positions(rows.n_rows) if domain is None else np.flatnonzero(domain)
        extra = [name for name in dict.fromkeys(sampling.columns) if name not in self.columns]
        names = tuple(dict.fromkeys((*self.columns, *extra)))
        table = rows.all(names) if domain is None else rows.take(where, names)
        keys = pa.table({name: one_null(table[name]) for name in self.columns})
        return KeyRows.of(keys, table.select(extra), where)


def numbers_of(rows: Rows, name: str, condition: str | None) -> np.ndarray[Any, Any]:
    """A column's numbers without nulls, on the rows of a condition."""
    column = rows.column(name)
    if condition is None:
        return column.present
    domain = without_nulls(held(condition, rows), [column], Ignore.ANY)
    return column.numbers if domain is None else column.numbers[domain]


def values_of(rows: Rows, name: str, condition: str | None) -> pa.Array:
    """A column's values without nulls, on the rows of a condition; text of a dictionary as plain text."""
    column: Column = rows.column(name)
    domain = without_nulls(held(condition, rows), [column], Ignore.ANY)
    values = column.arrow if domain is None else column.arrow.filter(pa.array(domain))
    return values.dictionary_decode() if column.kind is Kind.CATEGORY else values


@functools.lru_cache(maxsize=2)
def _positions(n_rows: int) -> np.ndarray[Any, Any]:
    """Of all rows; batches are mostly as long as each other, so they share one that is there."""
    positions = np.arange(n_rows)
    positions.flags.writeable = False
    return positions


def first_true(mask: Mask, n: int) -> np.ndarray[Any, Any]:
    """The positions of the first n that are true, or of all: where many are, few rows are looked at."""
    n_looked = _FIRST_LOOK
    while True:
        found = np.flatnonzero(mask[:n_looked])
        if len(found) >= n or n_looked >= len(mask):
            return found[:n]
        n_looked *= 16


def sample(rows: Rows, positions: np.ndarray[Any, Any], names: tuple[str, ...]) -> pa.Table:
    taken = rows.take(positions, tuple(dict.fromkeys(names)))
    return taken.append_column(POSITION, pa.array(positions, pa.int64()))


def partial_from_json(document: Mapping[str, Any]) -> Partial:
    """The inverse of `partial_as_json`. Raises: KeyError, ValueError."""
    partial: Partial = _PARTIALS[document["partial"]].from_json(document["of"])
    return partial


def partial_as_json(partial: Partial) -> dict[str, Any]:
    return {"partial": type(partial).__name__, "of": partial.as_json()}


_PARTIALS: Mapping[str, Any] = {
    kind.__name__: kind
    for kind in (FailingRows, OrderedRows, Extremes, Totals, Moments, Tally, ValueCounts, KeyRows)
}

SHOWING_ROWS = (RowsThatFail, RowsOutOfOrder, KeysGathered)
