"""Rows on disk by bucket: balanced, whole, and told when they are damaged."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.errors import DamageFound
from batch_scorer.validation.streaming.hashing import N_BUCKETS, buckets_of
from batch_scorer.validation.streaming.runs import RowRuns
from tests.validation.streaming.conftest import cuts, typed_lists


@given(st.data(), typed_lists(nulls=True))
def test_a_bucket_depends_on_the_key_only(data: st.DataObject, typed: tuple[pa.DataType, list[Any]]) -> None:
    kind, values = typed
    whole = pa.array(values, kind)
    buckets = buckets_of(pa.table({"x": whole}), ["x"])
    alone = [buckets_of(pa.table({"x": pa.array([value], kind)}), ["x"])[0] for value in values]
    assert buckets.tolist() == alone
    chunks = [whole[start:stop] for start, stop in data.draw(cuts(len(values)))]
    assert buckets_of(pa.table({"x": pa.chunked_array(chunks)}), ["x"]).tolist() == alone
    if not pa.types.is_decimal(kind):
        assert buckets_of(pa.table({"x": whole.dictionary_encode()}), ["x"]).tolist() == alone


def test_buckets_are_the_same_in_every_process() -> None:
    table = pa.table({"n": [0, 1, -1], "s": ["", "a", "a longer text"], "f": [0.5, None, float("nan")]})
    assert buckets_of(table, ["n", "s", "f"]).tolist() == [54, 61, 17]


def test_zeros_are_one_key_and_so_are_nans() -> None:
    other_nan = np.array([0xFFF8_0000_0000_0001], np.uint64).view(np.float64)[0]
    buckets = buckets_of(pa.table({"x": pa.array([0.0, -0.0, np.nan, other_nan], from_pandas=False)}), ["x"])
    assert buckets[0] == buckets[1]
    assert buckets[2] == buckets[3]


@pytest.mark.parametrize(
    "keys",
    [
        pa.array(range(64_000)),
        pa.array(np.arange(64_000) * 1024),
        pa.array(np.arange(64_000) / 100),
        pa.array([f"ride-{i:09d}" for i in range(64_000)]),
        pa.array([f"{i}" for i in range(64_000)]),
    ],
    ids=["serial", "multiples", "cents", "padded", "digits"],
)
def test_buckets_are_balanced(keys: pa.Array) -> None:
    sizes = np.bincount(buckets_of(pa.table({"x": keys}), ["x"]), minlength=N_BUCKETS)
    assert sizes.min() > 800
    assert sizes.max() < 1200


def test_a_list_is_no_key() -> None:
    with pytest.raises(TypeError, match="list"):
        buckets_of(pa.table({"x": [[1]]}), ["x"])


@pytest.fixture
def table() -> pa.Table:
    return pa.table({"k": pa.array(range(500)), "text": [f"row {i}" for i in range(500)]})


def test_spilled_rows_come_back_by_bucket(table: pa.Table, tmp_path: Path) -> None:
    runs = RowRuns.of(table.slice(0, 300), ["k"]) + RowRuns.of(table.slice(300), ["k"])
    spilled = runs.spilled(tmp_path, "rows.arrow")
    assert [path.name for path in tmp_path.iterdir()] == ["rows.arrow"]
    assert (spilled.n_rows, spilled.n_rows_in_memory, spilled.in_memory_bytes) == (500, 0, 0)
    assert runs.in_memory_bytes > 0
    again = RowRuns.from_json(json.loads(json.dumps((spilled + runs).as_json())))
    for b in range(N_BUCKETS):
        expected = runs.bucket(b, tmp_path)
        assert spilled.bucket(b, tmp_path) == expected
        assert again.bucket(b, tmp_path) == pa.concat_tables([expected, expected])
    assert again.n_rows == 1000
    assert pa.concat_tables(again.tables(tmp_path)).num_rows == 1000
    spilled.files[0].verify(tmp_path)


def test_a_spill_that_is_tried_again_is_the_same(table: pa.Table, tmp_path: Path) -> None:
    first = RowRuns.of(table, ["k"]).spilled(tmp_path, "rows.arrow")
    assert RowRuns.of(table, ["k"]).spilled(tmp_path, "rows.arrow") == first
    assert first.spilled(tmp_path, "other.arrow") is first


def test_a_slice_travels_without_the_rest_of_its_table(table: pa.Table, tmp_path: Path) -> None:
    runs = RowRuns.of(table.slice(10, 2), ["k"]) + RowRuns.of(table, ["k"]).spilled(tmp_path, "rows.arrow")
    pickled = pickle.dumps(runs)
    assert len(pickled) < 2_000
    assert pickle.loads(pickled) == runs


def test_text_that_is_no_arrow_is_refused(table: pa.Table) -> None:
    text = RowRuns.of(table, ["k"]).as_json()["runs"][0]["arrow"]
    for wrong in ("", text[:400], "AAAA" + text[4:], text[:-1]):
        with pytest.raises(ValueError):  # noqa: PT011  Arrow's own, of several texts
            RowRuns.from_json({"keys": ["k"], "runs": [{"arrow": wrong}]})


def test_damage_is_told(table: pa.Table, tmp_path: Path) -> None:
    runs = RowRuns.of(table, ["k"]).spilled(tmp_path, "rows.arrow")
    path = tmp_path / "rows.arrow"
    content = path.read_bytes()
    path.write_bytes(content[:-10] + bytes(10))
    with pytest.raises(DamageFound, match="cannot be read"):
        runs.bucket(0, tmp_path)
    path.write_bytes(content.replace(b"row 7", b"row 8"))
    with pytest.raises(DamageFound, match="changed"):
        runs.files[0].verify(tmp_path)
    path.write_bytes(content + b"x")
    with pytest.raises(DamageFound, match="bytes, not the"):
        list(runs.groups(tmp_path))
    path.unlink()
    with pytest.raises(DamageFound, match="No such file"):
        list(runs.tables(tmp_path))


def test_rows_with_other_keys_are_refused(table: pa.Table) -> None:
    with pytest.raises(ValueError, match="keyed by"):
        RowRuns.of(table, ["k"]) + RowRuns.of(table, ["text"])
    with pytest.raises(KeyError, match="nothing"):
        RowRuns.of(table, ["nothing"])
