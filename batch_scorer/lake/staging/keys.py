"""Is the key unique in a partition? Exact, and in bounded memory, over the staged files' key columns alone.

Each key becomes 64 bits: an integer is its own, anything else is hashed. Only keys whose bits occur twice are
looked at again by value. Above `max_rows` the bits are dealt into buckets and the files read once a bucket.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from batch_scorer.arrow.whole import integers_under, is_whole
from batch_scorer.core.errors import OutputUnwritable
from batch_scorer.core.visible import visible

MAX_ROWS_IN_MEMORY = 16_000_000  # 8 bytes each
_BATCH_ROWS = 131_072
_MAX_EXAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateKeys:
    """n_rows: rows whose key another row has, too. examples: `ride_id 88121 (2 rows)`, a few."""

    n_rows: int
    examples: tuple[str, ...]


def duplicate_keys(
    files: Sequence[Path | BinaryIO], key: Sequence[str], *, n_rows: int, max_rows: int = MAX_ROWS_IN_MEMORY
) -> DuplicateKeys:
    """files: paths or open files of one partition, n_rows in all. key: one column or more, without nulls.

    Raises: OSError, pyarrow.ArrowException, when a staged file cannot be read back.
    """
    n_buckets = max(1, -(-n_rows // max_rows))
    found: Counter[tuple[object, ...]] = Counter()
    for bucket in range(n_buckets):
        suspects = _repeated(
            np.concatenate(list(_bits(files, key, bucket, n_buckets)) or [np.empty(0, "u8")])
        )
        if suspects.size:
            found.update(_keys_with(files, key, suspects))
    repeated = {values: n for values, n in found.items() if n > 1}
    examples = [f"{_words(key, values)} ({n:,} rows)" for values, n in list(repeated.items())[:_MAX_EXAMPLES]]
    return DuplicateKeys(n_rows=sum(repeated.values()), examples=tuple(examples))


@contextmanager
def reading_back(staged: str) -> Iterator[None]:
    """Around reading staged files: a take-over may have renamed them. Raises: OutputUnwritable."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise OutputUnwritable(
            f"staged predictions cannot be read back: {' '.join(str(error).split())}",
            where=staged,
            fix="look at the disk, then run again; what was published before is untouched",
        ) from error


def _bits(
    files: Sequence[Path | BinaryIO], key: Sequence[str], bucket: int, n_buckets: int
) -> Iterator[np.ndarray]:
    for batch in _batches(files, key):
        bits = _bits_of(batch)
        yield bits if n_buckets == 1 else bits[_mixed(bits) % np.uint64(n_buckets) == bucket]


def _keys_with(
    files: Sequence[Path | BinaryIO], key: Sequence[str], suspects: np.ndarray
) -> Iterator[tuple[object, ...]]:
    """The keys, by value and in row order, whose bits are among the suspects."""
    for batch in _batches(files, key):
        rows = np.flatnonzero(np.isin(_bits_of(batch), suspects))
        if rows.size:
            taken = batch.take(pa.array(rows))
            yield from zip(*(column.to_pylist() for column in taken.columns), strict=True)


def _batches(files: Sequence[Path | BinaryIO], key: Sequence[str]) -> Iterator[pa.RecordBatch]:
    for path in files:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield from file.iter_batches(_BATCH_ROWS, columns=list(key), use_threads=False)


def _bits_of(batch: pa.RecordBatch) -> np.ndarray:
    """(n_rows,) uint64."""
    column = batch.column(0)
    if batch.num_columns == 1 and is_whole(column.type):
        whole = column.view(integers_under(column.type))
        numbers: np.ndarray = whole.to_numpy(zero_copy_only=False).astype("i8", copy=False)
        return numbers.view("u8")
    from pandas.util import hash_pandas_object

    hashed: np.ndarray = hash_pandas_object(batch.to_pandas(), index=False).to_numpy()
    return hashed


def _repeated(bits: np.ndarray) -> np.ndarray:
    bits.sort()
    return np.unique(bits[1:][bits[1:] == bits[:-1]])


def _mixed(bits: np.ndarray) -> np.ndarray:
    """Spread consecutive integers over the buckets (Fibonacci hashing)."""
    return (bits * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)


def _words(key: Sequence[str], values: tuple[object, ...]) -> str:
    return ", ".join(f"{name} {visible(str(value))}" for name, value in zip(key, values, strict=True))
