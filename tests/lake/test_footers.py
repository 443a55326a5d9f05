from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_scorer.core.errors import FileUnreadable, InputMoved
from batch_scorer.core.lakefiles import ColumnStatistics
from batch_scorer.lake.reading.footers import read_footer
from tests.lake.lakes import DIRECTORY, STORAGE, described, footer, put

TABLE = pa.table({"ride_id": pa.array(range(100)), "fare": pa.array([1.5] * 100), "company": ["x"] * 100})


def test_a_footer_has_columns_types_and_row_groups(tmp_path: Path) -> None:
    file = put(tmp_path, "a.parquet", TABLE, row_group_size=40)
    found = footer(tmp_path, file)
    assert found.columns == (("ride_id", "int64"), ("fare", "float64"), ("company", "string"))
    assert [group.n_rows for group in found.row_groups] == [40, 40, 20]
    assert found.n_rows == 100
    declared = pq.read_metadata(tmp_path / file.path).row_group(0).total_byte_size
    assert found.row_groups[0].n_bytes >= max(declared, 40 * 16)


def test_a_footer_tells_the_statistics_of_columns_that_are_watched(tmp_path: Path) -> None:
    content = pa.table(
        {
            "n": [1, 2, None, 2**53 + 1],
            "fare": [0.5, None, float("inf"), 2.5],
            "company": ["a", None, None, "b"],
            "day": pa.array([1, 2, 3, 4], pa.date32()),
            "a.b": [1, 2, 3, 4],
            "a": [{"b": 1}] * 4,
            "left": [1, 2, 3, 4],
        }
    )
    file = put(tmp_path, "a.parquet", content, row_group_size=2)
    watched = ("n", "fare", "company", "day", "a.b", "nowhere")
    first, second = read_footer(STORAGE, str(tmp_path), file, watched=watched).row_groups
    assert first.statistics == (
        ColumnStatistics(column="n", n_nulls=0, least=1, most=2),
        ColumnStatistics(column="fare", n_nulls=1, least=0.5, most=0.5),
        ColumnStatistics(column="company", n_nulls=1),
        ColumnStatistics(column="day", n_nulls=0),
    )
    assert [(each.n_nulls, each.most) for each in second.statistics[:2]] == [
        (1, 2**53 + 1),
        (0, float("inf")),
    ]
    assert footer(tmp_path, file).row_groups[0].statistics == ()


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_time_that_python_has_no_word_for_does_not_keep_a_watched_footer_from_being_read(
    tmp_path: Path, unit: str
) -> None:
    far = pa.array([2**62 if unit in ("us", "ns") else 2**45], pa.int64()).view(pa.timestamp(unit, "UTC"))
    file = put(tmp_path, "a.parquet", pa.table({"at": far}))
    (group,) = read_footer(STORAGE, str(tmp_path), file, watched=("at",)).row_groups
    assert group.statistics == (ColumnStatistics(column="at", n_nulls=0),)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "empty (0 bytes)"),
        (b"id,fare\n1,2.50\n", "not Parquet: its 15 bytes begin with b'id,fare"),
        (b"PAR1", "truncated: 4 bytes"),
        (b"PAR1" + bytes(1000), "truncated: 1,004 bytes"),
        (b"PAR1" + bytes(1000) + b"\xff\xff\0\0PAR1", "damaged"),
    ],
)
def test_a_file_that_is_not_parquet_is_refused_with_what_it_is(
    tmp_path: Path, content: bytes, what: str
) -> None:
    file = put(tmp_path, "a.parquet", content)
    with pytest.raises(FileUnreadable) as caught:
        footer(tmp_path, file)
    assert what in caught.value.what
    assert caught.value.where == file.path
    assert caught.value.fix


def test_a_truncated_file_is_told_from_another_format(tmp_path: Path) -> None:
    whole = put(tmp_path, "a.parquet", TABLE)
    content = (tmp_path / whole.path).read_bytes()
    with pytest.raises(FileUnreadable, match="truncated"):
        footer(tmp_path, put(tmp_path, "b.parquet", content[: len(content) // 2]))


def test_a_small_file_that_decodes_to_gigabytes_is_refused(tmp_path: Path) -> None:
    constant = pa.DictionaryArray.from_arrays(pa.array(np.zeros(2_000_000, "int32")), ["x"])
    file = put(tmp_path, "bomb.parquet", pa.table({"a": constant}), row_group_size=2_000_000)
    assert file.stamp.size < 10_000
    assert footer(tmp_path, file).n_rows == 2_000_000
    with pytest.raises(FileUnreadable, match=r"declares 8,000,000 bytes of data \(2,000,000 rows\)"):
        read_footer(STORAGE, str(tmp_path), file, max_row_group_bytes=4_000_000)


def test_a_large_file_may_have_large_row_groups(tmp_path: Path) -> None:
    file = put(tmp_path, "a.parquet", pa.table({"a": np.random.default_rng(0).random(10_000)}))
    assert read_footer(STORAGE, str(tmp_path), file, max_row_group_bytes=1_000).n_rows == 10_000


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    file = put(tmp_path, "a.parquet", pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]))
    with pytest.raises(FileUnreadable, match='more than one column named "a"'):
        footer(tmp_path, file)


def test_a_file_that_vanished_or_became_a_link_is_not_read(tmp_path: Path) -> None:
    file = put(tmp_path, "a.parquet", TABLE)
    path = tmp_path / file.path
    path.rename(path.with_name("b.parquet"))
    with pytest.raises(InputMoved):
        footer(tmp_path, file)
    path.symlink_to("b.parquet")
    with pytest.raises(FileUnreadable, match="symlink"):
        footer(tmp_path, file)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_says_so(tmp_path: Path) -> None:
    file = put(tmp_path, "a.parquet", TABLE)
    (tmp_path / file.path).chmod(0)
    with pytest.raises(FileUnreadable, match="permission"):
        footer(tmp_path, described(tmp_path, f"{DIRECTORY}/a.parquet"))
