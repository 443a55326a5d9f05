"""Cut a partition into chunks of work along the row groups its footers declare, and between its batches."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

from batch_scorer.core.batches import USUAL_ROWS, joined
from batch_scorer.core.chunks import Chunk
from batch_scorer.core.lakefiles import Footer, PartitionFiles, RowGroup


def cut_chunks(
    found: PartitionFiles,
    footers: Sequence[Footer],
    *,
    target_bytes: int,
    limit_rows: int | None,
) -> tuple[Chunk, ...]:
    """Consecutive row groups of one file, up to target_bytes decoded; a larger row group stands alone.

    Row groups that are read as one batch are in one chunk, also where they are larger: see core.batches.

    footers: one per file of found, in its order. limit_rows: only the first rows of the partition; row
    groups wholly beyond it are in no chunk, so that what is read does not depend on target_bytes. The last
    chunk answers for their rows, so that what is counted does not depend on the layout of the files.
    A file without row groups gives no chunk.
    """
    chunks: list[Chunk] = []
    rows_left = sys.maxsize if limit_rows is None else limit_rows
    for file, footer in zip(found.files, footers, strict=True):
        groups = footer.row_groups
        row_offset = 0
        for row_groups in _cuts(groups, _n_leading(groups, rows_left), target_bytes):
            n_rows = sum(groups[position].n_rows for position in row_groups)
            chunks.append(
                Chunk(
                    partition=found.partition,
                    file=file,
                    row_groups=row_groups,
                    index=len(chunks),
                    n_rows=n_rows,
                    row_offset=row_offset,
                    row_limit=rows_left if rows_left < n_rows else None,
                )
            )
            row_offset += n_rows
            rows_left -= n_rows
    n_beyond = sum(footer.n_rows for footer in footers) - sum(chunk.n_rows for chunk in chunks)
    return (*chunks[:-1], *(replace(chunk, rows_beyond=n_beyond) for chunk in chunks[-1:]))


def _n_leading(groups: Sequence[RowGroup], n_rows: int) -> int:
    """How many of the groups hold any of the first n_rows rows."""
    starts = accumulate((group.n_rows for group in groups[:-1]), initial=0)
    return sum(start < n_rows for _, start in zip(groups, starts, strict=False))


def _cuts(groups: Sequence[RowGroup], n_leading: int, target_bytes: int) -> Iterator[tuple[int, ...]]:
    """Positions of the leading groups, each run as long as it stays within target_bytes.

    Of a batch that a limit ends in, the groups before the limit are all that counts.
    """
    cut: list[int] = []
    n_bytes = 0
    for batch in joined(groups, USUAL_ROWS):
        wanted = batch[: max(0, n_leading - batch.start)]
        more = sum(groups[position].n_bytes for position in wanted)
        if cut and wanted and n_bytes + more > target_bytes:
            yield tuple(cut)
            cut, n_bytes = [], 0
        cut += wanted
        n_bytes += more
    if cut:
        yield tuple(cut)
