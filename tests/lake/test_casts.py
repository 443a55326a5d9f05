from __future__ import annotations

import datetime as dt
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.errors import ColumnTypeMismatch, LossyCast
from batch_scorer.lake.casts import can_cast, cast_column
from tests.lake.lakes import spec

INTS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
NUMBERS = (*INTS, "float32", "float64")


def cast(values: Any, arrow_type: str, *, nullable: bool = True) -> pa.Array:
    column = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
    return cast_column(
        column, spec("fare", arrow_type, nullable=nullable), where="a.parquet", row_at=lambda p: 100 + p
    )


def exact(value: Any, arrow_type: str) -> bool:
    """By Python's exact arithmetic: does the number survive in this type?"""
    if value is None:
        return True
    if arrow_type.startswith("float"):
        if isinstance(value, int):
            return abs(value) <= (2**53 if arrow_type == "float64" else 2**24)
        with np.errstate(over="ignore"):
            return math.isnan(value) or float(np.dtype(arrow_type).type(value)) == value
    info = np.iinfo(arrow_type)
    return math.isfinite(value) and int(value) == value and info.min <= int(value) <= info.max


@st.composite
def columns(draw: st.DrawFn) -> tuple[pa.Array, list[Any]]:
    source = draw(st.sampled_from(NUMBERS))
    if source.startswith("float"):
        width = 32 if source == "float32" else 64
        edges = st.sampled_from([2.0**63, -(2.0**63), 2.0**53, 2.0**24, 256.0, -129.0, 0.5, -0.0])
        number = st.one_of(st.floats(width=width), edges)  # type: ignore[arg-type]
    else:
        info = np.iinfo(source)
        edges = st.sampled_from([2**53, 2**53 + 1, 2**24 + 1, -(2**53) - 1, 2**63, 127, 128, -129, 0])
        number = st.one_of(
            st.integers(int(info.min), int(info.max)),
            edges.filter(lambda v: info.min <= v <= info.max),
        )
    array = pa.array(draw(st.lists(st.one_of(st.none(), number), max_size=8)), source)
    return array, array.to_pylist()


@given(columns(), st.sampled_from(NUMBERS))
def test_numbers_survive_unchanged_or_the_first_that_does_not_is_named(
    column: tuple[pa.Array, list[Any]], wanted: str
) -> None:
    array, values = column
    lossy = [i for i, value in enumerate(values) if not exact(value, wanted)]
    if lossy:
        with pytest.raises(LossyCast) as caught:
            cast(array, wanted)
        assert f"{len(lossy)} value" in caught.value.what
        assert f"first at row {100 + lossy[0]}: " in str(caught.value.where)
    else:
        for before, after in zip(values, cast(array, wanted).to_pylist(), strict=True):
            assert before == after or (math.isnan(before) and math.isnan(after))


def test_the_error_reads_like_a_sentence() -> None:
    with pytest.raises(LossyCast) as caught:
        cast([1.0, 12.5, 3.5], "int64")
    assert caught.value.what == (
        'column "fare" is float64 but the signature says int64, and 2 values cannot be int64 without loss'
    )
    assert caught.value.where == "a.parquet, first at row 101: 12.5"
    assert caught.value.fix


@pytest.mark.parametrize(
    ("values", "arrow_type"), [([1, None], "int64"), ([True, None], "bool"), (["a", None], "string")]
)
def test_nulls_where_training_had_none_are_refused(values: list[Any], arrow_type: str) -> None:
    with pytest.raises(LossyCast, match=rf"1 null but the signature says {arrow_type} without nulls"):
        cast(values, arrow_type, nullable=False)
    assert cast(values, arrow_type, nullable=True).to_pylist() == values


def test_nulls_in_floats_and_timestamps_are_always_fine() -> None:
    moment = dt.datetime(2024, 1, 1)  # noqa: DTZ001 — a naive column
    assert cast([1.5, None], "float64", nullable=False).to_pylist() == [1.5, None]
    assert cast([moment, None], "timestamp[us]", nullable=False).to_pylist() == [moment, None]


def test_text_keeps_its_dictionary_and_every_kind_of_text_is_text() -> None:
    words = ["a", None, "b", "a"]
    encoded = pa.array(words).dictionary_encode()
    assert cast(encoded, "string").type == pa.dictionary(pa.int32(), pa.string())
    for column in (pa.array(words, pa.large_string()), pa.array(words, pa.string_view()), encoded):
        assert cast(column, "string").to_pylist() == words


def test_pieces_become_one() -> None:
    pieces = pa.chunked_array([pa.array([1, 2], pa.int32()), pa.array([3], pa.int32())])
    assert cast(pieces, "int64").equals(pa.array([1, 2, 3]))


def test_a_column_of_nothing_but_nulls_has_every_type() -> None:
    assert cast(pa.nulls(2), "string").equals(pa.nulls(2, pa.string()))
    assert cast(pa.nulls(2), "float64").equals(pa.nulls(2, pa.float64()))
    with pytest.raises(LossyCast):
        cast(pa.nulls(2), "int64", nullable=False)


def test_timestamps_change_units_only_without_loss() -> None:
    micros = pa.array([1_000_000, 1_000_001], pa.timestamp("us"))
    assert cast(micros, "timestamp[ns]").cast("int64").to_pylist() == [1_000_000_000, 1_000_001_000]
    with pytest.raises(LossyCast, match=r"1 value cannot be timestamp\[ms\]"):
        cast(micros, "timestamp[ms]")
    with pytest.raises(LossyCast):  # year 300,000 does not fit nanoseconds
        cast(pa.array([2**62], pa.timestamp("us")), "timestamp[ns]")
    chicago = pa.array([1_000_000], pa.timestamp("us", "America/Chicago"))
    assert cast(chicago, "timestamp[us, UTC]").cast("int64").to_pylist() == [1_000_000]


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (pa.string(), "int64"),
        (pa.int64(), "string"),
        (pa.bool_(), "int64"),
        (pa.int64(), "bool"),
        (pa.date32(), "timestamp[us]"),
        (pa.timestamp("us"), "timestamp[us, UTC]"),
        (pa.timestamp("us", "UTC"), "timestamp[us]"),
        (pa.decimal128(10, 2), "float64"),
        (pa.dictionary(pa.int32(), pa.int64()), "string"),
    ],
)
def test_types_that_only_look_alike_are_refused(found: pa.DataType, wanted: str) -> None:
    with pytest.raises(ColumnTypeMismatch, match=r'column "fare" is .* but the signature says'):
        cast(pa.array([], found), wanted)


@pytest.mark.parametrize("name", ["bool", "date32", "decimal128(10, 2)"])
def test_a_type_is_itself(name: str) -> None:
    from batch_scorer.lake.arrow_types import parse_arrow_type

    assert can_cast(parse_arrow_type(name), parse_arrow_type(name))
