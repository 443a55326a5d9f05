"""Pages are decoded whole: those that would take more memory than a worker has are refused unread."""

from __future__ import annotations

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
from tests.lake.lakes import chunk_of, put, spec

N_ROWS = 2_000_000
ONE_PAGE = {"data_page_size": 1 << 30, "max_rows_per_page": 1 << 30, "use_dictionary": False}
FITTING = 400_000_000


def fares(n_columns: int = 6) -> pa.Table:
    numbers = {f"fare_{i}": np.random.default_rng(i).random(N_ROWS) for i in range(n_columns)}
    return pa.table({"ride_id": np.arange(N_ROWS), **numbers})


def n_read(root: Path, content: pa.Table, memory_bytes: int, **shape: Any) -> int:
    names = content.column_names[1:]
    read = ReadSpec(
        root=str(root),
        features=tuple(spec(name, "float64") for name in names),
        carried=(("ride_id", "int64"),),
        memory_bytes=memory_bytes,
    )
    file = put(root, "a.parquet", content, row_group_size=N_ROWS, **shape)
    return sum(batch.n_read for batch in read_chunk(chunk_of(root, file), read))


def test_a_row_group_in_one_page_is_refused_with_the_column_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PagesTooLarge) as refused:
        n_read(tmp_path, fares(), FITTING, **ONE_PAGE)
    assert "2,000,000 rows lie in pages that are decoded whole" in refused.value.what
    assert '"fare_' in refused.value.what
    assert str(refused.value.where).endswith("a.parquet, row group 0")
    assert "pages of about 1 MB" in str(refused.value.fix)
    assert "compute.memory_per_worker to 0.6GB or more" in str(refused.value.fix)


def test_the_memory_that_the_refusal_names_is_enough(tmp_path: Path) -> None:
    assert n_read(tmp_path, fares(), 600_000_000, **ONE_PAGE) == N_ROWS


def test_the_same_rows_in_ordinary_pages_are_read_with_little_memory(tmp_path: Path) -> None:
    assert n_read(tmp_path, fares(), FITTING) == N_ROWS


@pytest.mark.parametrize("codec", ["none", "snappy", "zstd"])
def test_a_page_tells_its_own_size(tmp_path: Path, codec: str) -> None:
    pq.write_table(fares(1), tmp_path / "a.parquet", compression=codec, row_group_size=N_ROWS, **ONE_PAGE)
    chunk = pq.read_metadata(tmp_path / "a.parquet").row_group(0).column(1)
    with (tmp_path / "a.parquet").open("rb") as file:
        told = page_bytes(file, chunk)
    whole = chunk.total_uncompressed_size + chunk.total_compressed_size
    assert whole - 200 < told <= whole  # but for the header


def test_what_is_no_page_has_no_size(tmp_path: Path) -> None:
    pq.write_table(fares(1), tmp_path / "a.parquet")
    chunk = pq.read_metadata(tmp_path / "a.parquet").row_group(0).column(1)
    (tmp_path / "junk").write_bytes(b"\x15" * (chunk.data_page_offset + 3))
    with (tmp_path / "junk").open("rb") as file:
        assert page_bytes(file, chunk) == 0
