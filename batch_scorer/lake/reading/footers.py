"""Parquet footers: columns, types and row groups, and a clear word when there is none."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Collection, Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from batch_scorer.core.errors import FileUnreadable
from batch_scorer.core.lakefiles import ColumnStatistics, Footer, LakeFile, RowGroup
from batch_scorer.lake.arrow_types import arrow_type_name, parse_arrow_type
from batch_scorer.lake.reading.column_chunks import PHYSICAL_WIDTHS, column_chunks
from batch_scorer.lake.storage.failures import as_input_error, damaged
from batch_scorer.lake.storage.storage import LakeStorage

__all__ = [
    "MAX_ROW_GROUP_BYTES",
    "arrow_type_name",
    "footer_of",
    "metadata_of",
    "parse_arrow_type",
    "read_footer",
]

MAX_ROW_GROUP_BYTES = 4 * 2**30
_HONEST_COMPRESSION = 200  # a row group may decode to so many times the file's size, whatever the bound

_MAGIC = b"PAR1"


def read_footer(
    storage: LakeStorage,
    root: str,
    file: LakeFile,
    *,
    max_row_group_bytes: int = MAX_ROW_GROUP_BYTES,
    watched: Collection[str] = (),
) -> Footer:
    """What a file says about itself. watched: columns whose statistics are wanted.

    max_row_group_bytes: a row group that declares more than that, and far more than the file's own size,
    is refused: 4 KB on disk can need more than 4 GB in memory.
    Raises: FileUnreadable (not Parquet, truncated, damaged, too large), InputMoved, StoreUnavailable.
    """
    try:
        opened, _ = storage.open(root, file.path)
        with opened:
            try:
                metadata, schema = metadata_of(opened)
            except (pa.ArrowException, OSError) as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise
                raise _no_footer(opened, file.path, str(error)) from error
    except OSError as error:
        raise as_input_error(error, where=file.path) from error
    footer = footer_of(metadata, schema, where=file.path, watched=watched)
    _refuse_bombs(footer, file, max_row_group_bytes)
    return footer


def metadata_of(opened: BinaryIO) -> tuple[pq.FileMetaData, pa.Schema]:
    """What Arrow knows of a file. Raises: pa.ArrowException, OSError.

    Never by `metadata.schema`: the two would hold each other, and a footer of thousands of column chunks be
    kept until somebody looks for garbage.
    """
    with pq.ParquetFile(opened, pre_buffer=False, arrow_extensions_enabled=False) as file:
        return file.metadata, file.schema_arrow


def footer_of(
    metadata: pq.FileMetaData, schema: pa.Schema, *, where: str, watched: Collection[str] = ()
) -> Footer:
    """A Parquet footer in our own words. Raises: FileUnreadable, when it contradicts itself."""
    twice = [name for name, count in Counter(schema.names).items() if count > 1]
    if twice:
        raise damaged(where, f'it has more than one column named "{twice[0]}"')
    groups = tuple(_row_group(metadata.row_group(i), watched) for i in range(metadata.num_row_groups))
    if any(group.n_rows < 0 for group in groups) or sum(g.n_rows for g in groups) != metadata.num_rows:
        raise damaged(where, f"its footer claims {metadata.num_rows} rows, its row groups something else")
    columns = tuple((field.name, arrow_type_name(field.type)) for field in schema)
    return Footer(columns=columns, row_groups=groups)


def _row_group(group: pq.RowGroupMetaData, watched: Collection[str]) -> RowGroup:
    """n_bytes: the declared size, or what its fixed-width values need: run lengths hide billions of rows."""
    decoded = sum(
        column.num_values * PHYSICAL_WIDTHS.get(column.physical_type, 4) for column in column_chunks(group)
    )
    return RowGroup(
        n_rows=group.num_rows,
        n_bytes=max(group.total_byte_size, decoded),
        statistics=tuple(_statistics(group, watched)) if watched else (),
    )


def _statistics(group: pq.RowGroupMetaData, watched: Collection[str]) -> Iterator[ColumnStatistics]:
    chunks = [(chunk.path_in_schema, chunk) for chunk in column_chunks(group)]
    # A column "a.b" and a field b within a column a are called alike here.
    called = Counter(name for name, _ in chunks)
    for name, chunk in chunks:
        if name in watched and called[name] == 1 and chunk.is_stats_set:
            found = chunk.statistics
            ends = (found.min, found.max) if _has_numbers(found) else (None, None)
            are_numbers = all(isinstance(end, int | float) and not math.isnan(end) for end in ends)
            yield ColumnStatistics(
                column=name,
                n_nulls=found.null_count if found.has_null_count else None,
                least=ends[0] if are_numbers else None,
                most=ends[1] if are_numbers else None,
            )


def _has_numbers(statistics: pq.Statistics) -> bool:
    """Not of times: pyarrow makes Python's of them, which end with the year 9999, and raises beyond it."""
    return (
        statistics.has_min_max
        and statistics.logical_type.type in ("NONE", "INT")
        and statistics.physical_type in PHYSICAL_WIDTHS.keys() - {"INT96"}
    )


def _refuse_bombs(footer: Footer, file: LakeFile, max_row_group_bytes: int) -> None:
    limit = max(max_row_group_bytes, _HONEST_COMPRESSION * file.stamp.size)
    for index, group in enumerate(footer.row_groups):
        if group.n_bytes > limit:
            raise FileUnreadable(
                f"row group {index} of a file of {file.stamp.size:,} bytes declares {group.n_bytes:,} bytes "
                f"of data ({group.n_rows:,} rows)",
                where=file.path,
                fix="check who wrote the file; write it again in row groups of about a million rows",
            )


def _no_footer(file: BinaryIO, where: str, reason: str) -> FileUnreadable:
    n_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    start = file.read(16)
    file.seek(max(0, n_bytes - len(_MAGIC)))
    end = file.read(len(_MAGIC))
    fix = "write the file again from its source, or remove it"
    if not n_bytes:
        return FileUnreadable("the file is empty (0 bytes), so it is not Parquet", where=where, fix=fix)
    if not start.startswith(_MAGIC):
        return FileUnreadable(
            f"the file is not Parquet: its {n_bytes:,} bytes begin with {start!r}", where=where, fix=fix
        )
    if end != _MAGIC or n_bytes < 2 * len(_MAGIC):
        return FileUnreadable(
            f"the file is truncated: {n_bytes:,} bytes that begin like Parquet but have no footer",
            where=where,
            fix=fix,
        )
    return damaged(where, reason)
