"""Rows whose key occurs more than once, of more rows than memory holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from batch_scorer.arrow.whole import integers_under
from batch_scorer.validation.streaming.failing import POSITION
from batch_scorer.validation.streaming.hashing import hashes_of
from batch_scorer.validation.streaming.runs import RowRuns
from batch_scorer.validation.streaming.spill_files import SpillFile

MAX_IN_MEMORY_ROWS = 262_144
_PROBED = 4_096  # rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicates:
    """n_rows: with a key that occurs more than once, the first occurrence too (pandas' keep=False).

    rows: the first of them with keys, extra columns and `_position`, in the order of `_position`; None
    when there was no row at all, so no columns are known.
    """

    n_rows: int
    rows: pa.Table | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRows:
    """Rows with their keys, what is shown of them and where they are; a shift for every run."""

    rows: RowRuns
    shifts: tuple[int, ...]

    @classmethod
    def of(cls, keys: pa.Table, extra: pa.Table, positions: npt.NDArray[np.int64]) -> Self:
        """keys, extra: (n_rows,) tables with different column names; positions: (n_rows,).

        Raises: ValueError, when names repeat or lengths differ.
        """
        names = [*keys.column_names, *extra.column_names, POSITION]
        if len(set(names)) < len(names):
            raise ValueError(f"column names repeat: {', '.join(names)}")
        if extra.column_names and extra.num_rows != keys.num_rows:
            raise ValueError(f"{keys.num_rows} keys, but {extra.num_rows} rows beside them")
        columns = [*keys.columns, *extra.columns, pa.chunked_array([pa.array(positions, pa.int64())])]
        rows = RowRuns.of(pa.table(columns, names=names), keys.column_names)
        return cls(rows=rows, shifts=(0,) * len(rows.runs))

    def __add__(self, other: Self) -> Self:
        """Raises: ValueError, when the keys differ."""
        return type(self)(rows=self.rows + other.rows, shifts=self.shifts + other.shifts)

    def shifted(self, by: int) -> Self:
        """The same rows, each `by` further down; files stay as they are."""
        return type(self)(rows=self.rows, shifts=tuple(shift + by for shift in self.shifts))

    def settled(self, directory: Path, name: str, max_in_memory_rows: int = MAX_IN_MEMORY_ROWS) -> Self:
        """The same rows, those in memory moved into a new file when they are more than max_in_memory_rows.

        Raises: DiskFull, OutputUnwritable.
        """
        if self.rows.n_rows_in_memory <= max_in_memory_rows:
            return self
        placed = list(zip(self.rows.runs, self.shifts, strict=True))
        runs = [run if isinstance(run, SpillFile) else _moved(run, shift) for run, shift in placed]
        file_shifts = [shift for run, shift in placed if isinstance(run, SpillFile)]
        rows = RowRuns(keys=self.rows.keys, runs=tuple(runs)).spilled_in_order(directory, name)
        return type(self)(rows=rows, shifts=(*file_shifts, 0))

    def duplicates(self, directory: Path, first: int) -> Duplicates:
        """Null equals null, NaN equals NaN, -0.0 equals 0.0; keys are compared, not their hashes.

        directory: where the files are; a bucket at a time is in memory. first: how many rows to give.
        Raises: DamageFound.
        """
        if self.rows.runs and self.rows.differ():
            return Duplicates(n_rows=0, rows=self._no_rows(directory))
        n_rows, found = 0, None
        for tables in self.rows.groups(directory):
            moved = [_moved(table, shift) for table, shift in zip(tables, self.shifts, strict=True)]
            group = pa.concat_tables(moved)
            repeated = group.filter(pa.array(_is_repeated(group, self.rows.keys)))
            n_rows += repeated.num_rows
            together = repeated if found is None else pa.concat_tables([found, repeated])
            found = _first_by_position(together, first)
        return Duplicates(n_rows=n_rows, rows=found)

    def _no_rows(self, directory: Path) -> pa.Table:
        """With the columns that rows would have."""
        return self.rows.no_rows(directory)

    def as_json(self) -> dict[str, Any]:
        return {"shifts": list(self.shifts), "rows": self.rows.as_json()}

    @classmethod
    def from_json(cls, parts: Mapping[str, Any]) -> Self:
        """What as_json gave. Raises: ValueError, KeyError, TypeError."""
        return cls(rows=RowRuns.from_json(parts["rows"]), shifts=tuple(parts["shifts"]))


def _moved(table: pa.Table, shift: int) -> pa.Table:
    if not shift:
        return table
    index = table.schema.get_field_index(POSITION)
    return table.set_column(index, POSITION, pc.add(table[POSITION], pa.scalar(shift, pa.int64())))


def _first_by_position(rows: pa.Table, first: int) -> pa.Table:
    order = np.argsort(rows[POSITION].to_numpy(), kind="stable")[:first]
    return rows.take(pa.array(order)).combine_chunks()


def _is_repeated(rows: pa.Table, keys: Sequence[str]) -> npt.NDArray[np.bool_]:
    """(n_rows,) whether another row has the same key."""
    if len(keys) == 1 and _are_plain_numbers(column := rows[keys[0]]):
        # Of one number pandas' own hash table is the fastest.
        return _repeated(_numbers(column))
    if len(set(hashes_of(rows.slice(0, _PROBED), keys).tolist())) < 0.9 * min(_PROBED, rows.num_rows):
        return _has_repeated_codes(rows, keys)
    # Only keys with a hash that occurs twice can be equal: few, where most keys differ.
    found = _repeated(hashes_of(rows, keys))
    where = np.flatnonzero(found)
    found[where] = _has_repeated_codes(rows.take(pa.array(where)), keys)
    return found


def _repeated(numbers: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    return np.array(pd.Series(numbers).duplicated(keep=False))


def _has_repeated_codes(rows: pa.Table, keys: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Compares the keys themselves."""
    codes, n_codes = np.zeros(rows.num_rows, np.int64), 1
    for name in keys:
        own, n_own = _codes(rows[name])
        # Below 2**62, for neither number is above the number of rows.
        pairs = codes * n_own + own
        codes, n_codes = (own, n_own) if n_codes == 1 else _codes(pa.chunked_array([pairs]))
    repeated: npt.NDArray[np.bool_] = np.bincount(codes, minlength=n_codes)[codes] > 1
    return repeated


def _are_plain_numbers(column: pa.ChunkedArray) -> bool:
    kind = column.type
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_timestamp(kind)
    return is_number and not column.null_count


def _numbers(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    numbers: npt.NDArray[Any] = _whole(column).to_numpy()
    return numbers


def _whole(column: pa.ChunkedArray) -> pa.Array:
    """In one piece, times as integers."""
    values = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    return values.view(integers_under(values.type)) if pa.types.is_temporal(values.type) else values


def _codes(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], int]:
    """(n_rows,) a number below the second answer for each value, equal when the values are; null is one."""
    values = _whole(column)
    encoded = pc.dictionary_encode(values, null_encoding="encode")
    codes: npt.NDArray[np.int64] = encoded.indices.to_numpy().astype(np.int64)
    return codes, len(encoded.dictionary)
