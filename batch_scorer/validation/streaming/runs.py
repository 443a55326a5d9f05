"""Rows in memory and on disk as one collection that grows by concatenation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from batch_scorer.arrow.spans import ascending_span
from batch_scorer.core.key_spans import KeySpan, are_apart
from batch_scorer.validation.streaming.arrow_text import (
    table_as_bytes,
    table_as_text,
    table_from_bytes,
    table_from_text,
)
from batch_scorer.validation.streaming.hashing import N_BUCKETS, plain
from batch_scorer.validation.streaming.spill_files import (
    SpillFile,
    by_bucket,
    write_ascending_file,
    write_spill_file,
)

GROUP_ROWS = 262_144  # fewer would have each of many files opened more often


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRuns:
    """Rows with key columns, as runs in order; each run in memory or in a file of its own.

    Every method that may read takes the directory of the files, and raises DamageFound.
    """

    keys: tuple[str, ...]
    runs: tuple[pa.Table | SpillFile, ...] = ()

    @classmethod
    def of(cls, table: pa.Table, keys: Sequence[str]) -> Self:
        """Rows in memory, dictionaries decoded, zeros and NaNs made alike. Raises: KeyError."""
        missing = [name for name in keys if name not in table.column_names]
        if missing:
            raise KeyError(missing[0])
        columns = {name: plain(table.column(name)) for name in table.column_names}
        return cls(keys=tuple(keys), runs=(pa.table(columns),) if table.num_rows else ())

    def __add__(self, other: Self) -> Self:
        """Raises: ValueError, when the keys differ."""
        if other.keys != self.keys:
            raise ValueError(f"rows keyed by {self.keys} and by {other.keys}")
        return type(self)(keys=self.keys, runs=self.runs + other.runs)

    @property
    def n_rows(self) -> int:
        return sum(_n_rows(run) for run in self.runs)

    @property
    def n_rows_in_memory(self) -> int:
        return sum(table.num_rows for table in self.tables_in_memory)

    @property
    def in_memory_bytes(self) -> int:
        return sum(table.nbytes for table in self.tables_in_memory)

    @property
    def tables_in_memory(self) -> tuple[pa.Table, ...]:
        return tuple(run for run in self.runs if not isinstance(run, SpillFile))

    @property
    def files(self) -> tuple[SpillFile, ...]:
        """In order; whoever keeps the rows must keep these files."""
        return tuple(run for run in self.runs if isinstance(run, SpillFile))

    def spilled(self, directory: Path, name: str) -> Self:
        """All rows in memory moved into one new file, the last run then.

        Raises: DiskFull, OutputUnwritable.
        """
        if not self.n_rows_in_memory:
            return self
        file = write_spill_file(pa.concat_tables(self.tables_in_memory), self.keys, directory / name)
        return type(self)(keys=self.keys, runs=(*self.files, file))

    def spilled_in_order(self, directory: Path, name: str) -> Self:
        """The same, cheaper where the rows in memory come in the order of their one key.

        Raises: DiskFull, OutputUnwritable.
        """
        span = _span_of(self.tables_in_memory, self.keys)
        if span is None:
            return self.spilled(directory, name)
        file = write_ascending_file(pa.concat_tables(self.tables_in_memory), span, directory / name)
        return type(self)(keys=self.keys, runs=(*self.files, file))

    def differ(self) -> bool:
        """Whether it is certain, without reading a file, that no two rows have the same key."""
        spans = (run.span if isinstance(run, SpillFile) else _span_of((run,), self.keys) for run in self.runs)
        return are_apart(spans)

    def bucket(self, b: int, directory: Path) -> pa.Table | None:
        """The rows of bucket b, in order; None when there are no runs at all."""
        if not self.runs:
            return None
        return pa.concat_tables(run.buckets(b, b + 1, directory) for run in self._by_bucket(directory))

    def groups(self, directory: Path) -> Iterator[list[pa.Table]]:
        """All rows, in groups: rows with equal keys are in one group.

        A group holds a table for every run, in order. Without files it is one group; else there is one
        for as many buckets as hold about GROUP_ROWS rows, so that is what must fit beside the rows in memory.
        """
        if not self.files:
            if self.runs:
                yield list(self.runs)
            return
        n_together = min(N_BUCKETS, max(1, N_BUCKETS * GROUP_ROWS // self.n_rows))
        grouped = self._by_bucket(directory)
        for start in range(0, N_BUCKETS, n_together):
            stop = min(start + n_together, N_BUCKETS)
            yield [run.buckets(start, stop, directory) for run in grouped]

    def tables(self, directory: Path) -> Iterator[pa.Table]:
        """One table for each run, in order."""
        for run in self.runs:
            yield run.table(directory) if isinstance(run, SpillFile) else run

    def no_rows(self, directory: Path) -> pa.Table:
        """With the columns that rows have, of which there must be some."""
        first = self.runs[0]
        return first.no_rows(directory) if isinstance(first, SpillFile) else first.slice(0, 0)

    def __reduce__(self) -> tuple[Any, ...]:
        """Arrow would pickle the whole of a table that a run is a slice of."""
        return _unpickled, (
            self.keys,
            [run if isinstance(run, SpillFile) else table_as_bytes(run) for run in self.runs],
        )

    def as_json(self) -> dict[str, Any]:
        """Rows in memory as base64 of an Arrow IPC stream, files by their names."""
        runs = [
            run.as_json() if isinstance(run, SpillFile) else {"arrow": table_as_text(run)}
            for run in self.runs
        ]
        return {"keys": list(self.keys), "runs": runs}

    @classmethod
    def from_json(cls, parts: Mapping[str, Any]) -> Self:
        """What as_json gave. Raises: ValueError, KeyError, TypeError."""
        runs = [
            table_from_text(run["arrow"]) if "arrow" in run else SpillFile.from_json(run)
            for run in parts["runs"]
        ]
        return cls(keys=tuple(parts["keys"]), runs=tuple(runs))

    def _by_bucket(self, directory: Path) -> list[SpillFile | _Grouped]:
        return [
            run.in_buckets(self.keys, directory) if isinstance(run, SpillFile) else _Grouped(run, self.keys)
            for run in self.runs
        ]


class _Grouped:
    """A table in memory whose buckets are asked for one after the other: hashed once."""

    def __init__(self, table: pa.Table, keys: Sequence[str]) -> None:
        self._table, self._edges = by_bucket(table, keys)

    def buckets(self, start: int, stop: int, directory: Path) -> pa.Table:  # noqa: ARG002  as a file's
        return self._table.slice(self._edges[start], self._edges[stop] - self._edges[start])


def _span_of(tables: Sequence[pa.Table], keys: Sequence[str]) -> KeySpan | None:
    """Of keys of one column; tables: that follow each other."""
    if len(keys) != 1 or not tables:
        return None
    return ascending_span(pa.chunked_array([chunk for table in tables for chunk in table[keys[0]].chunks]))


def _n_rows(run: pa.Table | SpillFile) -> int:
    return run.n_rows if isinstance(run, SpillFile) else int(run.num_rows)


def _unpickled(keys: tuple[str, ...], runs: Sequence[bytes | SpillFile]) -> RowRuns:
    return RowRuns(
        keys=keys, runs=tuple(run if isinstance(run, SpillFile) else table_from_bytes(run) for run in runs)
    )
