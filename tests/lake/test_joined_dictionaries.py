"""Row groups whose dictionaries Arrow does not put together by itself are joined as others are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.lake.test_joined_batches import read, written

CODED = pa.dictionary(pa.int8(), pa.string())


def cabs(first: int, n_rows: int = 100) -> pa.Table:
    """Of as many companies as rows."""
    names = pa.array([f"Cab {first + row}" for row in range(n_rows)], CODED)
    return pa.table({"ride_id": range(first, first + n_rows), "company": names})


def test_codes_of_a_byte_need_not_have_room_for_the_texts_of_all_row_groups(tmp_path: Path) -> None:
    file = written(tmp_path, cabs(0), cabs(100), use_dictionary=False)
    (batch,) = read(tmp_path, file, 0, 1, features=())
    assert batch.carried["company"].to_pylist() == [f"Cab {row}" for row in range(200)]


def test_codes_are_as_wide_in_every_batch_of_a_file(tmp_path: Path) -> None:
    """Rows of several batches are put together: those that break a rule, and those that are set aside."""
    file = written(tmp_path, cabs(0), cabs(100), coded_large(), use_dictionary=False)
    batches = read(
        tmp_path, file, 0, 1, 2, features=(), carried=(("ride_id", "int64"),), checked=("company",)
    )
    assert len(batches) == 2
    assert {str(batch.raw.schema.field("company").type.index_type) for batch in batches} == {"int32"}


def coded_large() -> pa.Table:
    """A row group that is a batch alone."""
    names = pa.DictionaryArray.from_arrays(pa.array([0] * 131_072, pa.int8()), pa.array(["Cab 0"]))
    return pa.table({"ride_id": range(131_072), "company": names})


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (pa.list_(pa.dictionary(pa.int32(), pa.string())), [["a"], ["b", "c"], None, ["z", None], []]),
        (pa.struct([("name", pa.dictionary(pa.int32(), pa.string()))]), [{"name": "a"}, None, {"name": "b"}]),
    ],
)
def test_dictionaries_within_other_values_are_joined(
    tmp_path: Path, kind: pa.DataType, values: list[Any]
) -> None:
    groups = [
        pa.table({"ride_id": [0] * len(of), "tags": pa.array(of, kind)}) for of in (values, values[::-1])
    ]
    (batch,) = read(
        tmp_path,
        written(tmp_path, *groups),
        0,
        1,
        features=(),
        carried=(("ride_id", "int64"),),
        checked=("tags",),
    )
    assert batch.raw["tags"].to_pylist() == [*values, *values[::-1]]
