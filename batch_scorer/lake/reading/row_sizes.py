"""How many bytes a row takes once it is decoded, as a table really does, and what is done about many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from batch_scorer.core.batches import (
    BATCH_BYTES,
    RowSize,
    bytes_needed,
    cut_evenly,
    rows_per_batch,
)
from batch_scorer.core.errors import RowsTooWide
from batch_scorer.lake.arrow_types import is_string
from batch_scorer.lake.reading.column_chunks import OFFSET_BYTES, column_chunks

# A text of which a row takes less in the file is there mostly as numbers of a dictionary's values.
_CODED_BYTES = 32


def coded_texts(metadata: pq.FileMetaData, names: Sequence[str]) -> list[str]:
    """Those of the text columns that are better read as dictionaries, whatever their values expand to.

    The file's first row group speaks for all: one encoding for a file, whichever chunk reads it.
    """
    if not metadata.num_row_groups:
        return []
    group = metadata.row_group(0)
    return [
        chunk.path_in_schema
        for chunk in column_chunks(group)
        if chunk.path_in_schema in names
        and chunk.has_dictionary_page
        and chunk.total_uncompressed_size < _CODED_BYTES * group.num_rows
    ]


def pieces(table: pa.Table, usual_rows: int) -> Iterator[tuple[RowSize, pa.Table]]:
    """The table in equal pieces that keep to the rule of `core.batches`, now that its texts are known."""
    row = row_size(table)
    start = 0
    for size in cut_evenly(table.num_rows, rows_per_batch(row, usual_rows)):
        yield row, table.slice(start, size)
        start += size


def row_size(table: pa.Table) -> RowSize:
    """Of a table's rows, each column's dictionary expanded; an upper bound where even that is little."""
    n_rows = max(table.num_rows, 1)
    # What each row's text takes is a tenth of the time that reading it took, and nearly always of no matter.
    sizes = _column_bytes(table, _at_most)
    if sum(sizes.values()) > BATCH_BYTES / 2:
        sizes = _column_bytes(table, _exactly)
    return RowSize(by_column={name: n_bytes / n_rows for name, n_bytes in sizes.items()})


def refuse_too_wide(row: RowSize, n_rows: int, memory_bytes: int | None, where: str) -> None:
    """n_rows: of a batch. memory_bytes: of a worker. Raises: RowsTooWide."""
    needed = bytes_needed(row, n_rows)
    if memory_bytes is None or needed <= memory_bytes:
        return
    rows = "one row" if n_rows == 1 else f"a batch of {n_rows:,} rows"
    raise RowsTooWide(
        f"{rows} needs about {needed:,} bytes of memory, and compute.memory_per_worker is {memory_bytes:,}: "
        f'a row takes {row.n_bytes:,.0f} bytes decoded, of which column "{row.widest}" '
        f"{row.by_column[row.widest]:,.0f}",
        where=where,
        fix=f"set compute.memory_per_worker to {round_up(needed)} or more, or leave that column out of "
        "output.keep_columns and the suites",
    )


def _column_bytes(table: pa.Table, of_codes: Callable[[pa.Array, pa.Array], int]) -> dict[str, int]:
    """of_codes: told each value's length in a dictionary, and its codes. Returns: what these texts take."""
    columns = zip(table.column_names, table.columns, strict=True)
    return {
        name: sum(_expanded_bytes(piece, of_codes) for piece in column.chunks) for name, column in columns
    }


def _expanded_bytes(values: pa.Array, of_codes: Callable[[pa.Array, pa.Array], int]) -> int:
    if not pa.types.is_dictionary(values.type):
        return int(values.nbytes)
    if not is_string(values.type.value_type):
        return int(values.indices.nbytes)
    return of_codes(pc.binary_length(values.dictionary), values.indices) + len(values) * OFFSET_BYTES


def _at_most(lengths: pa.Array, codes: pa.Array) -> int:
    return len(codes) * (pc.max(lengths).as_py() or 0)


def _exactly(lengths: pa.Array, codes: pa.Array) -> int:
    return pc.sum(lengths.take(codes)).as_py() or 0


def round_up(n_bytes: int) -> str:
    """As a job file has it."""
    return f"{-(-n_bytes // 100_000_000) / 10:g}GB"
