"""Records of finished chunks: what a later run may go on from, and what it scores again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from batch_scorer.core.chunks import FILES, RECORDS, SPILLS, Accounting, Chunk, ChunkScored, StagedFile
from batch_scorer.core.lakefiles import FileStamp, LakeFile
from batch_scorer.core.partitions import Partition
from batch_scorer.lake.staging.chunk_records import recorded_chunks, write_record
from batch_scorer.lake.storage.stored_files import local_files


@pytest.fixture
def scored(tmp_path: Path) -> ChunkScored:
    """A chunk whose file and spill lie in the staging directory `tmp_path`, and its record."""
    for part in (FILES, RECORDS, SPILLS):
        (tmp_path / part).mkdir()
    file = LakeFile(path="d=1/part-0.parquet", stamp=FileStamp(size=10, mtime_ns=1, ctime_ns=1, inode=1))
    partition = Partition(names=("d",), values=("1",))
    chunk = Chunk(partition=partition, file=file, row_groups=(0,), index=0, n_rows=3, row_offset=0)
    one = ChunkScored(
        chunk=chunk,
        rows=Accounting(n_read=3, n_scored=3),
        files=(_staged(tmp_path / FILES / "part-0.parquet"),),
        worker="an earlier run",
        scanned=({"n_rows": 3, "partials": [], "raised": {}},),
        spills=(_staged(tmp_path / SPILLS / "00000.arrow"),),
    )
    write_record(tmp_path / RECORDS, one)
    return one


def _staged(path: Path) -> StagedFile:
    path.write_bytes(path.name.encode())
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return StagedFile(name=path.name, n_rows=3, n_bytes=path.stat().st_size, sha256=sha256)


def test_a_finished_chunk_comes_back_with_its_partials(tmp_path: Path, scored: ChunkScored) -> None:
    assert list(recorded_chunks(local_files(tmp_path), (scored.chunk,))) == [scored]


@pytest.mark.parametrize("gone", [f"{FILES}/part-0.parquet", f"{SPILLS}/00000.arrow"])
def test_a_chunk_that_lost_a_file_or_a_spill_is_scored_again(
    tmp_path: Path, scored: ChunkScored, gone: str
) -> None:
    (tmp_path / gone).unlink()
    assert list(recorded_chunks(local_files(tmp_path), (scored.chunk,))) == []


def test_a_spill_that_changed_is_not_trusted(tmp_path: Path, scored: ChunkScored) -> None:
    (tmp_path / SPILLS / "00000.arrow").write_bytes(b"00000.arroW")
    assert list(recorded_chunks(local_files(tmp_path), (scored.chunk,))) == []


@pytest.mark.parametrize("lacking", ["scanned", "spills"])
def test_a_record_of_before_suites_were_scanned_counts_as_none(
    tmp_path: Path, scored: ChunkScored, lacking: str
) -> None:
    path = tmp_path / RECORDS / "00000.json"
    record = json.loads(path.read_bytes())
    del record["chunk"][lacking]
    path.write_text(json.dumps(record))
    assert list(recorded_chunks(local_files(tmp_path), (scored.chunk,))) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"chunk": [], "sha256": ""}',
        b'{"chunk": {"index": 0, "rows": [], "set_aside": []}, "sha256": "x"}',
    ],
)
def test_a_record_that_is_none_is_scored_again(tmp_path: Path, scored: ChunkScored, content: bytes) -> None:
    (tmp_path / RECORDS / "00000.json").write_bytes(content)
    assert list(recorded_chunks(local_files(tmp_path), (scored.chunk,))) == []


@pytest.mark.parametrize(("name", "value"), [("scanned", []), ("warnings", ["odd"]), ("set_aside", [])])
def test_a_record_that_was_edited_is_not_trusted(
    tmp_path: Path, scored: ChunkScored, name: str, value: object
) -> None:
    path = tmp_path / RECORDS / "00000.json"
    record = json.loads(path.read_bytes())
    record["chunk"][name] = value
    path.write_text(json.dumps(record))
    assert list(recorded_chunks(local_files(tmp_path), (scored.chunk,))) == []
