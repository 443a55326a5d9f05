"""Neighbouring small row groups are one batch, with every value, refusal and account that they had alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batch_scorer.core.batches import BATCH_BYTES, JOINED_BYTES, rows_per_batch
from batch_scorer.core.chunks import ReadSpec
from batch_scorer.core.errors import FileUnreadable, LossyCast, PagesTooLarge, RowsTooWide
from batch_scorer.core.lakefiles import LakeFile, PartitionFiles
from batch_scorer.lake.reading.column_chunks import declared
from batch_scorer.lake.reading.reader import Batch, read_chunk
from batch_scorer.planning.chunks import cut_chunks
from tests.lake.lakes import DIRECTORY, PARTITION, chunk_of, described, footer, put, spec
from tests.memory import traced_memory

FEATURES = (spec("fare", "float64"), spec("hour", "int64", nullable=False), spec("company", "string"))
CARRIED = (("ride_id", "int64"), ("company", "string"))


def rides(n_rows: int, *, first: int = 0, company: pa.Array | None = None) -> pa.Table:
    rng = np.random.default_rng(first)
    names = rng.choice(np.array(["Flash", "Blue", f"Cab {first}", None], object), n_rows).tolist()
    return pa.table(
        {
            "ride_id": np.arange(first, first + n_rows),
            "fare": pa.array(rng.normal(10, 8, n_rows), mask=rng.random(n_rows) < 0.1),
            "hour": rng.integers(0, 24, n_rows),
            "company": pa.array(names, pa.string()) if company is None else company,
        }
    )


def written(root: Path, *groups: pa.Table, **options: Any) -> LakeFile:
    """A file with these row groups."""
    path = root / DIRECTORY / "a.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(path, groups[0].schema, write_page_checksum=True, **options) as writer:
        for group in groups:
            writer.write_table(group, row_group_size=max(1, group.num_rows))
    return described(root, f"{DIRECTORY}/a.parquet")


def read(root: Path, file: LakeFile, *row_groups: int, **changes: Any) -> list[Batch]:
    fields = {"features": FEATURES, "carried": CARRIED, **changes}
    cut = {name: fields.pop(name) for name in ("row_limit", "rows_beyond") if name in fields}
    return list(read_chunk(chunk_of(root, file, *row_groups, **cut), ReadSpec(root=str(root), **fields)))


def text(table: pa.Table) -> pa.Table:
    """With texts as they are, columns by name, each in one piece."""
    plain = {
        name: column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    return pa.table({name: plain[name] for name in sorted(plain)}).combine_chunks()


def test_small_row_groups_are_one_batch_of_all_their_rows_in_order(tmp_path: Path) -> None:
    groups = [rides(700), rides(1, first=700), rides(300, first=701)]
    (batch,) = read(tmp_path, written(tmp_path, *groups))
    together = pa.concat_tables(groups)
    assert (batch.first_row, batch.n_read, batch.n_dropped) == (0, 1_001, 0)
    assert text(batch.raw).equals(text(together))
    assert text(batch.features).equals(text(together.select(["fare", "hour", "company"])))
    assert batch.row_at(1_000) == 1_000
    for table in (batch.raw, batch.features, batch.carried):
        assert {column.num_chunks for column in table.columns} == {1}


def test_what_a_joined_batch_holds_is_what_its_row_groups_hold_alone(tmp_path: Path) -> None:
    file = written(tmp_path, *(rides(100, first=first) for first in (0, 100, 200)))
    (batch,) = read(tmp_path, file)
    alone = [each for index in range(3) for each in read(tmp_path, file, index, max_batch_rows=100)]
    assert [each.first_row for each in alone] == [0, 100, 200]
    for which in ("raw", "features", "carried"):
        parts = pa.concat_tables([getattr(each, which) for each in alone])
        whole = getattr(batch, which)
        assert whole.schema.equals(parts.schema, check_metadata=True)
        assert text(whole).equals(text(parts))


def test_a_text_may_have_a_dictionary_in_one_row_group_a_longer_one_in_the_next_and_none_in_another(
    tmp_path: Path,
) -> None:
    distinct = pa.array([f"company {number}" for number in range(3_000)])
    few = pa.array(["Flash", None, "Blue"] * 1_000)
    groups = [rides(3_000, first=3_000 * at, company=each) for at, each in enumerate((few, distinct, few))]
    file = written(tmp_path, *groups, dictionary_pagesize_limit=1_000, data_page_size=2_000)
    (batch,) = read(tmp_path, file)
    assert batch.features["company"].to_pylist() == [
        *few.to_pylist(),
        *distinct.to_pylist(),
        *few.to_pylist(),
    ]
    assert batch.features["company"].type == pa.dictionary(pa.int32(), pa.string())


def test_a_text_that_no_row_group_has_a_dictionary_of_is_joined(tmp_path: Path) -> None:
    groups = [rides(500), rides(500, first=500)]
    (batch,) = read(tmp_path, written(tmp_path, *groups, use_dictionary=False))
    assert text(batch.raw).equals(text(pa.concat_tables(groups)))


def test_row_groups_of_nothing_but_nulls_and_columns_without_a_type_are_joined(tmp_path: Path) -> None:
    nulls = pa.nulls(50, pa.string())
    groups = [rides(50, company=nulls), rides(50, first=50), rides(50, first=100, company=nulls)]
    (batch,) = read(tmp_path, written(tmp_path, *groups))
    assert text(batch.raw).equals(text(pa.concat_tables(groups)))
    untyped = [each.set_column(3, "company", pa.nulls(each.num_rows)) for each in groups]
    (batch,) = read(tmp_path, written(tmp_path, *untyped))
    assert (batch.carried["company"].type, batch.carried["company"].null_count) == (pa.string(), 150)


def test_lists_are_joined(tmp_path: Path) -> None:
    groups = [
        rides(40, first=first).append_column("tags", pa.array([["a"], [], None, ["b", "c"]] * 10))
        for first in (0, 40)
    ]
    (batch,) = read(tmp_path, written(tmp_path, *groups), checked=("tags",))
    assert batch.raw["tags"].to_pylist() == [["a"], [], None, ["b", "c"]] * 20


def test_empty_row_groups_are_no_rows_of_a_batch_and_no_batch(tmp_path: Path) -> None:
    empty = rides(1).slice(0, 0)
    file = put(
        tmp_path, "a.parquet", _spliced(tmp_path, [empty, rides(30), empty, rides(20, first=30), empty])
    )
    assert [group.n_rows for group in footer(tmp_path, file).row_groups] == [0, 30, 0, 20, 0]
    (batch,) = read(tmp_path, file)
    assert (batch.first_row, batch.n_read) == (0, 50)


def test_rows_are_counted_where_no_column_is_read(tmp_path: Path) -> None:
    (batch,) = read(tmp_path, written(tmp_path, rides(30), rides(20, first=30)), features=(), carried=())
    assert (batch.n_read, batch.raw.num_columns) == (50, 0)


def test_larger_row_groups_are_cut_as_ever_and_end_what_is_joined(tmp_path: Path) -> None:
    sizes = [30, 40, 250, 20, 90, 10]
    starts = np.cumsum([0, *sizes]).tolist()
    file = written(tmp_path, *(rides(size, first=start) for size, start in zip(sizes, starts, strict=False)))
    batches = read(tmp_path, file, max_batch_rows=100)
    assert [(batch.first_row, batch.n_read) for batch in batches] == [
        (0, 70), (70, 84), (154, 84), (238, 82), (320, 20), (340, 100),
    ]  # fmt: skip
    assert text(pa.concat_tables([batch.raw for batch in batches]))["ride_id"].to_pylist() == list(range(440))


@given(st.lists(st.integers(0, 70_000) | st.integers(0, 300_000), min_size=1, max_size=5), st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_batches_are_the_same_whatever_a_chunk_may_hold(
    tmp_path: Path, sizes: list[int], data: st.DataObject
) -> None:
    groups = [pa.table({"ride_id": np.arange(size)}) for size in sizes]
    file = written(tmp_path, *groups)
    found = PartitionFiles(partition=PARTITION, directory=DIRECTORY, files=(file,))
    limit = data.draw(st.none() | st.integers(1, sum(sizes) + 1))
    how = ReadSpec(root=str(tmp_path), features=(), carried=(("ride_id", "int64"),))

    def cut(target: int) -> list[tuple[int, int, int]]:
        chunks = cut_chunks(found, [footer(tmp_path, file)], target_bytes=target, limit_rows=limit)
        batches = [batch for chunk in chunks for batch in read_chunk(chunk, how)]
        return [(batch.first_row, batch.carried.num_rows, batch.n_dropped) for batch in batches]

    assert cut(1) == cut(data.draw(st.integers(1, 5_000_000))) == cut(1 << 40)


@pytest.mark.parametrize("half", [(0,), (1,), (2,), (1, 2), (0, 2)])
def test_a_chunk_with_a_part_of_a_batch_is_refused(tmp_path: Path, half: tuple[int, ...]) -> None:
    """As an older layout had it: its rows would be in other batches than those of the same file elsewhere."""
    file = written(tmp_path, rides(10), rides(10, first=10), rides(10, first=20))
    with pytest.raises(ValueError, match="are a part of the batch"):
        read(tmp_path, file, *half)
    with pytest.raises(ValueError, match="are a part of the batch"):
        read(tmp_path, file, *half, rows_beyond=5)


@pytest.mark.parametrize("limit", [1, 9, 10, 11, 20, 25])
def test_a_limit_within_a_joined_batch_gives_its_first_rows_and_reads_no_row_group_beyond(
    tmp_path: Path, limit: int
) -> None:
    file = written(tmp_path, rides(10), rides(10, first=10), rides(10, first=20))
    found = PartitionFiles(partition=PARTITION, directory=DIRECTORY, files=(file,))
    (chunk,) = cut_chunks(found, [footer(tmp_path, file)], target_bytes=1, limit_rows=limit)
    assert len(chunk.row_groups) == -(-limit // 10)
    (batch,) = read_chunk(chunk, ReadSpec(root=str(tmp_path), features=FEATURES, carried=CARRIED))
    assert batch.carried["ride_id"].to_pylist() == list(range(limit))
    assert (batch.n_read, batch.n_dropped) == (30, 30 - limit)


def test_a_refusal_names_the_row_of_the_file(tmp_path: Path) -> None:
    lacking = rides(10, first=10).set_column(2, "hour", pa.array([*range(7), None, 8, 9]))
    file = written(tmp_path, rides(10), lacking)
    with pytest.raises(LossyCast) as refused:
        read(tmp_path, file)
    assert refused.value.where == f"{file.path}, first at row 17"


@pytest.mark.parametrize("group", [0, 1])
def test_a_flipped_bit_in_any_row_group_is_never_a_value(tmp_path: Path, group: int) -> None:
    file = written(tmp_path, rides(500), rides(500, first=500), compression="none", use_dictionary=False)
    path = tmp_path / file.path
    column = pq.read_metadata(path).row_group(group).column(1)
    content = bytearray(path.read_bytes())
    content[column.data_page_offset + column.total_compressed_size // 2] ^= 1
    with pytest.raises(FileUnreadable, match=r"damaged: .*CRC"):
        read(tmp_path, put(tmp_path, "a.parquet", bytes(content)))


@pytest.mark.parametrize("claimed", [(120, 100), (100, 120), (120, 120)])
def test_fewer_rows_than_the_footer_claims_are_found_out_in_any_row_group(
    tmp_path: Path, claimed: tuple[int, int]
) -> None:
    def constant(*sizes: int) -> bytes:
        groups = [pa.table({"ride_id": np.zeros(size, "int64")}) for size in sizes]
        file = written(tmp_path, *groups, compression="none", write_statistics=False)
        return (tmp_path / file.path).read_bytes()

    short, long = constant(100, 100), constant(*claimed)
    assert len(short) == len(long)
    n_footer = int.from_bytes(long[-8:-4], "little") + 8
    file = put(tmp_path, "a.parquet", short[:-n_footer] + long[-n_footer:])
    assert pq.read_metadata(tmp_path / file.path).num_rows == sum(claimed)
    with pytest.raises(FileUnreadable, match="row groups 0–1: fewer rows than the footer claims"):
        read(tmp_path, file, features=(), carried=(("ride_id", "int64"),))


def test_whatever_is_joined_is_within_the_bytes_of_a_batch_whichever_columns_are_read(tmp_path: Path) -> None:
    """Also where all of it is text, which counts for more decoded than in the footer."""
    for width in (1, 100, 2_000):
        words = pa.array([f"{number:07d}".ljust(width, "x") for number in range(40_000_000 // (width + 999))])
        content = pa.table({"word": words})
        file = put(tmp_path, "a.parquet", content, row_group_size=len(words), use_dictionary=False)
        (group,) = footer(tmp_path, file).row_groups
        found = declared([pq.read_metadata(tmp_path / file.path).row_group(0)], ["word"])
        row = found.row_size(group.n_rows)
        assert row.n_bytes * group.n_rows <= group.n_bytes * BATCH_BYTES / JOINED_BYTES
        if group.n_bytes <= JOINED_BYTES:
            assert rows_per_batch(row, 131_072) >= group.n_rows


def test_wide_rows_that_together_are_too_large_for_a_worker_are_refused_with_their_row_groups(
    tmp_path: Path,
) -> None:
    long = pa.array([f"{number:08d}".rjust(1_000_000, "x") for number in range(20)])
    file = put(tmp_path, "a.parquet", pa.table({"ride_id": np.arange(20), "note": long}), row_group_size=10)
    how: dict[str, Any] = {"features": (), "carried": (("ride_id", "int64"), ("note", "string"))}
    with pytest.raises(RowsTooWide, match="a batch of 20 rows needs about 360,") as refused:
        read(tmp_path, file, memory_bytes=350_000_000, **how)
    assert refused.value.where == f"{file.path}, row groups 0–1"
    assert len(read(tmp_path, file, memory_bytes=400_000_000, **how)) == 1


def test_of_joined_row_groups_the_one_whose_pages_are_too_large_is_named(tmp_path: Path) -> None:
    groups = [pa.table({"fare": np.random.default_rng(n_rows).random(n_rows)}) for n_rows in (10_000, 50_000)]
    shape: dict[str, Any] = {"data_page_size": 1 << 30, "max_rows_per_page": 1 << 30, "use_dictionary": False}
    file = written(tmp_path, *groups, **shape)
    how: dict[str, Any] = {"features": (spec("fare", "float64"),), "carried": ()}
    assert len(read(tmp_path, file, memory_bytes=303_000_000, **how)) == 1
    with pytest.raises(PagesTooLarge, match="50,000 rows lie in pages") as refused:
        read(tmp_path, file, memory_bytes=302_000_000, **how)
    assert refused.value.where == f"{file.path}, row group 1"


def peak_bytes_while_reading(root: Path, n_rows: int) -> int:
    """Of Arrow's pool and of Python's own bytes, in row groups of 20,000 rows, of which five are joined."""
    numbers = {f"f{at}": np.random.default_rng(at).random(n_rows) for at in range(8)}
    chunk = chunk_of(root, put(root, "a.parquet", pa.table(numbers), row_group_size=20_000))
    del numbers
    features = tuple(spec(f"f{at}", "float64") for at in range(8))
    how = ReadSpec(root=str(root), features=features, carried=(), max_batch_rows=100_000)
    with traced_memory() as memory:
        for batch in read_chunk(chunk, how):
            assert batch.n_read == 100_000
            assert memory.arrow_bytes >= 8 * 8 * batch.n_read
        return memory.peak_bytes


def test_four_times_as_many_row_groups_take_no_more_memory(tmp_path: Path) -> None:
    small, large = (peak_bytes_while_reading(tmp_path, n_rows) for n_rows in (400_000, 1_600_000))
    assert large < 1.1 * small


def _spliced(root: Path, groups: list[pa.Table]) -> bytes:
    """Writers of Arrow leave out row groups without rows, unless these are all there is."""
    path = root / "spliced.parquet"
    with pq.ParquetWriter(path, groups[0].schema, write_page_checksum=True) as writer:
        for group in groups:
            writer.write_table(group)
    return path.read_bytes()
