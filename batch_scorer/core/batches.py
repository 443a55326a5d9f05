"""How many rows are decoded at once: by the row groups of a file and the bytes of a row, of all columns that
are read for scoring, keeping and checking it; not by memory, chunks or workers.

So the same file is cut the same way on every machine, in all chunks, with every memory: where an estimator's
dense algebra depends on its batch, its answers still do not depend on where it runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from batch_scorer.core.lakefiles import RowGroup
from batch_scorer.core.visible import visible

USUAL_ROWS = 131_072
BATCH_BYTES = 64 * 2**20  # decoded; a pipeline holds it several times over while it scores
# Dense algebra rounds differently in batches of a few rows: fewer only where so many would not fit at all.
FEWEST_ROWS = 1_000
_MOST_BYTES = 4 * BATCH_BYTES
# As footers declare them, of all columns. Of those that are read a row counts at most twice as much there (a
# text with the room of its offsets), so that what is joined is within BATCH_BYTES, whichever are read.
JOINED_BYTES = BATCH_BYTES // 2

# What a worker holds beside its batch, and how often it holds the batch: as read, as the model takes it, as
# it is written. Measured, and rounded up.
WORKER_BYTES = 300_000_000
_COPIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSize:
    """Decoded bytes of one row on average, by column, of the columns that are read."""

    by_column: Mapping[str, float]

    @property
    def n_bytes(self) -> float:
        return sum(self.by_column.values())

    @property
    def widest(self) -> str:
        """The column with the most bytes; the first of them by name."""
        return min(self.by_column, key=lambda name: (-self.by_column[name], name))


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallerBatches:
    """Why batches are smaller than usual. n_rows: of a batch at most; usual_rows: otherwise.

    row_bytes: of a row, decoded; column: the widest one, column_bytes: of one of its values on average.
    """

    n_rows: int
    usual_rows: int
    row_bytes: int
    column: str
    column_bytes: int

    def __str__(self) -> str:
        row = f'a row takes {self.row_bytes:,} bytes, of which "{visible(self.column)}" {self.column_bytes:,}'
        sizes = f"at most {self.n_rows:,} rows, not {self.usual_rows:,}"
        return f"{sizes}, to keep memory level: {row}"


def joined(row_groups: Sequence[RowGroup], usual_rows: int) -> Iterator[range]:
    """Positions of a file's row groups, all of them and in order, those together that are read as one batch.

    Neighbours are, from the first one on, as long as they have at most usual_rows rows and JOINED_BYTES. What
    decides is the whole file: not which row groups are in a chunk, nor which columns are read.
    """
    start = n_rows = n_bytes = 0
    for position, group in enumerate(row_groups):
        n_rows, n_bytes = n_rows + group.n_rows, n_bytes + group.n_bytes
        if position > start and (n_rows > usual_rows or n_bytes > JOINED_BYTES):
            yield range(start, position)
            start, n_rows, n_bytes = position, group.n_rows, group.n_bytes
    if row_groups:
        yield range(start, len(row_groups))


def rows_per_batch(row: RowSize, usual_rows: int) -> int:
    """At most usual_rows, and as many as BATCH_BYTES hold; yet not below FEWEST_ROWS, unless these would
    take four times as much. At least 1.
    """
    if row.n_bytes * usual_rows <= BATCH_BYTES:
        return usual_rows
    fitting = int(BATCH_BYTES // row.n_bytes)
    few = min(FEWEST_ROWS, max(1, int(_MOST_BYTES // row.n_bytes)))
    return min(usual_rows, max(fitting, few))


def smaller_batches(row: RowSize, n_rows: int, usual_rows: int) -> SmallerBatches | None:
    """n_rows: of the row group. None: its batches are as large as usual, or as it is."""
    fitting = rows_per_batch(row, usual_rows)
    if fitting >= min(n_rows, usual_rows):
        return None
    return SmallerBatches(
        n_rows=fitting,
        usual_rows=usual_rows,
        row_bytes=round(row.n_bytes),
        column=row.widest,
        column_bytes=round(row.by_column[row.widest]),
    )


def smallest(found: Iterable[SmallerBatches | None]) -> SmallerBatches | None:
    """Of those that there are, the one with the fewest rows; None: all batches were as large as usual."""
    return min((each for each in found if each is not None), key=lambda each: each.n_rows, default=None)


def bytes_needed(row: RowSize, n_rows: int) -> int:
    """Of a worker with a batch of so many rows in hand, by estimate."""
    return WORKER_BYTES + round(_COPIES * row.n_bytes * n_rows)


def cut_evenly(n_rows: int, max_rows: int) -> list[int]:
    """Sizes of about the fewest pieces of at most max_rows; all but the last are equal, and that is at least
    half as large.

    Never a sliver: dense linear algebra rounds differently in batches of a few rows.
    """
    if n_rows == 0:
        return []
    n_pieces = -(-n_rows // max_rows)
    size = -(-n_rows // n_pieces)
    while _last(n_rows, size) < size / 2:  # only where there are very many pieces
        size -= 1
    last = _last(n_rows, size)
    return [*([size] * (n_rows // size - (last == size))), last]


def _last(n_rows: int, size: int) -> int:
    return (n_rows - 1) % size + 1
