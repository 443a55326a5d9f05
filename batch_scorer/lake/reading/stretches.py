"""What is read at once: neighbouring row groups that make one batch, or a larger one in equal parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import pyarrow as pa
import pyarrow.parquet as pq

from batch_scorer.core.batches import RowSize, cut_evenly, joined, rows_per_batch
from batch_scorer.core.chunks import Chunk
from batch_scorer.core.errors import FileUnreadable
from batch_scorer.core.lakefiles import Footer
from batch_scorer.lake.reading.column_chunks import Declared, declared
from batch_scorer.lake.storage.failures import damaged

_CODE_BITS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Row groups of a file that are cut into batches together.

    row_groups: ascending, none of them empty. declared: of the columns that are read. first_row: in the file.
    sizes: rows of each batch, unless texts turn out to be long. where: for messages.
    """

    path: str
    row_groups: tuple[int, ...]
    declared: Declared
    first_row: int
    n_rows: int
    max_rows: int

    @property
    def row(self) -> RowSize:
        return self.declared.row_size(self.n_rows)

    @property
    def where(self) -> str:
        return f"{self.path}, {self.named}"

    @property
    def named(self) -> str:
        first, last = self.row_groups[0], self.row_groups[-1]
        return f"row group {first}" if first == last else f"row groups {first}–{last}"


def stretches(
    chunk: Chunk, footer: Footer, metadata: pq.FileMetaData, columns: Sequence[str], usual_rows: int
) -> Iterator[Stretch]:
    """Of a chunk, in order. columns: that are read.

    Raises: ValueError, when the chunk has a part of a batch, other than all of it that is within a limit.
    """
    first_rows = list(accumulate((group.n_rows for group in footer.row_groups), initial=0))
    for row_groups in _batches(chunk, footer, usual_rows):
        filled = tuple(index for index in row_groups if footer.row_groups[index].n_rows)
        if not filled:
            continue
        first_row = first_rows[filled[0]]
        n_rows = first_rows[filled[-1] + 1] - first_row
        found = declared((metadata.row_group(index) for index in filled), columns)
        yield Stretch(
            path=chunk.file.path,
            row_groups=filled,
            declared=found,
            first_row=first_row,
            n_rows=n_rows,
            max_rows=rows_per_batch(found.row_size(n_rows), usual_rows),
        )


def _batches(chunk: Chunk, footer: Footer, usual_rows: int) -> Iterator[tuple[int, ...]]:
    wanted = frozenset(chunk.row_groups)
    for batch in joined(footer.row_groups, usual_rows):
        there = tuple(index for index in batch if index in wanted)
        lacking = batch[len(there) :]
        # What lies beyond a limit is in no chunk, and dropped: the batch ends there, whoever cut it.
        n_lacking = sum(footer.row_groups[index].n_rows for index in lacking)
        if there and (there != tuple(batch[: len(there)]) or n_lacking > chunk.rows_beyond):
            raise ValueError(f"row groups {there} of {chunk.file.path} are a part of the batch {batch}")
        if there:
            yield there


def tables(file: pq.ParquetFile, stretch: Stretch, columns: list[str]) -> Iterator[pa.Table]:
    """The stretch's rows, each table in one piece. Raises: FileUnreadable, pa.ArrowException, OSError."""
    sizes = cut_evenly(stretch.n_rows, stretch.max_rows)
    if len(sizes) == 1:
        yield _whole(file, stretch, columns)
        return
    groups = list(stretch.row_groups)
    parts = file.iter_batches(sizes[0], row_groups=groups, columns=columns, use_threads=False)
    for size in sizes:
        yield _gather(parts, size, stretch)


def _whole(file: pq.ParquetFile, stretch: Stretch, columns: list[str]) -> pa.Table:
    """Only what is read as a dictionary comes in several pieces, one for each that the file has of it."""
    table = _wide(_read(file, list(stretch.row_groups), columns))
    if table.num_rows != stretch.n_rows:
        raise _too_few(stretch)
    if all(column.num_chunks == 1 for column in table.columns):
        return table
    table = table.unify_dictionaries()
    pieces = [column if column.num_chunks == 1 else column.combine_chunks() for column in table.columns]
    return pa.Table.from_arrays(pieces, schema=table.schema)


def _read(file: pq.ParquetFile, row_groups: list[int], columns: list[str]) -> pa.Table:
    try:
        return file.read_row_groups(row_groups, columns=columns, use_threads=False)
    except pa.ArrowException:
        if len(row_groups) == 1 or not any(map(_is_read_alone, file.schema_arrow.types)):
            raise
    alone = [file.read_row_group(index, columns=columns, use_threads=False) for index in row_groups]
    return pa.concat_tables(map(_wide, alone)).combine_chunks()


def _is_read_alone(kind: pa.DataType) -> bool:
    """Dictionaries that Arrow reads of one row group only: of narrow codes, or within lists."""
    if pa.types.is_dictionary(kind):
        return bool(kind.index_type.bit_width < _CODE_BITS)
    within = [kind.field(at).type for at in range(kind.num_fields)]
    return any(pa.types.is_dictionary(each) or _is_read_alone(each) for each in within)


def _wide(table: pa.Table) -> pa.Table:
    """With codes that have room for the values of all row groups: each may have used up a narrow type."""
    for at, field in enumerate(table.schema):
        kind = field.type
        if pa.types.is_dictionary(kind) and kind.index_type.bit_width < _CODE_BITS:
            wide = pa.dictionary(pa.int32(), kind.value_type, ordered=kind.ordered)
            table = table.set_column(at, field.with_type(wide), table.column(at).cast(wide))
    return table


def _gather(parts: Iterator[pa.RecordBatch], size: int, stretch: Stretch) -> pa.Table:
    """The next `size` rows in one piece: Arrow may cut where a column changes its encoding."""
    gathered: list[pa.RecordBatch] = []
    n_rows = 0
    while n_rows < size:
        part = next(parts, None)
        if part is None:
            raise _too_few(stretch)
        gathered.append(part)
        n_rows += part.num_rows
    table = _wide(pa.Table.from_batches(gathered))
    return table if len(gathered) == 1 else table.unify_dictionaries().combine_chunks()


def _too_few(stretch: Stretch) -> FileUnreadable:
    return damaged(stretch.path, f"{stretch.named}: fewer rows than the footer claims")
