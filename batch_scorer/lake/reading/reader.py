"""The strict reader: a chunk's rows in batches, each column by name and type, or a clear refusal.

Nothing is inferred: files are opened one by one with an explicit list of columns, page checksums on. Memory
is bounded by a batch, not by a row group, file or partition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from batch_scorer.core.batches import (
    RowSize,
    SmallerBatches,
    smaller_batches,
)
from batch_scorer.core.chunks import Chunk, ReadSpec
from batch_scorer.core.errors import ColumnTypeMismatch, KeyNull
from batch_scorer.core.lakefiles import Footer, LakeFile
from batch_scorer.lake.arrow_types import parse_arrow_type
from batch_scorer.lake.reading.casts import Origin, cast_column
from batch_scorer.lake.reading.filters import row_mask
from batch_scorer.lake.reading.footers import footer_of, metadata_of
from batch_scorer.lake.reading.page_sizes import refuse_too_large_pages
from batch_scorer.lake.reading.row_sizes import coded_texts, pieces, refuse_too_wide
from batch_scorer.lake.reading.schema import carried_types, check_features
from batch_scorer.lake.reading.streamed import Streamed
from batch_scorer.lake.reading.stretches import Stretch, stretches, tables
from batch_scorer.lake.storage.failures import as_input_error, damaged
from batch_scorer.lake.storage.roots import storage_for
from batch_scorer.lake.storage.storage import check_still, check_unmoved

_READ_AHEAD_BYTES = 1 << 18  # per column: the pages of a huge row group stream through, never held whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows that stay, and the account of those that do not.

    features, carried: (n_read - n_dropped - n_aside, …), one piece per column; text features may be
    dictionary-encoded. first_row: of the batch, in the file. rows: positions in the file of the rows that
    stayed, None when these are first_row, first_row + 1, … n_dropped: excluded by input.where or
    input.limit_rows. raw: (n_within, …) all columns that were read, as the file has them, of all rows within
    the limit. aside: positions in raw of the rows that were left out, and not dropped. smaller: why it has
    fewer rows than usual, where it has.
    """

    features: pa.Table
    carried: pa.Table
    raw: pa.Table
    n_read: int
    n_dropped: int
    first_row: int
    rows: pa.Int64Array | None = None
    aside: pa.Int64Array | None = None
    smaller: SmallerBatches | None = None

    @property
    def n_aside(self) -> int:
        return 0 if self.aside is None else len(self.aside)

    def row_at(self, position: int) -> int:
        """The row of the file that a position of this batch is."""
        return _row_at(self.first_row, self.rows, position)


# Told a batch's raw rows and where its first one is in the file. Returns: a bool for each row, true where it
# is not to be scored; None: all are.
LeaveOut = Callable[[pa.Table, int], pa.BooleanArray | None]


def read_chunk(chunk: Chunk, spec: ReadSpec, leave_out: LeaveOut | None = None) -> Iterator[Batch]:
    """The chunk's rows: neighbouring row groups joined, and larger ones cut into equal batches, of at most
    spec.max_batch_rows, or of fewer where rows are wide: see core.batches.

    A batch depends on its file alone, never on how row groups were dealt out to chunks, as long as these are
    cut between batches (planning.chunks). Rows beyond chunk.row_limit, and those of chunk.rows_beyond, are
    not read: they count as read and dropped in the batch that reaches the limit. leave_out: asked once for
    each batch, before a value is cast: a row that is set aside may have no key, or a number that the model
    cannot take.
    Raises: FileUnreadable, InputMoved, ColumnMissing, ColumnTypeMismatch, LossyCast, RowsTooWide,
    PagesTooLarge, StoreUnavailable; ValueError, for a chunk that was not cut between batches.
    """
    storage = storage_for(spec.root, spec.stores)
    where = chunk.file.path
    with _reading(where):
        opened, stamp = storage.open(spec.root, where)
        with opened:
            check_unmoved(stamp, chunk.file)
            metadata, schema = metadata_of(opened)
            footer = footer_of(metadata, schema, where=where)
            _check_columns(chunk.file, footer, spec)
            streamed = Streamed(opened)
            needed = _needed(spec)
            with pq.ParquetFile(
                streamed,
                metadata=metadata,
                read_dictionary=_coded(metadata, footer, spec, needed),
                pre_buffer=False,
                buffer_size=_READ_AHEAD_BYTES,
                page_checksum_verification=True,
                arrow_extensions_enabled=False,
            ) as file:

                def announce(stretch: Stretch) -> None:
                    refuse_too_large_pages(opened, metadata, stretch, needed, spec.memory_bytes)
                    storage.will_need(opened, stretch.declared.ranges)
                    streamed.stream(stretch.declared.ranges)

                parts = stretches(chunk, footer, metadata, needed, spec.max_batch_rows)
                yield from _batches(
                    _tables(file, parts, spec, needed, announce), footer, chunk, spec, leave_out
                )
    check_still(storage, spec.root, chunk.file)


_Cut = tuple[int, pa.Table, SmallerBatches | None]  # row in the file, raw columns, why it is small


def _batches(
    tables: Iterator[_Cut], footer: Footer, chunk: Chunk, spec: ReadSpec, leave_out: LeaveOut | None
) -> Iterator[Batch]:
    n_rows = sum(footer.row_groups[index].n_rows for index in chunk.row_groups)
    limit = n_rows if chunk.row_limit is None else min(chunk.row_limit, n_rows)
    n_seen = 0
    for first_row, table, smaller in tables:
        # Of a table without columns, Arrow's slice has as many rows as were asked for, there or not.
        within = table.slice(0, min(limit - n_seen, table.num_rows))
        n_seen += table.num_rows
        n_beyond = n_rows - limit + chunk.rows_beyond if n_seen >= limit else 0
        out = None if leave_out is None else leave_out(within, first_row)
        yield replace(_batch(within, first_row, n_beyond, chunk.file, spec, out), smaller=smaller)
        if n_beyond:
            return


def _tables(
    file: pq.ParquetFile,
    parts: Iterator[Stretch],
    spec: ReadSpec,
    needed: list[str],
    announce: Callable[[Stretch], None],
) -> Iterator[_Cut]:
    """announce: told of a stretch before it is read."""
    for stretch in parts:
        first_row, row = stretch.first_row, stretch.row
        refuse_too_wide(row, min(stretch.max_rows, stretch.n_rows), spec.memory_bytes, stretch.where)
        announce(stretch)
        for table in tables(file, stretch, needed):
            for found, piece in pieces(table, stretch.max_rows):
                refuse_too_wide(found, piece.num_rows, spec.memory_bytes, stretch.where)
                widest = max(found, row, key=_width)
                yield first_row, piece, smaller_batches(widest, stretch.n_rows, spec.max_batch_rows)
                first_row += piece.num_rows


def _width(row: RowSize) -> float:
    return row.n_bytes


def _batch(
    raw: pa.Table,
    first_row: int,
    n_beyond: int,
    file: LakeFile,
    spec: ReadSpec,
    out: pa.BooleanArray | None,
) -> Batch:
    """raw: within the limit. n_beyond: rows that this batch answers for although nobody reads them.

    out: rows that are not scored; what is dropped is dropped, whatever it says.
    """
    n_read = raw.num_rows + n_beyond
    kept = None if spec.where is None else row_mask(spec.where, raw)
    n_dropped = n_beyond + (0 if kept is None else len(kept) - kept.true_count)
    aside = None
    if out is not None and out.true_count:
        aside = _positions(out if kept is None else pc.and_(out, kept))
        kept = pc.invert(out) if kept is None else pc.and_not(kept, out)
    table, rows = raw, None
    if kept is not None and kept.true_count < len(kept):
        rows = pc.add(_positions(kept), first_row)
        table = raw.filter(kept)
    return Batch(
        features=_features(table, spec, file, partial(_row_at, first_row, rows)),
        carried=_carried(table, spec, file, partial(_row_at, first_row, rows)),
        raw=raw,
        n_read=n_read,
        n_dropped=n_dropped,
        first_row=first_row,
        rows=rows,
        aside=aside,
    )


def _positions(mask: pa.BooleanArray) -> pa.Int64Array:
    return pc.indices_nonzero(mask).cast(pa.int64())


def _features(table: pa.Table, spec: ReadSpec, file: LakeFile, row_at: Callable[[int], int]) -> pa.Table:
    origin = Origin(file=file.path, row_at=row_at, model=spec.model)
    columns = [cast_column(table.column(feature.name), feature, origin) for feature in spec.features]
    return pa.table(columns, names=[feature.name for feature in spec.features])


def _carried(table: pa.Table, spec: ReadSpec, file: LakeFile, row_at: Callable[[int], int]) -> pa.Table:
    """Types differ from the declared ones in encoding only: see arrow_types."""
    for name in spec.key:
        if table.column(name).null_count:
            raise _null_key(name, table.column(name), file, row_at)
    columns = [table.column(name).cast(parse_arrow_type(text)) for name, text in spec.carried]
    return pa.table(columns, names=[name for name, _ in spec.carried])


def _null_key(name: str, column: pa.ChunkedArray, file: LakeFile, row_at: Callable[[int], int]) -> KeyNull:
    first = pc.index(pc.is_null(column), True).as_py()
    return KeyNull(
        f'key column "{name}" is null in {column.null_count:,} rows, first at row {row_at(first)}',
        where=file.path,
        fix="a row without its key cannot be joined back: mend it upstream, or exclude it with input.where",
    )


def _row_at(first_row: int, rows: pa.Int64Array | None, position: int) -> int:
    return first_row + position if rows is None else int(rows[position].as_py())


def _needed(spec: ReadSpec) -> list[str]:
    names = [feature.name for feature in spec.features]
    names += [name for name, _ in (*spec.carried, *spec.filter_columns)]
    names += spec.checked
    return list(dict.fromkeys(names))


def _coded(metadata: pq.FileMetaData, footer: Footer, spec: ReadSpec, needed: Sequence[str]) -> list[str]:
    """Scoring works on dictionary codes: each distinct text is looked up once. Other texts are few in a file
    and long in memory, if they are coded there.
    """
    text = {name for name, type_name in footer.columns if type_name == "string"}
    features = [feature.name for feature in spec.features if feature.name in text]
    others = [name for name in needed if name in text and name not in features]
    return features + coded_texts(metadata, others)


def _check_columns(file: LakeFile, footer: Footer, spec: ReadSpec) -> None:
    check_features([file], [footer], spec.features, model=spec.model)
    planned = dict(spec.carried) | dict(spec.filter_columns)
    for name, found in carried_types([file], [footer], tuple(planned)):
        if found not in (planned[name], "null"):
            raise ColumnTypeMismatch(
                f'column "{name}" is {found} but the plan says {planned[name]}',
                where=file.path,
                fix="write the partition's files with one schema",
            )


@contextmanager
def _reading(where: str) -> Iterator[None]:
    """What Arrow and the system say while bytes are read, in our words."""
    try:
        yield
    except pa.ArrowMemoryError:
        raise
    except pa.ArrowException as error:
        raise damaged(where, str(error)) from error
    except OSError as error:
        raise as_input_error(error, where=where) from error
