"""Rows too many for memory, in one Arrow file: sorted by bucket, every bucket readable alone.

Unless their keys came in ascending order. Then the rows stay as they are, and what most often is all that is
asked, whether two chunks can have a key in common, is told by the first and the last one.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa

from batch_scorer.arrow.hashed_file import HashedFile
from batch_scorer.core.durable import writing
from batch_scorer.core.errors import DamageFound
from batch_scorer.core.key_spans import KeySpan
from batch_scorer.validation.streaming.differences import as_differences, from_differences
from batch_scorer.validation.streaming.hashing import N_BUCKETS, buckets_of

_FIX = "have the partition validated anew"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpillFile:
    """An Arrow IPC file of N_BUCKETS record batches; batch b holds the rows of bucket b, maybe none.

    span: of the keys, when they ascend. The file holds its rows as they came then, and has no buckets.
    """

    name: str
    n_rows: int
    n_bytes: int
    sha256: str
    span: KeySpan | None = None

    def in_buckets(self, keys: Sequence[str], directory: Path) -> SpillFile:
        """The same rows in a file with buckets, a new one unless this has them.

        Raises: DamageFound, DiskFull, OutputUnwritable.
        """
        if self.span is None:
            return self
        return write_spill_file(self.table(directory), keys, directory / f"{self.name}-in-buckets")

    def buckets(self, start: int, stop: int, directory: Path) -> pa.Table:
        """The rows of buckets start to stop - 1, of a file that has them. Raises: DamageFound."""

        def read(reader: pa.RecordBatchFileReader) -> pa.Table:
            return pa.Table.from_batches([reader.get_batch(b) for b in range(start, stop)], reader.schema)

        return self._read(directory, read)

    def table(self, directory: Path) -> pa.Table:
        """All rows. Raises: DamageFound."""
        return from_differences(self._read(directory, lambda reader: reader.read_all()))

    def no_rows(self, directory: Path) -> pa.Table:
        """With the columns that rows have. Raises: DamageFound."""
        return from_differences(self._read(directory, lambda reader: reader.schema.empty_table()))

    def verify(self, directory: Path) -> None:
        """Raises: DamageFound, when the file is gone or not the one that was written."""
        path = self._checked(directory)
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != self.sha256:
                raise DamageFound("a spill file has changed since it was written", where=str(path), fix=_FIX)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, parts: Mapping[str, Any]) -> Self:
        """What as_json gave. Raises: TypeError, KeyError, ValueError."""
        span = parts["span"]
        return cls(**{**parts, "span": None if span is None else _span(*span)})

    def _read(self, directory: Path, read: Callable[[pa.RecordBatchFileReader], pa.Table]) -> pa.Table:
        path = self._checked(directory)
        try:
            # Mapped: pages the system may drop again are not memory of ours.
            with pa.memory_map(str(path)) as file, pa.ipc.open_file(file) as reader:
                return read(reader)
        except (OSError, pa.ArrowException) as error:
            raise DamageFound(
                f"a spill file of validation cannot be read: {error}", where=str(path), fix=_FIX
            ) from None

    def _checked(self, directory: Path) -> Path:
        path = directory / self.name
        try:
            n_bytes = path.stat().st_size
        except OSError as error:
            raise DamageFound(
                f"a spill file of validation cannot be read: {error.strerror}", where=str(path), fix=_FIX
            ) from None
        if n_bytes != self.n_bytes:
            raise DamageFound(
                f"a spill file of validation has {n_bytes} bytes, not the {self.n_bytes} that were written",
                where=str(path),
                fix=_FIX,
            )
        return path


def write_spill_file(table: pa.Table, keys: Sequence[str], path: Path) -> SpillFile:
    """Write rows sorted by the bucket of their keys, else in the order they came.

    Not fsynced: after a power cut its sha256 tells whether a later run can go on from it.
    A file of that name is replaced: a chunk that is tried again writes the same rows.
    Raises: DiskFull, OutputUnwritable, TypeError.
    """
    ordered, edges = by_bucket(table, keys)
    rows = (_one_batch(ordered.slice(edges[b], edges[b + 1] - edges[b])) for b in range(N_BUCKETS))
    return _written(rows, table, path, None)


def write_ascending_file(table: pa.Table, span: KeySpan, path: Path) -> SpillFile:
    """Write rows whose keys ascend, in few bytes; else as write_spill_file. span: of their keys."""
    rows = as_differences(table)
    return _written(rows.to_batches(), rows, path, span)


def _written(
    batches: Iterable[pa.RecordBatch], table: pa.Table, path: Path, span: KeySpan | None
) -> SpillFile:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("wb") as file:
                hashed = HashedFile(file)
                with pa.ipc.new_file(hashed, table.schema) as writer:
                    for batch in batches:
                        writer.write_batch(batch)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    return SpillFile(
        name=path.name, n_rows=table.num_rows, n_bytes=hashed.tell(), sha256=hashed.sha256, span=span
    )


def by_bucket(table: pa.Table, keys: Sequence[str]) -> tuple[pa.Table, list[int]]:
    """The rows sorted by bucket, and where each bucket begins and the last one ends."""
    buckets = buckets_of(table, keys)
    order = np.argsort(buckets, kind="stable")
    edges = np.concatenate([[0], np.cumsum(np.bincount(buckets, minlength=N_BUCKETS))])
    return table.take(pa.array(order)).combine_chunks(), edges.tolist()


def _span(first: int | str, last: int | str) -> KeySpan:
    match first, last:
        case (int(), int()) | (str(), str()):
            return first, last  # type: ignore[return-value]
        case _:
            raise ValueError(f"{first!r} and {last!r} are no span of keys")


def _one_batch(rows: pa.Table) -> pa.RecordBatch:
    """A table may come in several batches, for a string column holds 2 GiB at most, or in none."""
    batches = rows.to_batches()
    if not batches:
        return pa.RecordBatch.from_pylist([], schema=rows.schema)
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)
