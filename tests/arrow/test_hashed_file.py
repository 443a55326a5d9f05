"""What Arrow writes is hashed on its way."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from batch_scorer.arrow.hashed_file import HashedFile

TABLE = pa.table({"a": range(10_000), "b": [f"{n}" for n in range(10_000)]})


def test_the_hash_and_the_size_are_those_of_the_file(tmp_path: Path) -> None:
    for name in ("a.parquet", "a.arrow"):
        with (tmp_path / name).open("xb") as file:
            hashed = HashedFile(file)
            if name.endswith("parquet"):
                pq.write_table(TABLE, hashed)
            else:
                with pa.ipc.new_file(hashed, TABLE.schema) as writer:
                    writer.write_table(TABLE)
        content = (tmp_path / name).read_bytes()
        assert (hashed.tell(), hashed.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert pq.read_table(tmp_path / "a.parquet").equals(TABLE)


def test_arrow_closes_in_peace_when_its_file_is_discarded(tmp_path: Path) -> None:
    with (tmp_path / "a.parquet").open("xb") as file:
        hashed = HashedFile(file)
        writer = pq.ParquetWriter(hashed, TABLE.schema)
        writer.write_table(TABLE)
        hashed.discard()
    written = (tmp_path / "a.parquet").stat().st_size
    writer.close()
    assert (tmp_path / "a.parquet").stat().st_size == written
