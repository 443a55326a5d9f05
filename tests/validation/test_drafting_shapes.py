"""A column's shape matches every text it was made from, in Python's and in Arrow's regular expressions."""

from __future__ import annotations

import re
import uuid

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.validation.drafting.shapes import common_shape, merge, shape_of

HEX = "0123456789abcdef"
IDS = st.one_of(
    st.from_regex(r"[A-Z]{2,3}-[0-9]{1,4}", fullmatch=True),
    st.uuids().map(str),
    st.text(HEX, min_size=16, max_size=16),
    st.from_regex(r"[ -~]{1,12}", fullmatch=True),
    st.text(max_size=8),
)


@pytest.mark.parametrize(
    ("texts", "regex"),
    [
        (["ABC-1234", "XYZ-0001"], r"^[A-Z]{3}-\d{4}$"),
        (["A-1", "BC-22"], r"^[A-Z]+-\d+$"),
        (["12345", "1"], r"^\d+$"),
        (["usr_1.0", "usr_2.3"], r"^[a-z]{3}_\d\.\d$"),
        (["A1B2C3", "ABC123"], r"^[0-9A-F]{6}$"),
        (["a1Z9", "zz00"], r"^[0-9A-Za-z]{4}$"),
        (
            [str(uuid.UUID(int=n * 0x123456789ABCDEF0123456789ABCDE % 2**128)) for n in range(1, 50)],
            "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        ),
    ],
)
def test_a_shape_reads_as_a_person_would_write_it(texts: list[str], regex: str) -> None:
    shape = common_shape(texts)
    assert shape is not None
    assert shape.regex == regex


@pytest.mark.parametrize("text", ["", "Zoë", "a\n", "a\tb", "x" * 101, "٣"])
def test_a_text_that_no_expression_should_guess_at_has_no_shape(text: str) -> None:
    assert shape_of(text) is None


@pytest.mark.parametrize("texts", [["Flash Cab", "Top Cab Affiliation"], ["AB-1", "AB_1"], ["a", "1-2"]])
def test_texts_without_a_common_shape_have_none(texts: list[str]) -> None:
    assert common_shape(texts) is None


@pytest.mark.parametrize(("texts", "is_of_ids"), [(["Cash", "Dispute"], False), (["USD", "EUR"], True)])
def test_words_are_told_from_codes(texts: list[str], is_of_ids: bool) -> None:
    shape = common_shape(texts)
    assert shape is not None
    assert shape.is_of_ids == is_of_ids


@given(texts=st.lists(IDS, min_size=1, max_size=20))
def test_the_drafted_regex_matches_all_it_was_made_from(texts: list[str]) -> None:
    shape = common_shape(texts)
    if shape is not None:
        assert all(re.search(shape.regex, text) for text in texts)
        assert pc.all(pc.match_substring_regex(pa.array(texts), shape.regex)).as_py()


@given(texts=st.lists(IDS, min_size=2, max_size=10))
def test_the_order_of_arrival_does_not_matter(texts: list[str]) -> None:
    assert common_shape(texts) == common_shape(texts[::-1])


@given(text=st.from_regex(r"[ -~]{1,16}", fullmatch=True))
def test_every_short_printable_text_has_the_shape_it_shares_with_itself(text: str) -> None:
    shape = shape_of(text)
    assert shape is not None
    assert merge(shape, shape) == shape
    assert re.fullmatch(shape.regex, text)
