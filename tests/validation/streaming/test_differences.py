"""Any rows come back from their steps as they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.key_spans import KeySpan
from batch_scorer.validation.streaming.differences import as_differences, from_differences
from batch_scorer.validation.streaming.spill_files import SpillFile, write_ascending_file
from tests.validation.streaming.conftest import cuts, typed_lists


@given(st.data(), st.integers(0, 40), st.booleans(), st.booleans())
def test_every_type_and_order_comes_back(data: st.DataObject, n: int, nulls: bool, ordered: bool) -> None:
    kind, values = data.draw(typed_lists(nulls=nulls, size=n))
    if ordered and None not in values:
        values = sorted(values)
    whole = pa.table({"k": pa.array(values, kind), "place": pa.array(range(7, 7 + n), pa.int64())})
    parts = [whole.slice(start, stop - start) for start, stop in data.draw(cuts(n))]
    table = pa.concat_tables(parts) if parts else whole.schema.empty_table()
    again = from_differences(as_differences(table))
    assert again.schema == table.schema
    assert str(again.to_pydict()) == str(table.to_pydict())  # NaN is NaN


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20))
def test_integers_of_64_bits_come_back_whatever_lies_between_them(numbers: list[int]) -> None:
    table = pa.table({"k": pa.array(numbers, pa.int64())})
    assert from_differences(as_differences(table)).equals(table)


@pytest.mark.parametrize(
    ("step", "stored"),
    [
        (1, pa.uint8()),
        (255, pa.uint8()),
        (256, pa.uint16()),
        (2**16, pa.uint32()),
        (2**32, pa.int64()),
        (-1, pa.int64()),
    ],
)
def test_steps_take_as_few_bytes_as_they_need(step: int, stored: pa.DataType) -> None:
    numbers = np.cumsum(np.tile([0, step], 20_000))
    written = as_differences(pa.table({"k": numbers}))
    assert written.schema.field("k").type == stored
    assert from_differences(written).equals(pa.table({"k": numbers}))


@pytest.mark.parametrize("step", [0, 1, -3, 2**40])
def test_equal_steps_take_none(step: int) -> None:
    table = pa.table({"k": 5 + step * np.arange(40_000)})
    written = as_differences(table)
    assert written.schema.field("k").type == pa.null()
    assert from_differences(written).equals(table)


def test_a_file_of_ascending_keys_gives_its_rows_and_its_columns(tmp_path: Path) -> None:
    table = pa.table({"k": np.arange(50_000) * 3, "label": ["x"] * 50_000, "place": np.arange(50_000)})
    span: KeySpan = (0, 149_997)
    file = write_ascending_file(table, span, tmp_path / "deeper" / "rows")
    again = SpillFile.from_json(file.as_json())
    again.verify(tmp_path / "deeper")
    assert again.table(tmp_path / "deeper").equals(table)
    assert again.no_rows(tmp_path / "deeper").equals(table.schema.empty_table())
    assert file.n_bytes < 50_000 * 8  # of the labels: keys and places took 16 bytes a row


@pytest.mark.parametrize("where", [1, 8_191, 8_192, 8_193, 16_384, 19_999])
def test_one_step_that_is_otherwise_is_seen_wherever_it_is(where: int) -> None:
    numbers = np.arange(20_000)
    numbers[where:] += 1
    table = pa.table({"k": numbers})
    narrow = as_differences(table)
    assert narrow.schema.field("k").type == pa.uint8()
    assert from_differences(narrow).equals(table)
