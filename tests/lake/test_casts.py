from __future__ import annotations

import datetime as dt
import decimal
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.conversions import Fit, fit
from batch_scorer.core.errors import ColumnTypeMismatch, LossyCast
from batch_scorer.lake.arrow_types import arrow_type_name
from batch_scorer.lake.reading.casts import Origin, cast_column
from tests.lake.lakes import spec

INTS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
FLOATS = {"float16": (3, 2**11), "float32": (6, 2**24), "float64": (15, 2**53)}
DECIMALS_WANTED = ((5, 2), (12, 0), (18, 4), (38, 2), (38, 10))
DECIMALS_FOUND = (
    pa.decimal32(5, 2), pa.decimal64(12, 3), pa.decimal128(10, 2), pa.decimal128(38, 4),
    pa.decimal128(38, 30),
    pa.decimal256(60, 2),
)  # fmt: skip
NUMBERS = (*INTS, *FLOATS)


def cast(values: Any, arrow_type: str, *, nullable: bool = True, model: str | None = None) -> pa.Array:
    column = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
    origin = Origin(file="a.parquet", row_at=lambda position: 100 + position, model=model)
    return cast_column(column, spec("fare", arrow_type, nullable=nullable), origin)


def exact(value: Any, wanted: str) -> bool:
    """By Python's exact arithmetic: does the number survive in this type?"""
    if value is None:
        return True
    if isinstance(value, float) and not math.isfinite(value):
        return wanted in FLOATS
    number = Fraction(value)
    if wanted in FLOATS:
        digits, whole = FLOATS[wanted]
        if isinstance(value, int):
            return abs(value) <= whole
        if isinstance(value, Decimal):
            return len(value.as_tuple().digits) <= digits
        with np.errstate(over="ignore"):
            return bool(float(np.dtype(wanted).type(value)) == value)
    if wanted in INTS:
        info = np.iinfo(wanted)
        return number.denominator == 1 and int(info.min) <= number.numerator <= int(info.max)
    precision, scale = map(int, wanted.removeprefix("decimal128(").removesuffix(")").split(","))
    unscaled = number * 10**scale
    return bool(unscaled.denominator == 1 and abs(unscaled) < 10**precision)


def _floats(width: int) -> st.SearchStrategy[float]:
    edges = [2.0**63, -(2.0**63), 2.0**53, 2.0**24, 256.0, -129.0, 0.5, -0.0, math.inf]
    return st.one_of(
        st.floats(width=width),  # type: ignore[arg-type]
        st.sampled_from([edge for edge in edges if width > 16 or abs(edge) < 65_000 or edge == math.inf]),
        st.integers(-300, 300).map(float),
    )


def _integers(kind: str) -> st.SearchStrategy[int]:
    info = np.iinfo(kind)
    edges = [2**53, 2**53 + 1, 2**24 + 1, 2**11, 2**11 + 1, -(2**53) - 1, 2**63, 127, 128, -129, 0, 99_999]
    return st.one_of(
        st.integers(int(info.min), int(info.max)),
        st.sampled_from([edge for edge in edges if info.min <= edge <= info.max]),
    )


def _decimals(kind: pa.DataType) -> st.SearchStrategy[Decimal]:
    """Long ones, short ones, whole ones; an unscaled value that the type holds."""
    most = 10**kind.precision - 1
    whole = 10 ** max(kind.scale, 0)
    unscaled = st.one_of(
        st.integers(-most, most),
        st.integers(-999, 999),
        st.integers(-(most // whole), most // whole).map(lambda n: n * whole),
        st.sampled_from([10**15 - 1, 10**15, 10**6 - 1, 10**6, -(10**3)]).filter(lambda n: abs(n) <= most),
    )
    return unscaled.map(lambda n: Decimal(n).scaleb(-kind.scale, context=decimal.Context(prec=80)))


@st.composite
def columns(draw: st.DrawFn) -> tuple[pa.Array, list[Any]]:
    """Numbers of every type, sliced out of a longer array, with and without nulls."""
    kind = draw(st.sampled_from([*map(pa.type_for_alias, INTS), *_FLOAT_TYPES, *DECIMALS_FOUND]))
    if pa.types.is_decimal(kind):
        number: st.SearchStrategy[Any] = _decimals(kind)
    elif pa.types.is_floating(kind):
        number = _floats(kind.bit_width)
    else:
        number = _integers(str(kind))
    values = draw(st.lists(st.one_of(st.none(), number), max_size=8))
    if kind == pa.float16():
        values = [None if value is None else np.float16(value) for value in values]
    array = pa.array(values, kind).slice(draw(st.integers(0, 2)))
    return array, array.to_pylist()


_FLOAT_TYPES = (pa.float16(), pa.float32(), pa.float64())
WANTED = (*NUMBERS, *(f"decimal128({p}, {s})" for p, s in DECIMALS_WANTED))


@given(columns(), st.sampled_from(WANTED))
def test_numbers_survive_unchanged_or_the_first_that_does_not_is_named(
    column: tuple[pa.Array, list[Any]], wanted: str
) -> None:
    array, values = column
    how = fit(arrow_type_name(array.type), wanted)
    lossy = [i for i, value in enumerate(values) if not exact(value, wanted)]
    if how is Fit.REFUSED:
        assert wanted.startswith("decimal128")
        assert pa.types.is_floating(array.type)
        return
    if lossy:
        assert how is Fit.CHECKED
        with pytest.raises(LossyCast) as caught:
            cast(array, wanted)
        assert f"and {len(lossy)} of {len(values)} value" in caught.value.what
        assert f"first at row {100 + lossy[0]}: " in str(caught.value.where)
        return
    got = cast(array, wanted)
    assert arrow_type_name(got.type) == wanted
    for before, after in zip(values, got.to_pylist(), strict=True):
        if isinstance(before, Decimal) and wanted in FLOATS:  # the oracle: Python's own conversion
            assert after == np.dtype(wanted).type(float(before))
        else:
            assert before == after or (math.isnan(before) and math.isnan(after))


@pytest.mark.parametrize(
    "kind",
    [
        pa.decimal32(9, 2),
        pa.decimal64(15, 4),
        pa.decimal128(15, 15),
        pa.decimal128(38, 30),
        pa.decimal256(60, 2),
    ],
    ids=str,
)
@pytest.mark.parametrize("wanted", ["float64", "float32"])
def test_decimals_become_what_python_makes_of_them(kind: pa.DataType, wanted: str) -> None:
    """Arrow's own cast is off in the last bit for one in eight."""
    most = 10 ** min(kind.precision, FLOATS[wanted][0]) - 1
    rng = np.random.default_rng(0)
    values = [Decimal(int(n)).scaleb(-kind.scale) for n in rng.integers(-most, most, 2_000, endpoint=True)]
    array = pa.array([None, *values], kind).slice(1)
    expected = np.array([float(value) for value in values]).astype(wanted)
    np.testing.assert_array_equal(cast(array, wanted).to_numpy(), expected)


@pytest.mark.parametrize(("value", "fits"), [(999, True), (1000, False), (-999, True), (-1000, False)])
def test_a_bound_between_two_decimals_is_a_bound(value: int, fits: bool) -> None:
    """decimal128(5, 2) ends at 999.99, which a decimal without digits after the point does not know."""
    array = pa.array([Decimal(value)], pa.decimal128(38, 0))
    if fits:
        assert cast(array, "decimal128(5, 2)").to_pylist() == [Decimal(value)]
    else:
        with pytest.raises(LossyCast):
            cast(array, "decimal128(5, 2)")


def test_the_error_reads_like_a_sentence() -> None:
    with pytest.raises(LossyCast) as caught:
        cast([1.0, 12.5, 3.0], "int64", model="taxi_tips@3")
    assert caught.value.what == (
        'column "fare" is float64 in a.parquet but the signature of taxi_tips@3 says int64, '
        "and 1 of 3 values cannot be int64 without loss"
    )
    assert caught.value.where == "a.parquet, first at row 101: 12.5"
    assert caught.value.fix == "cast upstream, or register a model trained on this type"
    assert caught.value.next_command == "batch-scorer models show taxi_tips@3 --signature"


@pytest.mark.parametrize(
    ("values", "arrow_type"), [([1, None], "int64"), ([True, None], "bool"), (["a", None], "string")]
)
def test_nulls_where_training_had_none_are_refused(values: list[Any], arrow_type: str) -> None:
    with pytest.raises(
        LossyCast, match=rf"1 null in 2 rows of a.parquet but the signature says {arrow_type} without"
    ):
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
    with pytest.raises(LossyCast, match=r"1 of 2 values cannot be timestamp\[ms\]"):
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
        (pa.float64(), "decimal128(10, 2)"),
        (pa.decimal128(10, 2), "string"),
        (pa.binary(), "string"),
        (pa.time64("us"), "int64"),
        (pa.duration("us"), "int64"),
        (pa.list_(pa.int64()), "int64"),
        (pa.dictionary(pa.int32(), pa.int64()), "string"),
    ],
)
def test_types_that_only_look_alike_are_refused(found: pa.DataType, wanted: str) -> None:
    with pytest.raises(ColumnTypeMismatch, match=r'column "fare" is .* but the signature says'):
        cast(pa.array([], found), wanted)
