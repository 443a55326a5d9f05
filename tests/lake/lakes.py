"""Small lakes on disk, written by pyarrow directly, and the values that describe them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from batch_scorer.core.chunks import Chunk
from batch_scorer.core.lakefiles import Footer, LakeFile
from batch_scorer.core.models import ColumnSpec
from batch_scorer.core.partitions import KeyType, Partition, PartitionKey
from batch_scorer.lake.reading.footers import read_footer
from batch_scorer.lake.storage.storage import LocalStorage

STORAGE = LocalStorage()
DAY = PartitionKey(name="day", type=KeyType.DATE)
PARTITION = Partition(names=("region",), values=("eu",))
DIRECTORY = PARTITION.path


def put(root: Path, name: str, table: pa.Table | bytes, **options: Any) -> LakeFile:
    """Write a table (or raw bytes) as a file of PARTITION and describe it as the inventory would."""
    path = root / DIRECTORY / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(table, bytes):
        path.write_bytes(table)
    else:
        pq.write_table(table, path, **{"write_page_checksum": True, **options})
    return described(root, f"{DIRECTORY}/{name}")


def described(root: Path, path: str) -> LakeFile:
    return LakeFile(path=path, stamp=STORAGE.stamp(str(root), path))


def footer(root: Path, file: LakeFile) -> Footer:
    return read_footer(STORAGE, str(root), file)


def chunk_of(root: Path, file: LakeFile, *row_groups: int, **changes: Any) -> Chunk:
    """All row groups unless some are named."""
    groups = footer(root, file).row_groups
    chosen = row_groups or tuple(range(len(groups)))
    return Chunk(
        partition=PARTITION,
        file=file,
        row_groups=chosen,
        index=0,
        n_rows=sum(groups[i].n_rows for i in chosen),
        row_offset=sum(group.n_rows for group in groups[: chosen[0]]),
        **changes,
    )


def spec(name: str, arrow_type: str, *, nullable: bool = True) -> ColumnSpec:
    return ColumnSpec(name=name, type=arrow_type, nullable=nullable, pandas_dtype=arrow_type)
