"""Duplicate keys against pandas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.arrow.spans import ascending_span
from batch_scorer.core.key_spans import are_apart
from batch_scorer.validation.streaming.duplicates import KeyRows
from batch_scorer.validation.streaming.spill_files import SpillFile
from tests.validation.streaming.conftest import SPILLING, cuts, merged, spilling, typed_lists


@SPILLING
@given(st.data(), st.integers(0, 40), st.integers(1, 3), st.integers(0, 10), st.randoms())
def test_any_cut_and_spill_finds_the_same_rows(
    data: st.DataObject, n: int, n_keys: int, first: int, random: Any
) -> None:
    typed = [data.draw(typed_lists(nulls=True, size=n)) for _ in range(n_keys)]
    keys = pa.table({f"k{i}": pa.array(values, kind) for i, (kind, values) in enumerate(typed)})
    extra = pa.table({"label": pa.array([f"row {i}" for i in range(n)], pa.string())})
    with spilling(random) as (directory, step):
        parts = []
        for start, stop in data.draw(cuts(n)):
            own, beside = keys.slice(start, stop - start), extra.slice(start, stop - start)
            if random.random() < 0.3:
                beside = beside.set_column(0, "label", beside["label"].dictionary_encode())
            parts.append(step(KeyRows.of(own, beside, np.arange(stop - start))).shifted(start))
        found = merged(parts, random, step).shifted(100).duplicates(directory, first)
    expected = _repeated([values for _, values in typed])
    assert found.n_rows == len(expected)
    assert (found.rows is None) == (n == 0)
    if found.rows is not None:
        assert found.rows.schema == pa.schema([*keys.schema, *extra.schema, ("_position", pa.int64())])
        assert found.rows["_position"].to_pylist() == [i + 100 for i in expected[:first]]
        assert found.rows["label"].to_pylist() == [f"row {i}" for i in expected[:first]]
        expected_keys = keys.take(pa.array(expected[:first], pa.int64()))
        assert found.rows.select(keys.column_names).to_pandas().equals(expected_keys.to_pandas())


def _repeated(columns: list[list[Any]]) -> list[int]:
    """Row numbers; pandas says NaN where we say null, so they are told apart by a mark."""
    marked = {
        i: [("null",) if v is None else ("nan",) if v != v else (v,) for v in column]
        for i, column in enumerate(columns)
    }
    frame = pd.DataFrame({i: pd.Series(column, dtype=object) for i, column in marked.items()})
    return [int(i) for i in np.flatnonzero(frame.duplicated(keep=False))]


def test_nan_is_nan_whatever_its_bits(tmp_path: Path) -> None:
    quiet = np.array([0x7FF8_0000_0000_0000, 0x7FF8_0000_0000_0001, 0xFFF8_0000_0000_0000], np.uint64)
    keys = pa.table({"x": pa.array(quiet.view(np.float64))})
    rows = KeyRows.of(keys, pa.table({}), np.arange(3))
    assert rows.duplicates(tmp_path, 0).n_rows == 3
    assert rows.settled(tmp_path, "x", 0).duplicates(tmp_path, 0).n_rows == 3


def test_names_that_repeat_and_lengths_that_differ_are_refused() -> None:
    keys = pa.table({"x": [1, 2]})
    with pytest.raises(ValueError, match="repeat"):
        KeyRows.of(keys, keys, np.arange(2))
    with pytest.raises(ValueError, match="2 keys"):
        KeyRows.of(keys, pa.table({"y": [1]}), np.arange(2))


def test_a_hundred_thousand_rows_in_four_files_and_memory(tmp_path: Path) -> None:
    keys = np.random.default_rng(3).integers(0, 200_000, 100_000)
    rows = None
    for i, part in enumerate(np.array_split(keys, 5)):
        own = KeyRows.of(pa.table({"x": part}), pa.table({}), np.arange(len(part))).shifted(i * 20_000)
        own = own if i == 4 else own.settled(tmp_path, f"{i}", 1_000)
        rows = own if rows is None else rows + own
    assert rows is not None
    found = rows.duplicates(tmp_path, 20)
    expected = np.flatnonzero(pd.Series(keys).duplicated(keep=False))
    assert found.n_rows == len(expected)
    assert found.rows is not None
    assert found.rows["_position"].to_pylist() == expected[:20].tolist()


def _run(keys: list[Any], first: int, directory: Path, *, spilled: bool = True) -> KeyRows:
    rows = KeyRows.of(pa.table({"k": keys}), pa.table({}), np.arange(len(keys)))
    return (rows.settled(directory, f"run-{first}", 0) if spilled else rows).shifted(first)


@pytest.mark.parametrize("kind", [pa.int64(), pa.string(), pa.timestamp("us")])
def test_ascending_keys_in_spans_apart_are_told_from_each_other_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: pa.DataType
) -> None:
    keys = (
        pa.array(range(100, 160)).cast(kind) if kind != pa.string() else pa.array(map(str, range(100, 160)))
    )
    parts = [keys[40:60], keys[:20], keys[20:40]]
    runs = [_run(part, 20 * i, tmp_path, spilled=i != 1) for i, part in enumerate(parts)]
    monkeypatch.setattr(SpillFile, "buckets", None)
    monkeypatch.setattr(SpillFile, "in_buckets", None)
    found = (runs[0] + runs[1] + runs[2]).duplicates(tmp_path, 5)
    assert found.n_rows == 0
    assert found.rows is not None
    assert found.rows.schema == pa.schema([("k", kind), ("_position", pa.int64())])


@pytest.mark.parametrize("n_spilled", [1, 2, 3])
def test_ascending_keys_that_overlap_are_compared_whatever_lies_in_files(
    tmp_path: Path, n_spilled: int
) -> None:
    parts = [[1, 3, 5, 9], [2, 5, 7], [20, 10, 9]]
    rows, first = None, 0
    for i, part in enumerate(parts):
        one = KeyRows.from_json(
            json.loads(json.dumps(_run(part, first, tmp_path, spilled=i < n_spilled).as_json()))
        )
        rows, first = one if rows is None else rows + one, first + len(part)
    assert rows is not None
    found = rows.duplicates(tmp_path, 9)
    assert found.n_rows == 4
    assert found.rows is not None
    assert found.rows.to_pydict() == {"k": [5, 9, 5, 9], "_position": [2, 3, 5, 9]}


@given(st.lists(st.integers(0, 30), max_size=30), st.data())
def test_spans_never_hide_a_duplicate(keys: list[int], data: st.DataObject) -> None:
    parts = [sorted(keys[start:stop]) for start, stop in data.draw(cuts(len(keys)))]
    spans = [ascending_span(pa.chunked_array([part], pa.int64())) for part in parts if part]
    assert not are_apart(spans) or len(set(keys)) == len(keys)
