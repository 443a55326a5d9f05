"""What a footer declares of the columns that are read: their bytes, and where these are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow.parquet as pq

from batch_scorer.core.batches import RowSize

PHYSICAL_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}
OFFSET_BYTES = 4  # of a text, once decoded


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """Of the columns that are read, in some row groups.

    decoded: bytes, by column; what dictionaries expand to no footer tells. ranges: (start, end) of bytes in
    the file, of one row group after the other. most_at_once: bytes while pages are decoded, of the row group
    with the most, where each column is one page: of every column, and twice the largest as it is stored.
    """

    decoded: Mapping[str, int]
    ranges: tuple[tuple[int, int], ...]
    most_at_once: int

    def row_size(self, n_rows: int) -> RowSize:
        """n_rows: of these row groups. A list counts with all of its elements."""
        return RowSize(by_column={name: size / max(n_rows, 1) for name, size in self.decoded.items()})


def declared(groups: Iterable[pq.RowGroupMetaData], columns: Collection[str]) -> Declared:
    """Each column chunk is looked at once: a footer has many, and every chunk of work asks."""
    decoded = dict.fromkeys(columns, 0)
    ranges: list[tuple[int, int]] = []
    most_at_once = 0
    for group in groups:
        whole = largest = 0
        for name, chunk in chunks_of(group, decoded.keys()):
            plain, stored = chunk.total_uncompressed_size, chunk.total_compressed_size
            width = PHYSICAL_WIDTHS.get(chunk.physical_type)
            # num_values counts nulls, and every element of a list.
            n_values = chunk.num_values
            decoded[name] += n_values * width if width is not None else plain + n_values * OFFSET_BYTES
            whole, largest = whole + plain, max(largest, stored)
            ranges += _range(chunk)
        most_at_once = max(most_at_once, whole + 2 * largest)
    return Declared(decoded=decoded, ranges=tuple(ranges), most_at_once=most_at_once)


def column_ranges(
    metadata: pq.FileMetaData, row_group: int, columns: Collection[str]
) -> Iterator[tuple[int, int]]:
    """(start, end) of the bytes of some columns of a row group, as far as the footer can be believed."""
    for _, chunk in chunks_of(metadata.row_group(row_group), columns):
        yield from _range(chunk)


def column_chunks(group: pq.RowGroupMetaData) -> Iterator[pq.ColumnChunkMetaData]:
    """Of every column, in the file's order."""
    return map(group.column, range(group.num_columns))


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
    if "." not in path:  # as nearly all are
        return path if path in wanted else None
    first = path.split(".", 1)[0]
    if first in wanted:
        return first
    if path in wanted:
        return path
    return next((name for name in wanted if path.startswith(f"{name}.")), None)


def _range(chunk: pq.ColumnChunkMetaData) -> Iterator[tuple[int, int]]:
    """None, where the footer says what cannot be."""
    start = min(chunk.data_page_offset, chunk.dictionary_page_offset or chunk.data_page_offset)
    n_bytes = chunk.total_compressed_size
    if start >= 0 and n_bytes > 0:
        yield start, start + n_bytes
