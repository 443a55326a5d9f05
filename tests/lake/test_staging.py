from __future__ import annotations

import datetime as dt
import errno
import hashlib
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_scorer.core.chunks import OutputSpec, StagedFile
from batch_scorer.core.durable import as_output_error
from batch_scorer.core.errors import DiskFull, OutputUnwritable
from batch_scorer.core.expressions.trees import Name, OutputColumn
from batch_scorer.lake.reading.page_sizes import page_bytes
from batch_scorer.lake.staging.staged_files import StagedWriter, output_schema
from tests import disks


def output_spec(staging: Path, **changes: Any) -> OutputSpec:
    """Into an attempt's directory that exists, or does not."""
    if staging.is_dir():
        (staging / "files").mkdir(exist_ok=True)
    score = OutputColumn(
        name="score", type="float64", expression=Name(name="prediction"), source="prediction"
    )
    fields: dict[str, Any] = {
        "staging": str(staging),
        "run_id": "01RUN",
        "carried": (("ride_id", "int64"), ("started_at", "timestamp[us, America/Chicago]")),
        "outputs": (score,),
        "model_version": "taxi_tips@3",
        "max_file_bytes": 10**9,
        "metadata": (("job", "taxi_tips"), ("generation", "7")),
    }
    return OutputSpec(**{**fields, **changes})


def rows(n_rows: int, first: int = 0) -> pa.Table:
    ids = np.arange(first, first + n_rows)
    return pa.table(
        {
            "ride_id": ids,
            "started_at": pa.array(ids, pa.timestamp("us", "America/Chicago")),
            "score": np.random.default_rng(first).random(n_rows),
        }
    )


def write(spec: OutputSpec, *tables: pa.Table) -> tuple[StagedFile, ...]:
    with StagedWriter(spec, 12) as writer:
        for table in tables:
            writer.write(table)
        files = writer.finish()
        writer.synced()
        return files


def test_a_file_holds_rows_audit_columns_and_metadata_and_its_hash_is_its_own(tmp_path: Path) -> None:
    before = dt.datetime.now(dt.UTC)
    (file,) = write(output_spec(tmp_path), rows(100), rows(50, first=100))
    path = tmp_path / "files" / file.name
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert file.n_bytes == path.stat().st_size
    assert file.n_rows == 150
    found = pq.ParquetFile(path, page_checksum_verification=True).read()
    assert found.schema.equals(output_schema(output_spec(tmp_path)))
    assert found.select(rows(1).column_names).equals(pa.concat_tables([rows(100), rows(50, 100)]))
    assert set(found["_run_id"].to_pylist()) == {"01RUN"}
    assert set(found["_model_version"].to_pylist()) == {"taxi_tips@3"}
    assert all(before <= at <= dt.datetime.now(dt.UTC) for at in found["_scored_at"].to_pylist())
    metadata = pq.read_metadata(path).metadata
    assert metadata[b"batch_scorer.job"] == b"taxi_tips"
    assert metadata[b"batch_scorer.generation"] == b"7"


def test_other_readers_see_the_same_rows(tmp_path: Path) -> None:
    (file,) = write(output_spec(tmp_path), rows(100))
    assert pl.read_parquet(tmp_path / "files" / file.name)["ride_id"].to_list() == list(range(100))
    with duckdb.connect() as connection:
        query = f"SELECT sum(ride_id), any_value(_run_id) FROM '{tmp_path / 'files' / file.name}'"
        assert connection.sql(query).fetchall() == [(4950, "01RUN")]


def test_a_flipped_bit_in_a_page_is_found_by_its_checksum(tmp_path: Path) -> None:
    (file,) = write(output_spec(tmp_path), rows(1_000))
    content = bytearray((tmp_path / "files" / file.name).read_bytes())
    content[500] ^= 1
    (tmp_path / "b.parquet").write_bytes(content)
    with pytest.raises(OSError, match="CRC"):
        pq.ParquetFile(tmp_path / "b.parquet", page_checksum_verification=True).read()


def test_a_chunk_without_rows_still_gives_one_file(tmp_path: Path) -> None:
    for tables in ((), (rows(0),)):
        (file,) = write(output_spec(tmp_path), *tables)
        assert file.n_rows == 0
        assert pq.read_table(tmp_path / "files" / file.name).schema.equals(
            output_schema(output_spec(tmp_path))
        )


def test_large_output_rolls_to_files_whose_names_sort_like_their_rows(tmp_path: Path) -> None:
    tables = [rows(131_072, first=i * 131_072) for i in range(4)]
    files = write(output_spec(tmp_path, max_file_bytes=1_000_000), *tables)
    assert len(files) == 4
    names = [file.name for file in files]
    assert names == sorted(names)
    assert all(name.startswith("part-00012-01RUN-") for name in names)
    ids = [i for name in names for i in pq.read_table(tmp_path / "files" / name)["ride_id"].to_pylist()]
    assert ids == list(range(4 * 131_072))
    assert sorted(os.listdir(tmp_path / "files")) == names


def test_small_batches_share_row_groups(tmp_path: Path) -> None:
    (file,) = write(output_spec(tmp_path), *(rows(10, first=10 * i) for i in range(200)))
    assert pq.read_metadata(tmp_path / "files" / file.name).num_row_groups == 1


def test_two_attempts_at_one_chunk_never_share_a_name(tmp_path: Path) -> None:
    names = {write(output_spec(tmp_path), rows(1))[0].name for _ in range(20)}
    assert len(names) == 20


def test_a_chunk_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    spec = output_spec(tmp_path, max_file_bytes=1_000_000)
    seen = []

    def fail() -> None:
        with StagedWriter(spec, 0) as writer:
            for _ in range(3):
                writer.write(rows(100_000))
            seen.extend(os.listdir(tmp_path / "files"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert seen
    assert os.listdir(tmp_path / "files") == []


def test_what_was_not_waited_for_until_it_was_on_the_disk_is_not_kept(tmp_path: Path) -> None:
    with StagedWriter(output_spec(tmp_path), 0) as writer:
        writer.write(rows(10))
        writer.finish()
    assert os.listdir(tmp_path / "files") == []


def test_a_disk_that_fails_while_the_worker_goes_on_fails_the_chunk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull) as caught:
        write(output_spec(tmp_path), rows(10))
    assert str(tmp_path) in str(caught.value.where)
    assert os.listdir(tmp_path / "files") == []


def first_page_bytes(path: Path, name: str) -> int:
    group = pq.read_metadata(path).row_group(0)
    (chunk,) = (group.column(i) for i in range(group.num_columns) if group.column(i).path_in_schema == name)
    with path.open("rb") as file:
        return page_bytes(file, chunk).decoded


def test_a_page_of_numbers_ends_when_it_is_full(tmp_path: Path) -> None:
    (file,) = write(output_spec(tmp_path), rows(131_072))
    assert 900_000 < first_page_bytes(tmp_path / "files" / file.name, "score") < 1_100_000


def test_a_page_of_long_texts_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    spec = output_spec(tmp_path, carried=(("ride_id", "int64"), ("started_at", "string")))
    texts = pa.array([f"{i:05d}" * 400 for i in range(20_000)])  # 2,000 bytes, all different
    (file,) = write(spec, rows(20_000).set_column(1, "started_at", texts))
    assert first_page_bytes(tmp_path / "files" / file.name, "started_at") < 5_000_000


def test_each_batch_has_its_own_time_and_the_texts_of_its_run(tmp_path: Path) -> None:
    for run in ("01RUN", "02RUN"):
        (file,) = write(output_spec(tmp_path, run_id=run), rows(10), rows(10, first=10), rows(7))
        found = pq.read_table(tmp_path / "files" / file.name)
        assert found["_run_id"].to_pylist() == [run] * 27
        assert found["_model_version"].to_pylist() == ["taxi_tips@3"] * 27
        assert len(set(found["_scored_at"].to_pylist())) == 3


def test_a_staging_directory_that_was_taken_away_is_not_brought_back(tmp_path: Path) -> None:
    with pytest.raises(OutputUnwritable) as caught:
        write(output_spec(tmp_path / "gone"), rows(1))
    assert "gone" in str(caught.value.where)
    assert not (tmp_path / "gone").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB of its own."""
    with disks.small_disk(tmp_path / "disk", "1m") as disk:
        yield disk


def test_a_full_disk_is_named_and_its_space_given_back(small_disk: Path) -> None:
    with pytest.raises(DiskFull) as caught:
        write(output_spec(small_disk), *(rows(131_072, first=i) for i in range(3)))
    assert str(small_disk) in str(caught.value.where)
    assert caught.value.fix
    assert os.listdir(small_disk / "files") == []


def test_a_disk_that_fills_with_the_last_bytes_is_noticed_too(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(2**20 - 4096))
    with pytest.raises(DiskFull):
        write(output_spec(small_disk), rows(1_000))
    assert os.listdir(small_disk / "files") == []


def test_a_file_size_limit_fails_without_a_trace(tmp_path: Path) -> None:
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OutputUnwritable, match="too large"):
            write(output_spec(tmp_path), rows(131_072))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert os.listdir(tmp_path / "files") == []


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (errno.ENOSPC, DiskFull),
        (errno.EDQUOT, DiskFull),
        (errno.EACCES, OutputUnwritable),
        (errno.EROFS, OutputUnwritable),
        (errno.ENOTDIR, OutputUnwritable),
    ],
)
def test_the_system_s_error_becomes_one_that_says_what_to_do(code: int, expected: type[Exception]) -> None:
    error = as_output_error(OSError(code, os.strerror(code)), Path("predictions"))
    assert type(error) is expected
    assert error.where == "predictions"
    assert error.fix
