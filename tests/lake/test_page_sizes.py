"""Pages are decoded whole: those that would take more memory than a worker has are refused unread."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_scorer.core.chunks import ReadSpec
from batch_scorer.core.errors import PagesTooLarge
from batch_scorer.lake.reading.page_sizes import page_bytes
from batch_scorer.lake.reading.reader import read_chunk
from tests.lake.lakes import DIRECTORY, chunk_of, described, put, spec

N_ROWS = 2_000_000
ONE_PAGE = {"data_page_size": 1 << 30, "max_rows_per_page": 1 << 30, "use_dictionary": False}
FITTING = 400_000_000


def fares(n_columns: int = 6) -> pa.Table:
    numbers = {f"fare_{i}": np.random.default_rng(i).random(N_ROWS) for i in range(n_columns)}
    return pa.table({"ride_id": np.arange(N_ROWS), **numbers})


def n_read(root: Path, content: pa.Table, memory_bytes: int, **shape: Any) -> int:
    put(root, "a.parquet", content, row_group_size=N_ROWS, **shape)
    return n_read_again(root, content.column_names[1:], memory_bytes)


def n_read_again(root: Path, names: Sequence[str], memory_bytes: int) -> int:
    read = ReadSpec(
        root=str(root),
        features=tuple(spec(name, "float64") for name in names),
        carried=(("ride_id", "int64"),),
        memory_bytes=memory_bytes,
    )
    file = described(root, f"{DIRECTORY}/a.parquet")
    return sum(batch.n_read for batch in read_chunk(chunk_of(root, file), read))


def test_a_row_group_in_one_page_is_refused_with_the_column_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PagesTooLarge) as refused:
        n_read(tmp_path, fares(), FITTING, **ONE_PAGE)
    assert "2,000,000 rows lie in pages that are decoded whole" in refused.value.what
    assert '"fare_' in refused.value.what
    assert str(refused.value.where).endswith("a.parquet, row group 0")
    assert "pages of about 1 MB" in str(refused.value.fix)
    assert "compute.memory_per_worker to 0.5GB or more" in str(refused.value.fix)


def test_a_column_with_a_dot_in_its_name_counts(tmp_path: Path) -> None:
    dotted = fares().rename_columns(["ride_id", *(f"fare.{i}" for i in range(6))])
    with pytest.raises(PagesTooLarge):
        n_read(tmp_path, dotted, FITTING, **ONE_PAGE)


@pytest.mark.parametrize("codec", ["none", "zstd"])
def test_of_pages_as_they_lie_in_the_file_only_the_one_that_is_decoded_is_in_memory(
    tmp_path: Path, codec: str
) -> None:
    """Seven columns in pages of 16 MB: not twice as much, or files that fit would be refused."""
    program = """
import sys
from pathlib import Path
from tests.lake.test_page_sizes import N_ROWS, n_read_again

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

before = peak()
assert n_read_again(Path(sys.argv[1]), [f"fare_{i}" for i in range(6)], 500_000_000) == N_ROWS
print(peak() - before)
"""
    put(tmp_path, "a.parquet", fares(), row_group_size=N_ROWS, compression=codec, **ONE_PAGE)
    command = [sys.executable, "-c", program, str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 7 * 16_000_000 < int(told.stdout) < 2 * 7 * 16_000_000


def test_the_memory_that_the_refusal_names_is_enough(tmp_path: Path) -> None:
    assert n_read(tmp_path, fares(), 500_000_000, **ONE_PAGE) == N_ROWS


def test_the_same_rows_in_ordinary_pages_are_read_with_little_memory(tmp_path: Path) -> None:
    assert n_read(tmp_path, fares(), FITTING) == N_ROWS


@pytest.mark.parametrize("codec", ["none", "snappy", "zstd"])
def test_a_page_tells_its_own_size(tmp_path: Path, codec: str) -> None:
    pq.write_table(fares(1), tmp_path / "a.parquet", compression=codec, row_group_size=N_ROWS, **ONE_PAGE)
    chunk = pq.read_metadata(tmp_path / "a.parquet").row_group(0).column(1)
    with (tmp_path / "a.parquet").open("rb") as file:
        told = page_bytes(file, chunk)
    for whole, page in zip((chunk.total_uncompressed_size, chunk.total_compressed_size), told, strict=True):
        assert whole - 100 < page <= whole  # but for the header


def test_what_is_no_page_has_no_size(tmp_path: Path) -> None:
    pq.write_table(fares(1), tmp_path / "a.parquet")
    chunk = pq.read_metadata(tmp_path / "a.parquet").row_group(0).column(1)
    (tmp_path / "junk").write_bytes(b"\x15" * (chunk.data_page_offset + 3))
    with (tmp_path / "junk").open("rb") as file:
        assert page_bytes(file, chunk) == (0, 0)
