"""How many bytes a row takes once it is decoded: as a footer lets expect, and as a table really does."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

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

PHYSICAL_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}
_OFFSET_BYTES = 4
# A text of which a row takes less in the file is there mostly as numbers of a dictionary's values.
_CODED_BYTES = 32


def declared_row_size(group: pq.RowGroupMetaData, columns: Sequence[str]) -> RowSize:
    """Of a row group's rows, by its footer.

    What dictionaries expand to no footer tells: see `pieces`. A list counts with all of its elements.
    """
    sizes = dict.fromkeys(columns, 0.0)
    for name, chunk in chunks_of(group, sizes.keys()):
        sizes[name] += _decoded_bytes(chunk) / max(group.num_rows, 1)
    return RowSize(by_column=sizes)


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
    """Of a table's rows, each column's dictionary expanded."""
    n_rows = max(table.num_rows, 1)
    columns = zip(table.column_names, table.columns, strict=True)
    return RowSize(by_column={name: _expanded_bytes(column) / n_rows for name, column in columns})


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


def column_chunks(group: pq.RowGroupMetaData) -> Iterator[pq.ColumnChunkMetaData]:
    """Of every column, in the file's order."""
    return (group.column(position) for position in range(group.num_columns))


def chunks_of(
    group: pq.RowGroupMetaData, wanted: Collection[str]
) -> Iterator[tuple[str, pq.ColumnChunkMetaData]]:
    """Those that are, or are a part of, a column of that name, and its name."""
    for chunk in column_chunks(group):
        name = _column_of(chunk.path_in_schema, wanted)
        if name is not None:
            yield name, chunk


def _column_of(path: str, wanted: Collection[str]) -> str | None:
    """path: of a nested column with what is below it. A name may have a dot in it."""
    first = path.split(".", 1)[0]
    if first in wanted:
        return first
    if path in wanted:
        return path
    return next((name for name in wanted if path.startswith(f"{name}.")), None)


def _decoded_bytes(chunk: pq.ColumnChunkMetaData) -> int:
    """num_values counts nulls, and every element of a list."""
    width = PHYSICAL_WIDTHS.get(chunk.physical_type)
    if width is not None:
        return int(chunk.num_values * width)
    return int(chunk.total_uncompressed_size + chunk.num_values * _OFFSET_BYTES)


def _expanded_bytes(column: pa.ChunkedArray) -> float:
    if not pa.types.is_dictionary(column.type):
        return float(column.nbytes)
    return float(sum(_of_codes(chunk) for chunk in column.chunks))


def _of_codes(values: pa.DictionaryArray) -> float:
    """What an array's values take without its dictionary; an upper bound where even that is little."""
    if not is_string(values.type.value_type):
        return float(values.indices.nbytes)
    lengths = pc.binary_length(values.dictionary)
    longest = pc.max(lengths).as_py() or 0
    bound = len(values) * (longest + _OFFSET_BYTES)
    if bound <= BATCH_BYTES / 16:
        return float(bound)
    n_bytes = pc.sum(lengths.take(values.indices)).as_py() or 0
    return float(n_bytes + len(values) * _OFFSET_BYTES)


def round_up(n_bytes: int) -> str:
    """As a job file has it."""
    return f"{-(-n_bytes // 100_000_000) / 10:g}GB"
