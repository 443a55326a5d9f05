"""What the pages of a row group take while they are decoded: of every column one at a time, and whole.

No footer tells how large pages are; the first three numbers of a page's own header do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, NamedTuple

import pyarrow.parquet as pq

from batch_scorer.core.batches import bytes_needed
from batch_scorer.core.errors import PagesTooLarge
from batch_scorer.lake.reading.column_chunks import chunks_of
from batch_scorer.lake.reading.row_sizes import round_up
from batch_scorer.lake.reading.stretches import Stretch

_HEAD_BYTES = 32
_INT_FIELD = 0x15  # of Thrift's compact protocol: the field after the last one, a 32 bit integer


def refuse_too_large_pages(
    file: BinaryIO,
    metadata: pq.FileMetaData,
    stretch: Stretch,
    columns: Sequence[str],
    memory_bytes: int | None,
) -> None:
    """The file is looked into only where all columns together, each in one page, would not fit a worker.

    Rows too wide for it in pages of any size are not our matter.
    Raises: PagesTooLarge, OSError.
    """
    if memory_bytes is None:
        return
    row, n_rows = stretch.row, min(stretch.max_rows, stretch.n_rows)
    free = memory_bytes - bytes_needed(row, n_rows)
    if not 0 <= free < stretch.declared.most_at_once:
        return
    for index in stretch.row_groups:
        group = metadata.row_group(index)
        pages = {chunk.path_in_schema: page_bytes(file, chunk) for _, chunk in chunks_of(group, columns)}
        n_bytes = _at_once(pages.values())
        beyond = n_bytes - round(row.n_bytes * n_rows)  # a batch, as it is read, is counted already
        if beyond <= free:
            continue
        largest = max(pages, key=lambda name: pages[name])
        needed = bytes_needed(row, n_rows) + beyond
        raise PagesTooLarge(
            f"{group.num_rows:,} rows lie in pages that are decoded whole: about {n_bytes:,} bytes at a "
            f'time, of which column "{largest}" {pages[largest].decoded:,}; a worker would need {needed:,}, '
            f"and compute.memory_per_worker is {memory_bytes:,}",
            where=f"{stretch.path}, row group {index}",
            fix="write the file again with pages of about 1 MB (the usual size of most writers) or with row "
            "groups of about a million rows, or set compute.memory_per_worker to "
            f"{round_up(needed)} or more",
        )


class PageBytes(NamedTuple):
    """decoded: of a column's pages, kept until the next one's turn. stored: of the largest in the file."""

    decoded: int
    stored: int


def _at_once(columns: Iterable[PageBytes]) -> int:
    """A page of every column, and the one that is being decoded as it was read: by Python, and by Arrow."""
    pages = list(columns)
    return sum(page.decoded for page in pages) + 2 * max((page.stored for page in pages), default=0)


def page_bytes(file: BinaryIO, chunk: pq.ColumnChunkMetaData) -> PageBytes:
    """Of its dictionary and its first page of data: to find a later one, all before it would be asked for,
    one after another, and pyarrow does not give away where an offset index is.

    0 for what is no page: the reader will say what is wrong with it.
    """
    starts = {chunk.data_page_offset, chunk.dictionary_page_offset or chunk.data_page_offset}
    pages = [_declared(file, start) for start in starts]
    return PageBytes(sum(page.decoded for page in pages), max(page.stored for page in pages))


def _declared(file: BinaryIO, start: int) -> PageBytes:
    numbers: list[int] = []
    if start >= 0:
        file.seek(start)
        numbers = list(_leading_integers(file.read(_HEAD_BYTES)))
    if len(numbers) < 3:
        return PageBytes(0, 0)
    _kind, decompressed, compressed = numbers[:3]
    return PageBytes(max(decompressed, 0), max(compressed, 0))


def _leading_integers(head: bytes) -> Iterator[int]:
    """The first fields, as long as they are integers: zigzag, seven bits a byte, lowest first."""
    at = 0
    while at < len(head) and head[at] == _INT_FIELD:
        value = shift = 0
        for byte in head[at + 1 :]:
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        at += 1
        yield (value >> 1) ^ -(value & 1)
