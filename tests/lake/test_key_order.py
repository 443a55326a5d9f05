"""Keys that ascend are known to be unique without a look at the files; nothing else is taken for unique."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.key_spans import KeySpan, are_apart
from batch_scorer.lake.staging.key_order import KeyOrder

_KEYS = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=12, unique=True).map(sorted),
    st.lists(st.integers(-3, 12), max_size=12),
    st.lists(st.text(max_size=3), max_size=12, unique=True).map(lambda texts: sorted(texts)),
    st.lists(st.sampled_from(["", "a", "ab", "ä", "\U0001f695", "\uffee"]), max_size=12),
    st.lists(st.datetimes(dt.datetime(1960, 1, 1), dt.datetime(2024, 1, 1)), max_size=12),  # noqa: DTZ001
)


def _span(batches: list[pa.Table], key: tuple[str, ...] = ("id",)) -> KeySpan | None:
    order = KeyOrder(key)
    for batch in batches:
        order.take(batch)
    return order.span


@given(_KEYS, st.integers(1, 5), st.integers(1, 4), st.randoms(use_true_random=False))
def test_what_is_said_to_differ_does(keys: list[object], n_batch: int, n_chunk: int, random: object) -> None:
    kind = pa.array(keys).type if keys else pa.int64()
    if pa.types.is_timestamp(kind):
        kind = pa.timestamp("us")
    batches = [pa.table({"id": pa.array(keys[i : i + n_batch], kind)}) for i in range(0, len(keys), n_batch)]
    chunks = [batches[i : i + n_chunk] for i in range(0, len(batches), n_chunk)]
    random.shuffle(chunks)  # type: ignore[attr-defined]
    differ = are_apart(_span(chunk) for chunk in chunks)
    assert not differ or len(set(keys)) == len(keys)
    if all(one < after for one, after in pairwise(keys)):  # type: ignore[operator]
        assert differ


@pytest.mark.parametrize(
    "keys", [[1, 2, 2], [2, 1], [1.0, 2.0], [True], [dt.time(1)]], ids=lambda keys: str(keys)
)
def test_equal_keys_falling_ones_and_types_without_a_known_order_tell_nothing(keys: list[object]) -> None:
    assert _span([pa.table({"id": keys})]) is None


def test_a_key_that_two_chunks_share_is_seen_at_their_edge() -> None:
    assert not are_apart([(1, 5), (5, 9)])
    assert not are_apart([(6, 9), (1, 6)])
    assert are_apart([(6, 9), (1, 5)])


def test_of_a_key_of_two_columns_the_first_may_be_enough() -> None:
    rows = pa.table({"id": [1, 2], "leg": [7, 7]})
    assert _span([rows], ("id", "leg")) == (1, 2)
    assert _span([rows], ("leg", "id")) is None


def test_dates_are_ordered_as_the_days_they_are_stored_as() -> None:
    days = [dt.date(1970, 1, 2), dt.date(1970, 1, 4)]
    assert _span([pa.table({"id": days})]) == (1, 3)


def test_no_rows_have_no_span_and_do_not_matter() -> None:
    nothing = pa.table({"id": pa.array([], pa.int64())})
    assert _span([nothing]) is None
    assert _span([nothing, pa.table({"id": [1]}), nothing]) == (1, 1)


def test_keys_that_are_no_text_tell_nothing() -> None:
    offsets = pa.array([0, 1, 3], pa.int32()).buffers()[1]
    broken = pa.StringArray.from_buffers(2, offsets, pa.py_buffer(b"a\xff\xfe"))
    assert _span([pa.table({"id": broken})]) is None
