"""A table that nobody declared is looked at evenly, within bounds, and refused in words."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.errors import FileUnreadable, UsageError
from batch_scorer.lake.reading.sampling import MAX_PARTITIONS, choose_sample, pieces_of, spread


def write(path: Path, n_rows: int = 10, *, row_group_size: int = 10, first: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = pa.array(range(first, first + n_rows), pa.int64())
    nested = pa.array([[1]] * n_rows, pa.list_(pa.int64()))
    pq.write_table(pa.table({"x": numbers, "n": nested}), path, row_group_size=row_group_size)


def rows_of(path: Path, *, max_rows: int = 10**6) -> list[list[int]]:
    """The values of x of each partition that are looked at."""
    return [
        [value for piece in pieces if isinstance(piece, pa.RecordBatch) for value in piece["x"].to_pylist()]
        for pieces in pieces_of(choose_sample(path, max_rows=max_rows))
    ]


def test_a_single_file_is_one_partition_whatever_its_name(tmp_path: Path) -> None:
    write(tmp_path / "rides.data", 25)
    assert rows_of(tmp_path / "rides.data") == [list(range(25))]


def test_each_directory_with_files_is_a_partition(tmp_path: Path) -> None:
    write(tmp_path / "d=1" / "a.parquet", 2)
    write(tmp_path / "d=1" / "b.parquet", 3, first=2)
    write(tmp_path / "d=2" / "r=eu" / "a.parquet", 1, first=9)
    sample = choose_sample(tmp_path)
    assert [(p.directory, p.n_rows, len(p.files)) for p in sample.partitions] == [
        ("d=1", 5, 2),
        ("d=2/r=eu", 1, 1),
    ]
    assert rows_of(tmp_path) == [[0, 1, 2, 3, 4], [9]]


def test_markers_hidden_names_and_links_are_no_data(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", 1)
    for name in ("_metadata.parquet", ".a.parquet", "_delta_log/a.parquet", "notes.txt"):
        write(tmp_path / name, 5)
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "link.parquet").symlink_to(tmp_path / "notes.txt")
    assert rows_of(tmp_path) == [[0]]


def test_the_table_itself_may_be_a_symlink(tmp_path: Path) -> None:
    write(tmp_path / "real" / "a.parquet", 1)
    (tmp_path / "table").symlink_to(tmp_path / "real")
    assert rows_of(tmp_path / "table") == [[0]]


def test_of_many_partitions_the_first_the_last_and_some_between_are_looked_at(tmp_path: Path) -> None:
    n = MAX_PARTITIONS * 2
    for day in range(n):
        write(tmp_path / f"d={day:03}" / "a.parquet", 1, first=day)
    seen = [value for values in rows_of(tmp_path) for value in values]
    assert len(seen) == MAX_PARTITIONS
    assert (seen[0], seen[-1]) == (0, n - 1)
    assert choose_sample(tmp_path).n_partitions == n


def test_of_a_large_file_row_groups_from_all_over_it_are_read_and_no_more_rows_than_asked_for(
    tmp_path: Path,
) -> None:
    write(tmp_path / "a.parquet", 1000, row_group_size=100)
    assert rows_of(tmp_path, max_rows=300) == [[*range(100), *range(400, 500), *range(900, 1000)]]
    assert rows_of(tmp_path, max_rows=30) == [list(range(30))]


def test_each_file_begins_with_its_schema_and_its_rows_come_without_nested_columns(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", 0)
    write(tmp_path / "b.parquet", 3)
    (pieces,) = pieces_of(choose_sample(tmp_path))
    found = list(pieces)
    schemas = [piece.names for piece in found if isinstance(piece, pa.Schema)]
    batches = [piece.schema.names for piece in found if isinstance(piece, pa.RecordBatch) and len(piece)]
    assert schemas == [["x", "n"], ["x", "n"]]
    assert batches == [["x"]]


def test_a_path_that_is_not_there_or_holds_no_parquet_is_a_usage_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for name, words in [
        ("nowhere", "no such file"),
        (".", "no \\*.parquet file"),
        ("pipe", "neither a file nor"),
        ("loop", "neither a file nor"),
    ]:
        with pytest.raises(UsageError, match=words) as error:
            choose_sample(tmp_path / name)
        assert error.value.fix


@pytest.mark.parametrize("content", [b"", b"PAR1", b"a,b\n1,2\n", b"PAR1" + b"\0" * 100 + b"PAR1"])
def test_a_file_that_is_not_parquet_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(FileUnreadable) as error:
        choose_sample(tmp_path)
    assert error.value.where == str(tmp_path / "a.parquet")


def test_damage_in_the_pages_is_told_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"x": pa.array(range(1000))}), path, compression="none", write_page_checksum=True)
    content = bytearray(path.read_bytes())
    content[200:260] = b"\xff" * 60
    path.write_bytes(content)
    with pytest.raises(FileUnreadable, match="damaged") as error:
        rows_of(path)
    assert error.value.where == str(path)


def test_text_that_is_no_utf_8_is_told_with_the_file(tmp_path: Path) -> None:
    text = pa.array([b"\xff\xfe"]).view(pa.string())
    pq.write_table(pa.table({"x": text}), tmp_path / "a.parquet")
    with pytest.raises(FileUnreadable, match="UTF8") as error:
        rows_of(tmp_path / "a.parquet")
    assert error.value.where == str(tmp_path / "a.parquet")


@given(n=st.integers(0, 300), at_most=st.integers(1, 50))
def test_a_spread_is_in_order_without_repeats_and_reaches_both_ends(n: int, at_most: int) -> None:
    chosen = list(spread(range(n), at_most))
    assert len(chosen) == min(n, at_most)
    assert chosen == sorted(set(chosen))
    if n and at_most > 1:
        assert (chosen[0], chosen[-1]) == (0, n - 1)
