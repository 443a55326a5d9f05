"""The first and the last of ascending values, against a plain look at each of them."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.arrow.spans import ascending_span
from batch_scorer.core.key_spans import joined

_WHOLE = (pa.int64(), pa.int8(), pa.uint64(), pa.timestamp("us", "UTC"), pa.date32(), pa.date64())


def _column(kind: pa.DataType, numbers: list[int]) -> pa.Array:
    if pa.types.is_string(kind):
        return pa.array([chr(0x20 + number) for number in numbers], kind)
    if pa.types.is_integer(kind):
        return pa.array(numbers, kind)
    days = pa.types.is_date64(kind)
    return pa.array([n * 86_400_000 if days else n for n in numbers], _stored(kind)).view(kind)


def _stored(kind: pa.DataType) -> pa.DataType:
    return pa.int32() if kind.bit_width == 32 else pa.int64()


@given(
    st.sampled_from((*_WHOLE, pa.string())),
    st.lists(st.integers(0, 90), max_size=12) | st.lists(st.integers(0, 90), unique=True).map(sorted),
    st.lists(st.integers(0, 12), max_size=4),
)
def test_values_have_a_span_exactly_where_each_is_greater_than_the_one_before(
    kind: pa.DataType, numbers: list[int], cuts: list[int]
) -> None:
    values = _column(kind, numbers)
    edges = [0, *sorted(min(cut, len(numbers)) for cut in cuts), len(numbers)]
    column = pa.chunked_array([values.slice(a, b - a) for a, b in pairwise(edges)], kind)
    plain: list[Any] = (values if pa.types.is_string(kind) else values.view(_under(kind))).to_pylist()
    rise = bool(plain) and all(one < after for one, after in pairwise(plain))
    assert ascending_span(column) == ((plain[0], plain[-1]) if rise else None)


def _under(kind: pa.DataType) -> pa.DataType:
    return kind if pa.types.is_integer(kind) else _stored(kind)


def test_integers_at_the_ends_of_their_type_are_compared_as_numbers() -> None:
    assert ascending_span(pa.chunked_array([[-(2**63), 0, 2**63 - 1]])) == (-(2**63), 2**63 - 1)
    assert ascending_span(pa.chunked_array([[2**63 - 1, -(2**63)]])) is None
    assert ascending_span(pa.chunked_array([pa.array([1, 2**64 - 1], pa.uint64())])) == (1, 2**64 - 1)


@pytest.mark.parametrize("values", [[1, None, 3], [1.0, 2.0], [False, True], [dt.time(1)], []], ids=str)
def test_nulls_and_types_without_a_known_order_tell_nothing(values: list[object]) -> None:
    assert ascending_span(pa.chunked_array([pa.array(values)])) is None


def test_bytes_that_are_no_text_tell_nothing() -> None:
    offsets = pa.array([0, 1, 3], pa.int32()).buffers()[1]
    broken = pa.StringArray.from_buffers(2, offsets, pa.py_buffer(b"a\xff\xfe"))
    assert ascending_span(pa.chunked_array([broken])) is None


def test_spans_that_follow_each_other_are_one_and_others_none() -> None:
    assert joined([(1, 3), (4, 4), (5, 9)]) == (1, 9)
    assert joined([(1, 3), (3, 4)]) is None
    assert joined([(4, 9), (1, 3)]) is None
    assert joined([(1, 3), None]) is None
    assert joined([]) is None


@pytest.mark.parametrize("where", [0, 1, 16_383, 16_384, 16_385, 32_768, 39_998])
def test_one_number_that_does_not_rise_is_seen_wherever_it_is(where: int) -> None:
    numbers = np.arange(40_000)
    assert ascending_span(pa.chunked_array([numbers])) == (0, 39_999)
    numbers[where + 1] = numbers[where]
    assert ascending_span(pa.chunked_array([numbers])) is None
