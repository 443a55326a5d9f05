"""The distinct values of a column and how often each occurs, however many there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from batch_scorer.arrow.whole import integers_under
from batch_scorer.validation.streaming.hashing import plain
from batch_scorer.validation.streaming.order_keys import order_keys, smallest, values_of
from batch_scorer.validation.streaming.runs import RowRuns

MAX_IN_MEMORY = 65_536  # distinct values
VALUE, COUNT = "value", "count"
_MAX_TABLES = 32  # in memory
_PROBED = 4_096  # values


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueCounts:
    """Values with their counts. A file holds each value once; in memory one may come several times.

    Every question that takes a directory reads the files there, a bucket at a time, and raises DamageFound.
    """

    rows: RowRuns = field(default_factory=lambda: RowRuns(keys=(VALUE,)))
    n: int = 0

    @classmethod
    def of(cls, values: pa.Array | pa.ChunkedArray) -> Self:
        """values: without nulls and NaN; a dictionary is decoded, and -0.0 is 0.0."""
        is_coded = pa.types.is_dictionary(values.type)
        if is_coded and isinstance(values, pa.ChunkedArray):
            values = values.unify_dictionaries()
        if not is_coded and _are_mostly_different(values):
            ones = pa.array(np.ones(len(values), np.int64))
            return cls(rows=RowRuns.of(pa.table({VALUE: values, COUNT: ones}), (VALUE,)), n=len(values))
        counted = pc.value_counts(values if is_coded else plain(values))
        table = pa.table({VALUE: plain(counted.field("values")), COUNT: counted.field("counts")})
        # A dictionary may hold a value twice, or two zeros; its values are made plain after counting.
        return cls(rows=RowRuns.of(_once(table) if is_coded else table, (VALUE,)), n=len(values))

    def __add__(self, other: Self) -> Self:
        """Both must be of the same Arrow type."""
        rows = self.rows + other.rows
        # Not after every addition: where most values differ, that takes the square of their number.
        rows = _compact(rows) if len(rows.tables_in_memory) > _MAX_TABLES else rows
        return type(self)(rows=rows, n=self.n + other.n)

    def settled(self, directory: Path, name: str, max_in_memory: int = MAX_IN_MEMORY) -> Self:
        """The same counts, moved into a new file when there are more than max_in_memory values in memory.

        Raises: DiskFull, OutputUnwritable.
        """
        if self.rows.n_rows_in_memory <= max_in_memory:
            return self
        rows = _compact(self.rows)
        if rows.n_rows_in_memory > max_in_memory:
            rows = rows.spilled(directory, name)
        return type(self)(rows=rows, n=self.n)

    def n_values(self) -> int:
        """How many values were counted, equal ones too."""
        return self.n

    def n_distinct(self, directory: Path) -> int:
        if self.rows.tables_in_memory and not self.rows.files:
            return _n_different(pa.concat_tables(self.rows.tables_in_memory)[VALUE])
        return sum(len(group) for group in self._groups(directory))

    def modes(self, directory: Path) -> pa.Array | None:
        """All values with the greatest count, ascending; None when nothing was counted.

        When no value occurs twice these are all values, in memory.
        """
        most = 0
        found: list[pa.ChunkedArray] = []
        for group in self._groups(directory):
            greatest = pc.max(group[COUNT]).as_py()
            if greatest > most:
                most, found = greatest, []
            if greatest == most:
                found.append(group.filter(pc.equal(group[COUNT], most))[VALUE])
        return _ascending(found) if found else None

    def all_counts(self, directory: Path, limit: int | None = None) -> pa.Table | None:
        """Columns value (ascending) and count; None when nothing was counted or more than limit values."""
        groups, n_distinct = [], 0
        for group in self._groups(directory):
            groups.append(group)
            n_distinct += len(group)
            if limit is not None and n_distinct > limit:
                return None
        return pa.concat_tables(groups).sort_by(VALUE).combine_chunks() if groups else None

    def not_in(self, value_set: pa.Array, directory: Path, limit: int | None = None) -> tuple[int, pa.Array]:
        """How many distinct values are not in value_set, and the `limit` smallest of them, ascending.

        value_set: of the column's type.
        """
        known, n_distinct = plain(value_set), 0
        found = known.slice(0, 0).combine_chunks()
        for group in self._groups(directory):
            others = group[VALUE].filter(pc.invert(pc.is_in(group[VALUE], known)))
            n_distinct += len(others)
            found = _ascending([pa.chunked_array([found]), others])
            found = found if limit is None else found.slice(0, limit)
        return n_distinct, found

    def missing(self, value_set: pa.Array, directory: Path) -> pa.Array:
        """The members of value_set, in its order, that never occur. value_set: of the column's type."""
        known = plain(value_set)
        seen = np.zeros(len(value_set), np.bool_)
        for group in self._groups(directory):
            seen |= pc.is_in(known, group[VALUE]).to_numpy()
        return value_set.filter(pa.array(~seen))

    def order_statistics(self, ranks: Sequence[int], directory: Path) -> list[Any]:
        """The values at 0-based ranks of all values sorted, exact, as Python objects in the order of ranks.

        Raises: IndexError, when there are not so many values; TypeError, when they are no numbers or times.
        """
        for rank in ranks:
            if not 0 <= rank < self.n:
                raise IndexError(f"rank {rank} of {self.n} values")
        if not ranks:
            return []
        kind = next(self.rows.tables(directory))[VALUE].type
        if self.rows.files:
            found = smallest(ranks, lambda: map(_keys_and_counts, self.rows.tables(directory)))
        else:
            found = _at_ranks(*_keys_and_counts(pa.concat_tables(self.rows.tables(directory))), ranks)
        answer: list[Any] = values_of(found, kind).to_pylist()
        return answer

    def as_json(self) -> dict[str, Any]:
        return {"n": self.n, "rows": self.rows.as_json()}

    @classmethod
    def from_json(cls, parts: Mapping[str, Any]) -> Self:
        """What as_json gave. Raises: ValueError, KeyError, TypeError."""
        return cls(rows=RowRuns.from_json(parts["rows"]), n=int(parts["n"]))

    def _groups(self, directory: Path) -> Iterator[pa.Table]:
        """All values with their counts, each once; no group is empty."""
        for parts in self.rows.groups(directory):
            group = _once(pa.concat_tables(parts))
            if group.num_rows:
                yield group


def _are_mostly_different(values: pa.Array | pa.ChunkedArray) -> bool:
    """Then counting them would find next to no two alike, and cost more than it saves."""
    if len(values) <= _PROBED:
        return False
    return bool(pc.count_distinct(values.slice(0, _PROBED)).as_py() > _PROBED * 0.9)


def _n_different(values: pa.ChunkedArray) -> int:
    kind = values.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_timestamp(kind):
        one = _one(values)
        numbers = one.view(integers_under(kind)) if pa.types.is_timestamp(kind) else one
        return len(pd.unique(numbers.to_numpy()))  # whose hash table is the fastest for numbers
    return int(pc.count_distinct(values).as_py())


def _at_ranks(
    keys: npt.NDArray[np.uint64], counts: npt.NDArray[np.int64], ranks: Sequence[int]
) -> npt.NDArray[np.uint64]:
    if len(keys) == int(counts.sum()):  # every value once: they need no full sort
        return np.partition(keys, sorted(set(ranks)))[list(ranks)]
    order = np.argsort(keys)
    return keys[order[np.searchsorted(np.cumsum(counts[order]), ranks, side="right")]]


def _compact(rows: RowRuns) -> RowRuns:
    """The same rows, each value in memory once."""
    if not rows.tables_in_memory:
        return rows
    return RowRuns(keys=rows.keys, runs=(*rows.files, _once(pa.concat_tables(rows.tables_in_memory))))


def _once(table: pa.Table) -> pa.Table:
    """Each value once, its counts added."""
    if not table.num_rows:
        return table
    # One thread: the order is that of first occurrence, and cores belong to other chunks.
    summed = table.group_by(VALUE, use_threads=False).aggregate([(COUNT, "sum")])
    return pa.table({VALUE: summed[VALUE], COUNT: summed[f"{COUNT}_sum"]})


def _ascending(chunks: Sequence[pa.ChunkedArray]) -> pa.Array:
    values = pa.chunked_array([chunk for column in chunks for chunk in column.chunks], chunks[0].type)
    return values.take(pc.sort_indices(values)).combine_chunks()


def _keys_and_counts(table: pa.Table) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    columns = table.combine_chunks()
    return order_keys(_one(columns[VALUE])), _one(columns[COUNT]).to_numpy()


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
