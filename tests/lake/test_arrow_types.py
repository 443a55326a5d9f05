from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.lake.arrow_types import arrow_type_name, parse_arrow_type

UNITS = st.sampled_from(["s", "ms", "us", "ns"])
ZONES = st.sampled_from([None, "UTC", "America/Chicago", "+02:00"])
TYPES = st.one_of(
    st.sampled_from(
        [
            *(pa.null(), pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64()),
            *(pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
            *(pa.float16(), pa.float32(), pa.float64(), pa.string(), pa.binary()),
            *(pa.date32(), pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")),
        ]
    ),
    st.builds(pa.timestamp, UNITS, ZONES),
    st.builds(pa.duration, UNITS),
    st.integers(1, 38).flatmap(lambda p: st.builds(pa.decimal128, st.just(p), st.integers(-p, p))),
)


@given(TYPES)
def test_a_type_comes_back_from_its_name(arrow_type: pa.DataType) -> None:
    assert parse_arrow_type(arrow_type_name(arrow_type)) == arrow_type


@pytest.mark.parametrize(
    ("arrow_type", "name"),
    [
        (pa.float64(), "float64"),
        (pa.timestamp("us"), "timestamp[us]"),
        (pa.timestamp("us", "UTC"), "timestamp[us, UTC]"),
        (pa.large_string(), "string"),
        (pa.string_view(), "string"),
        (pa.dictionary(pa.int8(), pa.large_string()), "string"),
        (pa.date32(), "date32"),
        (pa.list_(pa.int64()), "list<item: int64>"),
    ],
)
def test_names_are_the_ones_signatures_use(arrow_type: pa.DataType, name: str) -> None:
    assert arrow_type_name(arrow_type) == name


@pytest.mark.parametrize("text", ["double", "list<item: int64>", "timestamp[us", "int", ""])
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a column type"):
        parse_arrow_type(text)
