from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_scorer.core.chunks import ReadSpec
from batch_scorer.core.errors import (
    ColumnMissing,
    ColumnTypeMismatch,
    FileUnreadable,
    InputMoved,
    LossyCast,
)
from batch_scorer.core.expressions.trees import Comparison, Expression, Literal, Name, NullTest
from batch_scorer.core.lakefiles import LakeFile
from batch_scorer.lake.reading.reader import Batch, read_chunk
from tests.lake.lakes import chunk_of, footer, put, spec
from tests.memory import Memory, traced_memory

FEATURES = (spec("fare", "float64"), spec("hour", "int64", nullable=False), spec("company", "string"))
CARRIED = (("ride_id", "int64"), ("started_at", "timestamp[us]"), ("company", "string"))
POSITIVE = Comparison(operator=">", left=Name(name="fare"), right=Literal(value=0))


def rides(n_rows: int = 1_000, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    fare = rng.normal(10, 8, n_rows)
    fare[::7] = np.nan
    company = rng.choice(["Flash", "Blue", "Zoom"], n_rows).astype(object)
    company[::5] = None
    return pd.DataFrame(
        {
            "company": company,
            "unused": "x",
            "ride_id": np.arange(n_rows),
            "hour": rng.integers(0, 24, n_rows),
            "fare": fare,
            "started_at": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n_rows), unit="s"),
        }
    )


def table(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False)


def read_spec(root: Path, *, where: Expression | None = None, **changes: Any) -> ReadSpec:
    fields: dict[str, Any] = {
        "features": FEATURES,
        "carried": CARRIED,
        "filter_columns": (("fare", "float64"),) if where is not None else (),
        "max_batch_rows": 100,
    }
    return ReadSpec(root=str(root), where=where, **{**fields, **changes})


def read(root: Path, file: LakeFile, *row_groups: int, **changes: Any) -> list[Batch]:
    limit, beyond = changes.pop("row_limit", None), changes.pop("rows_beyond", 0)
    chunk = chunk_of(root, file, *row_groups, row_limit=limit, rows_beyond=beyond)
    return list(read_chunk(chunk, read_spec(root, **changes)))


def joined(batches: list[Batch], which: str) -> pd.DataFrame:
    table = pa.concat_tables([getattr(batch, which) for batch in batches]).unify_dictionaries()
    frame: pd.DataFrame = table.to_pandas()
    return frame.astype({"company": "str"})


def test_every_row_comes_once_in_order_as_pandas_reads_it(tmp_path: Path) -> None:
    file = put(tmp_path, "a.parquet", table(rides()), row_group_size=400)
    expected = pd.read_parquet(tmp_path / file.path).astype({"company": "str"})
    batches = read(tmp_path, file)
    pd.testing.assert_frame_equal(joined(batches, "features"), expected[["fare", "hour", "company"]])
    pd.testing.assert_frame_equal(joined(batches, "carried"), expected[["ride_id", "started_at", "company"]])
    assert [batch.first_row for batch in batches] == list(range(0, 1_000, 100))
    assert {batch.n_dropped for batch in batches} == {0}


def test_features_have_one_piece_per_column_and_text_as_codes(tmp_path: Path) -> None:
    file = put(tmp_path, "a.parquet", table(rides()))
    first, *_ = read(tmp_path, file)
    assert first.features.schema.types == [
        pa.float64(),
        pa.int64(),
        pa.dictionary(pa.int32(), pa.string()),
    ]
    assert first.carried.schema.field("company").type == pa.string()
    assert {column.num_chunks for column in first.features.columns} == {1}


def test_batches_do_not_depend_on_how_row_groups_are_dealt_out(tmp_path: Path) -> None:
    file = put(tmp_path, "a.parquet", table(rides()), row_group_size=330)
    together = read(tmp_path, file)
    apart = [batch for index in range(4) for batch in read(tmp_path, file, index)]
    assert [b.first_row for b in together] == [b.first_row for b in apart]
    assert all(a.features.equals(b.features) for a, b in zip(together, apart, strict=True))
    assert [b.n_read for b in together] == [83, 83, 83, 81] * 3 + [10]


def test_a_column_that_outgrows_its_dictionary_midway_does_not_change_the_batches(tmp_path: Path) -> None:
    words = pa.array([f"company {i % 3 if i < 2_000 else i}" for i in range(5_000)])
    content = table(rides(5_000)).set_column(0, "company", words)
    file = put(tmp_path, "a.parquet", content, dictionary_pagesize_limit=1_000, data_page_size=2_000)
    batches = read(tmp_path, file, max_batch_rows=1_000)
    assert [batch.n_read for batch in batches] == [1_000] * 5
    assert joined(batches, "features")["company"].tolist() == words.to_pylist()


def test_rows_that_the_filter_excludes_are_dropped_counted_and_can_be_found_again(tmp_path: Path) -> None:
    file = put(tmp_path, "a.parquet", table(rides()), row_group_size=400)
    frame = rides()
    kept = frame[frame.fare > 0]
    batches = read(tmp_path, file, where=POSITIVE)
    assert joined(batches, "carried")["ride_id"].tolist() == kept.ride_id.tolist()
    assert sum(batch.n_read for batch in batches) == 1_000
    assert sum(batch.n_dropped for batch in batches) == 1_000 - len(kept)
    found = [batch.row_at(i) for batch in batches for i in range(batch.features.num_rows)]
    assert found == kept.index.tolist()


@pytest.mark.parametrize("limit", [1, 99, 100, 250, 399, 400, 10_000])
def test_rows_beyond_the_limit_count_as_dropped(tmp_path: Path, limit: int) -> None:
    file = put(tmp_path, "a.parquet", table(rides()), row_group_size=400)
    batches = read(tmp_path, file, 0, row_limit=limit)
    assert joined(batches, "carried")["ride_id"].tolist() == list(range(min(limit, 400)))
    assert sum(batch.n_read for batch in batches) == 400
    assert sum(batch.n_dropped for batch in batches) == max(0, 400 - limit)


@pytest.mark.parametrize("limit", [1, 100, 250, None])
def test_rows_in_no_chunk_count_once_as_read_and_dropped(tmp_path: Path, limit: int | None) -> None:
    file = put(tmp_path, "a.parquet", table(rides()), row_group_size=400)
    batches = read(tmp_path, file, 0, row_limit=limit, rows_beyond=600)
    assert sum(batch.n_read for batch in batches) == 1_000
    assert sum(batch.n_dropped for batch in batches) == 1_000 - (400 if limit is None else limit)


def test_an_empty_row_group_gives_no_batch(tmp_path: Path) -> None:
    file = put(tmp_path, "a.parquet", table(rides(1)).slice(0, 0))
    assert pq.read_metadata(tmp_path / file.path).num_row_groups == 1
    assert read(tmp_path, file, 0) == []


def test_a_file_where_a_carried_column_is_nothing_but_nulls_gives_the_type_of_the_others(
    tmp_path: Path,
) -> None:
    file = put(tmp_path, "a.parquet", table(rides(3).assign(company=None)))
    (batch,) = read(tmp_path, file)
    assert batch.carried["company"].type == pa.string()
    assert batch.carried["company"].null_count == 3


def test_a_filter_protects_from_values_that_do_not_fit(tmp_path: Path) -> None:
    content = pa.table({"ride_id": [1, 2, 3, 4], "fare": [1.0, 2.0, None, 2.5]})
    file = put(tmp_path, "a.parquet", content)
    only = {"features": (spec("fare", "int64", nullable=False),), "carried": (("ride_id", "int64"),)}
    with pytest.raises(LossyCast, match="1 null"):
        read(tmp_path, file, **only)
    known = NullTest(operand=Name(name="fare"), negated=True)
    with pytest.raises(LossyCast) as caught:
        read(tmp_path, file, where=known, **only)
    assert caught.value.where == f"{file.path}, first at row 3: 2.5"
    whole = Comparison(operator="<", left=Name(name="fare"), right=Literal(value=2.5))
    assert [b.carried["ride_id"].to_pylist() for b in read(tmp_path, file, where=whole, **only)] == [[1, 2]]


def test_columns_are_checked_against_the_file_before_any_row(tmp_path: Path) -> None:
    lacking = put(tmp_path, "a.parquet", table(rides().drop(columns="fare")))
    with pytest.raises(ColumnMissing, match='"fare"'):
        read(tmp_path, lacking)
    retyped = put(tmp_path, "b.parquet", table(rides().astype({"ride_id": "str"})))
    with pytest.raises(ColumnTypeMismatch, match='"ride_id" is string but the plan says int64'):
        read(tmp_path, retyped)
    texts = put(tmp_path, "c.parquet", table(rides().astype({"hour": "str"})))
    with pytest.raises(ColumnTypeMismatch, match='"hour" is string'):
        read(tmp_path, texts)


def test_a_flipped_bit_is_never_a_value(tmp_path: Path) -> None:
    file = put(tmp_path, "a.parquet", table(rides()), compression="none", use_dictionary=False)
    path = tmp_path / file.path
    metadata = pq.read_metadata(path).row_group(0).column(4)
    assert metadata.path_in_schema == "fare"
    content = bytearray(path.read_bytes())
    content[metadata.data_page_offset + metadata.total_compressed_size // 2] ^= 1
    damaged = put(tmp_path, "b.parquet", bytes(content))
    with pytest.raises(FileUnreadable, match=r"damaged: .*CRC"):
        read(tmp_path, damaged)


def test_a_footer_that_claims_other_rows_than_there_are_is_found_out(tmp_path: Path) -> None:
    def constant(n_rows: int) -> bytes:
        sample = pa.table({"ride_id": pa.array(np.zeros(n_rows, "int64"))})
        sink = pa.BufferOutputStream()
        pq.write_table(sample, sink, compression="none", write_statistics=False)
        content: bytes = sink.getvalue().to_pybytes()
        return content

    short, long = constant(100), constant(120)
    assert len(short) == len(long)
    n_footer = int.from_bytes(long[-8:-4], "little") + 8
    file = put(tmp_path, "a.parquet", short[:-n_footer] + long[-n_footer:])
    assert pq.read_metadata(tmp_path / file.path).num_rows == 120
    with pytest.raises(FileUnreadable):
        read(tmp_path, file, features=(spec("ride_id", "int64"),), carried=(("ride_id", "int64"),))


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_file_that_changes_is_noticed_before_and_after_reading(tmp_path: Path, when: str) -> None:
    file = put(tmp_path, "a.parquet", table(rides()))
    chunk = chunk_of(tmp_path, file)
    batches = read_chunk(chunk, read_spec(tmp_path))
    if when == "meanwhile":
        next(batches)
    put(tmp_path, "b.parquet", table(rides(seed=1)))
    os.replace(tmp_path / "region=eu" / "b.parquet", tmp_path / file.path)  # noqa: PTH105
    with pytest.raises(InputMoved):
        list(batches)


def test_a_symlink_swapped_in_is_refused_even_to_an_equal_file(tmp_path: Path) -> None:
    file = put(tmp_path, "a.parquet", table(rides()))
    chunk = chunk_of(tmp_path, file)
    path = tmp_path / file.path
    path.rename(tmp_path / "elsewhere.parquet")
    path.symlink_to(tmp_path / "elsewhere.parquet")
    with pytest.raises(FileUnreadable, match="symlink"):
        list(read_chunk(chunk, read_spec(tmp_path)))


def peak_bytes_while_reading(root: Path, n_rows: int) -> int:
    """Of Arrow's pool and of Python's own bytes, for one row group of n_rows."""
    numbers = {f"f{i}": np.random.default_rng(i).random(n_rows) for i in range(8)}
    content = pa.table({"ride_id": np.arange(n_rows), **numbers})
    chunk = chunk_of(root, put(root, "a.parquet", content, row_group_size=n_rows))
    del content, numbers
    features = tuple(spec(f"f{i}", "float64") for i in range(8))
    wanted = read_spec(root, features=features, carried=(("ride_id", "int64"),), max_batch_rows=20_000)
    with traced_memory() as memory:
        for batch in read_chunk(chunk, wanted):
            assert memory.arrow_bytes >= 9 * 8 * batch.n_read
        return memory.peak_bytes


def test_a_row_group_four_times_as_large_takes_no_more_memory(tmp_path: Path) -> None:
    small, large = (peak_bytes_while_reading(tmp_path, n_rows) for n_rows in (200_000, 800_000))
    assert large < 1.1 * small


def test_columns_whose_pages_are_small_are_not_kept_until_their_row_group_ends(tmp_path: Path) -> None:
    n_rows = 2_000_000
    hours = {f"h{i}": np.random.default_rng(i).integers(0, 200, n_rows) for i in range(4)}
    content = pa.table({"ride_id": np.arange(n_rows), **hours})
    file = put(
        tmp_path, "a.parquet", content, row_group_size=n_rows, data_page_size=4_000, compression="none"
    )
    features = tuple(spec(name, "int64") for name in hours)
    wanted = read_spec(tmp_path, features=features, carried=(), max_batch_rows=100_000)
    held, memory = [], Memory()
    for batch in read_chunk(chunk_of(tmp_path, file), wanted):
        assert batch.features.column("h3").to_numpy().sum() == hours["h3"][batch.first_row :][:100_000].sum()
        held.append(memory.arrow_bytes)
    assert len(held) == 20
    assert max(held[10:]) - held[1] < 500_000  # of 8 MB that they take in the file


@pytest.mark.parametrize(
    "shape", [{"data_page_size": 100}, {"use_dictionary": False}, {"row_group_size": 70_000}]
)
def test_every_value_is_read_whatever_its_pages_look_like(tmp_path: Path, shape: dict[str, Any]) -> None:
    content = table(rides(200_000))
    file = put(tmp_path, "a.parquet", content, **shape)
    batches = read(tmp_path, file, max_batch_rows=30_000)
    found = pa.concat_tables([batch.carried for batch in batches])
    assert found.equals(content.select(found.column_names).cast(found.schema))


def test_no_footer_waits_for_the_garbage_collector(tmp_path: Path) -> None:
    """One of a file with many row groups takes megabytes, and every chunk of the file reads it."""
    file = put(tmp_path, "a.parquet", table(rides()), row_group_size=50)
    read(tmp_path, file)
    gc.collect()
    gc.disable()
    try:
        before = _footers()
        footer(tmp_path, file)
        read(tmp_path, file)
        assert _footers() == before
    finally:
        gc.enable()


def _footers() -> int:
    return sum(isinstance(each, pq.FileMetaData) for each in gc.get_objects())
