"""Duplicate keys are found exactly, whatever their type, however they are spread over files."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batch_scorer.lake.staging.keys import duplicate_keys

_COLUMNS = st.one_of(
    st.lists(st.integers(-5, 5), max_size=40),
    st.lists(st.sampled_from(["a", "b", "ab", "", "ä"]), max_size=40),
    st.lists(st.dates(dt.date(2024, 1, 1), dt.date(2024, 1, 9)), max_size=40),
    st.lists(st.datetimes(dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, 0, 0, 9)), max_size=40),  # noqa: DTZ001
)


def _write(directory: Path, table: pa.Table, n_files: int) -> list[Path]:
    step = max(1, -(-len(table) // n_files))
    paths = [directory / f"part-{i}.parquet" for i in range(n_files)]
    for i, path in enumerate(paths):
        pq.write_table(table.slice(i * step, step), path)
    return paths


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    first=_COLUMNS, second=st.lists(st.integers(0, 2), min_size=40, max_size=40), n_files=st.integers(1, 3)
)
@pytest.mark.parametrize("max_rows", [3, 1_000])
def test_the_count_is_pandas_own_for_one_key_and_for_two(
    tmp_path: Path, first: list[object], second: list[int], n_files: int, max_rows: int
) -> None:
    kind = pa.int64() if not first else None
    table = pa.table({"a": pa.array(first, type=kind), "b": second[: len(first)]})
    files = _write(tmp_path, table, n_files)
    for key in (["a"], ["a", "b"]):
        expected = int(pd.DataFrame(table.to_pydict(), columns=["a", "b"]).duplicated(key, keep=False).sum())
        assert duplicate_keys(files, key, n_rows=len(table), max_rows=max_rows).n_rows == expected


def test_examples_name_key_and_number_of_rows(tmp_path: Path) -> None:
    files = _write(tmp_path, pa.table({"ride_id": [7, 8, 7, 9, 7]}), 2)
    found = duplicate_keys(files, ["ride_id"], n_rows=5)
    assert found.n_rows == 3
    assert found.examples == ("ride_id 7 (3 rows)",)


def test_an_empty_partition_has_no_duplicates(tmp_path: Path) -> None:
    files = _write(tmp_path, pa.table({"ride_id": pa.array([], pa.int64())}), 1)
    assert duplicate_keys(files, ["ride_id"], n_rows=0).n_rows == 0
