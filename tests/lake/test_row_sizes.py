"""What a row takes once decoded: by the footer, by the table; and what is cut, or refused, because of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_scorer.core.batches import BATCH_BYTES, RowSize
from batch_scorer.core.chunks import ReadSpec
from batch_scorer.core.errors import RowsTooWide
from batch_scorer.lake.reading.column_chunks import declared
from batch_scorer.lake.reading.reader import Batch, read_chunk
from batch_scorer.lake.reading.row_sizes import coded_texts, row_size
from tests.lake.lakes import chunk_of, described, put, spec

FEATURES = (spec("fare", "float64"),)


def notes(n_rows: int, n_bytes: int, n_distinct: int) -> pa.Array:
    """Texts of n_bytes, over and over."""
    words = [f"{number:08d}".rjust(n_bytes, "x") for number in range(n_distinct)]
    codes = pa.array(np.arange(n_rows, dtype="int32") % n_distinct)
    return pa.DictionaryArray.from_arrays(codes, words).dictionary_decode()


def rides(n_rows: int, **columns: pa.Array) -> pa.Table:
    return pa.table({"ride_id": np.arange(n_rows), "fare": np.arange(n_rows) / 7, **columns})


def batches(root: Path, content: pa.Table, *, row_group_size: int, **changes: Any) -> list[Batch]:
    carried = tuple((name, str(content.schema.field(name).type)) for name in ("ride_id", "note"))
    read = ReadSpec(root=str(root), features=FEATURES, carried=carried, **changes)
    file = put(root, "a.parquet", content, row_group_size=row_group_size)
    return list(read_chunk(chunk_of(root, file), read))


def footer_of(path: Path, content: pa.Table, **options: Any) -> pq.FileMetaData:
    pq.write_table(content, path, **options)
    return pq.read_metadata(path)


def declared_row_size(group: pq.RowGroupMetaData, columns: Sequence[str]) -> RowSize:
    return declared([group], columns).row_size(group.num_rows)


def test_a_long_text_with_few_values_is_cut_by_what_it_expands_to(tmp_path: Path) -> None:
    content = rides(60_000, note=notes(60_000, 4_000, 20))
    found = batches(tmp_path, content, row_group_size=60_000)
    assert max(batch.carried.nbytes for batch in found) < 1.1 * BATCH_BYTES
    assert [batch.n_read for batch in found] == [15_000] * 4
    joined = pa.concat_tables([batch.carried for batch in found]).combine_chunks()
    assert joined.equals(content.select(["ride_id", "note"]))
    assert {batch.smaller.column if batch.smaller else None for batch in found} == {"note"}


def test_a_long_text_with_many_values_is_cut_by_what_its_footer_says(tmp_path: Path) -> None:
    content = rides(40_000, note=notes(40_000, 4_000, 2_000))
    found = batches(tmp_path, content, row_group_size=40_000)
    assert max(batch.carried.nbytes for batch in found) < 1.1 * BATCH_BYTES
    assert sum(batch.n_read for batch in found) == 40_000
    assert [batch.first_row for batch in found] == np.cumsum([0, *(b.n_read for b in found[:-1])]).tolist()


def test_usual_rows_are_not_cut_and_nothing_is_said(tmp_path: Path) -> None:
    content = rides(140_000, note=notes(140_000, 20, 50))
    found = batches(tmp_path, content, row_group_size=140_000)
    assert [batch.n_read for batch in found] == [70_000, 70_000]
    assert {batch.smaller for batch in found} == {None}


def test_of_skewed_row_groups_only_the_large_one_is_cut(tmp_path: Path) -> None:
    root = tmp_path / "lake"
    path = root / "region=eu" / "a.parquet"
    path.parent.mkdir(parents=True)
    sizes = [1_000, 300_000, 1_000, 7]
    with pq.ParquetWriter(path, rides(1, note=notes(1, 1, 1)).schema, write_page_checksum=True) as writer:
        for size in sizes:
            writer.write_table(rides(size, note=notes(size, 8, 3)), row_group_size=size)
    read = ReadSpec(root=str(root), features=FEATURES, carried=(("ride_id", "int64"), ("note", "string")))
    found = list(read_chunk(chunk_of(root, described(root, "region=eu/a.parquet")), read))
    assert [batch.n_read for batch in found] == [1_000, 100_000, 100_000, 100_000, 1_007]


@pytest.mark.parametrize("memory", [None, 500_000_000, 2_000_000_000])
def test_the_cut_does_not_depend_on_the_memory_of_a_worker(tmp_path: Path, memory: int | None) -> None:
    content = rides(30_000, note=notes(30_000, 5_000, 10))
    found = batches(tmp_path, content, row_group_size=30_000, memory_bytes=memory)
    assert [batch.n_read for batch in found] == [10_000] * 3


def test_rows_that_do_not_fit_are_refused_with_file_row_group_bytes_and_fix(tmp_path: Path) -> None:
    content = rides(40, note=notes(40, 1_000_000, 40))
    with pytest.raises(RowsTooWide) as refused:
        batches(tmp_path, content, row_group_size=20, memory_bytes=350_000_000)
    error = refused.value
    assert error.where == "region=eu/a.parquet, row group 0"
    assert "a batch of 20 rows needs about 360," in error.what
    assert "compute.memory_per_worker is 350,000,000: a row takes 1,000," in error.what
    assert 'column "note"' in error.what
    assert error.fix is not None
    assert error.fix.startswith("set compute.memory_per_worker to 0.4GB or more")
    assert len(batches(tmp_path, content, row_group_size=20, memory_bytes=400_000_000)) == 2


def test_values_of_a_dictionary_too_long_for_memory_are_refused_once_they_are_known(tmp_path: Path) -> None:
    content = rides(200, note=notes(200, 100_000, 1))
    with pytest.raises(RowsTooWide, match="batch of 200 rows needs about 360,"):
        batches(tmp_path, content, row_group_size=200, memory_bytes=350_000_000)


def test_columns_that_are_not_read_do_not_count(tmp_path: Path) -> None:
    lists = pa.array([[0.5] * 50] * 1_000)
    content = rides(1_000, note=notes(1_000, 500, 1_000), unread=lists)
    group = footer_of(tmp_path / "a.parquet", content).row_group(0)
    assert declared_row_size(group, ["ride_id", "fare"]).by_column == {"ride_id": 8.0, "fare": 8.0}
    assert declared_row_size(group, ["unread"]).n_bytes == pytest.approx(400, rel=0.01)


def test_a_name_with_a_dot_is_a_column_like_any_other(tmp_path: Path) -> None:
    group = footer_of(tmp_path / "a.parquet", pa.table({"a.b": [1.0], "a": [2]})).row_group(0)
    assert declared_row_size(group, ["a.b"]).by_column == {"a.b": 8.0}


def test_a_table_takes_what_its_dictionaries_expand_to() -> None:
    plain = pa.table({"note": notes(50_000, 3_000, 7)})
    coded = pa.table({"note": plain["note"].combine_chunks().dictionary_encode()})
    assert row_size(coded).n_bytes == pytest.approx(row_size(plain).n_bytes, rel=0.01)
    assert row_size(plain.slice(0, 10)).n_bytes == pytest.approx(3_004, rel=0.01)
    assert row_size(plain.slice(0, 0)).n_bytes == 0


def test_texts_that_differ_in_every_row_are_not_read_as_dictionaries(tmp_path: Path) -> None:
    content = rides(5_000, note=notes(5_000, 2_000, 3), key=pa.array([f"{i:036d}" for i in range(5_000)]))
    metadata = footer_of(tmp_path / "a.parquet", content)
    assert coded_texts(metadata, ["note", "key"]) == ["note"]
    assert coded_texts(footer_of(tmp_path / "b.parquet", content, use_dictionary=False), ["note"]) == []


def test_five_hundred_columns_are_cut(tmp_path: Path) -> None:
    n_rows, names = 20_000, [f"c{i}" for i in range(500)]
    content = pa.table({"ride_id": np.arange(n_rows), **dict.fromkeys(names, np.arange(n_rows) / 7)})
    file = put(tmp_path, "a.parquet", content, row_group_size=n_rows, use_dictionary=False)
    features = tuple(spec(name, "float64") for name in names)
    read = ReadSpec(root=str(tmp_path), features=features, carried=(("ride_id", "int64"),))
    found = list(read_chunk(chunk_of(tmp_path, file), read))
    assert [batch.n_read for batch in found] == [10_000, 10_000]
