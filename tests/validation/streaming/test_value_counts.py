"""Value counts against plain Python."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.validation.streaming.value_counts import ValueCounts
from tests.validation.streaming.conftest import ORDERED, SPILLING, cuts, merged, spilling, typed_lists


def counted(data: st.DataObject, kind: pa.DataType, values: list[Any], random: Any, step: Any) -> ValueCounts:
    """Of the values cut, encoded, merged and spilled at random."""
    parts = []
    for start, stop in data.draw(cuts(len(values))):
        array = pa.array(values, kind)[start:stop]
        parts.append(ValueCounts.of(array.dictionary_encode() if random.random() < 0.3 else array))
    return merged(parts, random, step)


@SPILLING
@given(st.data(), typed_lists(), st.randoms())
def test_any_cut_and_spill_counts_alike(
    data: st.DataObject, typed: tuple[Any, list[Any]], random: Any
) -> None:
    kind, values = typed
    expected = Counter(values)
    with spilling(random) as (directory, step):
        counts = counted(data, kind, values, random, step)
        assert counts.n_values() == len(values)
        assert counts.n_distinct(directory) == len(expected)
        table = counts.all_counts(directory)
        assert (table is None) == (not values)
        if table is not None:
            assert table["value"].type == kind
            assert table["value"].to_pylist() == sorted(expected)
            assert table["count"].to_pylist() == [expected[value] for value in sorted(expected)]
            assert counts.all_counts(directory, len(expected)) == table
            assert counts.all_counts(directory, len(expected) - 1) is None
        modes = counts.modes(directory)
        most = max(expected.values(), default=0)
        assert (modes.to_pylist() if modes else []) == sorted(v for v, n in expected.items() if n == most)


@SPILLING
@given(st.data(), typed_lists(), st.randoms())
def test_any_cut_and_spill_compares_with_a_set_alike(
    data: st.DataObject, typed: tuple[Any, list[Any]], random: Any
) -> None:
    kind, values = typed
    allowed = data.draw(st.lists(st.sampled_from(values), unique=True)) if values else []
    allowed += [value for value in _others(kind) if value not in allowed]
    value_set = pa.array(allowed, kind)
    others = sorted(set(values) - set(allowed))
    with spilling(random) as (directory, step):
        counts = counted(data, kind, values, random, step)
        n, found = counts.not_in(value_set, directory)
        assert (n, found.to_pylist()) == (len(others), others)
        assert found.type == kind
        n, found = counts.not_in(value_set, directory, 2)
        assert (n, found.to_pylist()) == (len(others), others[:2])
        missing = [value for value in allowed if value not in values]
        assert counts.missing(value_set, directory).to_pylist() == missing


def _others(kind: pa.DataType) -> list[Any]:
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return ["never"]
    return [7, 77] if pa.types.is_integer(kind) else []


@SPILLING
@given(st.data(), typed_lists(kinds=ORDERED), st.randoms())
def test_any_cut_and_spill_ranks_alike(
    data: st.DataObject, typed: tuple[Any, list[Any]], random: Any
) -> None:
    kind, values = typed
    ranks = data.draw(st.lists(st.integers(0, len(values) - 1), max_size=5)) if values else []
    with spilling(random) as (directory, step):
        counts = counted(data, kind, values, random, step)
        assert counts.order_statistics(ranks, directory) == [sorted(values)[rank] for rank in ranks]
        with pytest.raises(IndexError):
            counts.order_statistics([len(values)], directory)


def test_many_values_on_disk_and_in_memory(tmp_path: Path) -> None:
    values = np.random.default_rng(5).normal(0, 1e6, 50_000).round(1)
    parts = [ValueCounts.of(pa.array(part)) for part in np.array_split(values, 4)]
    parts = [part.settled(tmp_path, f"{i}", 10) if i < 3 else part for i, part in enumerate(parts)]
    counts = parts[0] + parts[1] + parts[2] + parts[3]
    assert len(counts.rows.files) == 3
    assert counts.n_distinct(tmp_path) == len(np.unique(values))
    ranks = [0, 12_500, 25_000, 37_499, 49_999]
    assert counts.order_statistics(ranks, tmp_path) == np.sort(values)[ranks].tolist()


@pytest.mark.parametrize(
    "kind", [pa.int64(), pa.uint32(), pa.float32(), pa.float64(), pa.timestamp("us"), pa.date32()], ids=str
)
def test_mostly_distinct_values_are_counted_by_sorting_them(kind: pa.DataType, tmp_path: Path) -> None:
    numbers = np.random.default_rng(7).permutation(20_000).astype(np.int32)
    numbers[:3] = numbers[3]
    values = pa.array(numbers).cast(pa.int32() if kind == pa.date32() else pa.int64()).cast(kind)
    counts = ValueCounts.of(pa.chunked_array([values[:7_000], values[7_000:]]))
    table = counts.all_counts(tmp_path)
    assert table is not None
    assert table["value"].type == kind
    _, at, times = np.unique(numbers, return_index=True, return_counts=True)
    assert table["value"].to_pylist() == values.take(pa.array(at)).to_pylist()
    assert table["count"].to_pylist() == times.tolist()


def test_few_values_stay_in_memory(tmp_path: Path) -> None:
    counts = ValueCounts.of(pa.array([1, 2, 2]))
    assert counts.settled(tmp_path, "x") is counts
    assert list(tmp_path.iterdir()) == []


def test_dictionaries_of_chunks_that_differ_and_repeat() -> None:
    repeating = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2]), pa.array([0.0, -0.0, 1.0]))
    other = pa.DictionaryArray.from_arrays(pa.array([0, 0]), pa.array([1.0]))
    counts = ValueCounts.of(pa.chunked_array([repeating, other]))
    table = counts.all_counts(Path(), 2)
    assert table is not None
    assert table.to_pydict() == {"value": [0.0, 1.0], "count": [2, 3]}


def test_text_has_no_order_statistics(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="string"):
        ValueCounts.of(pa.array(["a"])).order_statistics([0], tmp_path)
