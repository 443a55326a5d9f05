"""Partition paths round-trip, look like Hive's to other readers, and cannot leave their directory."""

from __future__ import annotations

import datetime as dt
import urllib.parse

import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.errors import PartitionPathRefused
from batch_scorer.core.partitions import (
    HIVE_NULL,
    KeyType,
    Partition,
    PartitionKey,
    PartitionValue,
    parse_partition_path,
)

DAY = PartitionKey(name="ride_date", type=KeyType.DATE)
REGION = PartitionKey(name="region", type=KeyType.STRING)
SHARD = PartitionKey(name="shard", type=KeyType.INT)

safe_text = st.text(
    alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="/\\\0"), min_size=1, max_size=16
).filter(lambda text: text not in (".", "..", HIVE_NULL))
values: dict[KeyType, st.SearchStrategy[PartitionValue]] = {
    KeyType.DATE: st.dates(),
    KeyType.INT: st.integers(min_value=-(10**18) + 1, max_value=10**18 - 1),
    KeyType.STRING: safe_text,
}


@st.composite
def keys_and_partition(draw: st.DrawFn) -> tuple[tuple[PartitionKey, ...], Partition]:
    types = draw(st.lists(st.sampled_from(KeyType), min_size=1, max_size=3))
    keys = tuple(PartitionKey(name=f"key_{i}", type=each) for i, each in enumerate(types))
    chosen: tuple[PartitionValue, ...] = tuple(draw(values[key.type]) for key in keys)
    return keys, Partition(names=tuple(key.name for key in keys), values=chosen)


@given(keys_and_partition())
def test_a_partition_is_the_one_its_path_says(case: tuple[tuple[PartitionKey, ...], Partition]) -> None:
    keys, partition = case
    assert parse_partition_path(keys, partition.path) == partition


@given(keys_and_partition())
def test_a_path_has_one_segment_per_key_and_stays_below(
    case: tuple[tuple[PartitionKey, ...], Partition],
) -> None:
    keys, partition = case
    segments = partition.path.split("/")
    assert len(segments) == len(keys)
    assert all(segment.startswith(f"{key.name}=") for key, segment in zip(keys, segments, strict=True))
    assert all(len(segment.encode()) <= 255 for segment in segments)


@given(safe_text)
def test_pyarrow_reads_our_directory_names(text: str) -> None:
    partition = Partition(names=("region",), values=(text,))
    reader = ds.HivePartitioning(pa.schema([("region", pa.string())]), segment_encoding="uri")
    expression = reader.parse(f"{partition.path}/part-0.parquet")
    assert expression.equals(ds.field("region") == text)


@given(st.text(max_size=40))
def test_any_directory_is_a_partition_or_refused(name: str) -> None:
    try:
        partition = parse_partition_path((REGION,), f"region={name}")
    except PartitionPathRefused:
        return
    assert parse_partition_path((REGION,), partition.path) == partition


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (DAY, "2024-01-01T00:00:00", "not a date"),
        (DAY, "2024-1-1", "not a date"),
        (DAY, "20240101", "not a date"),
        (DAY, "2024-02-30", "2024-02-30"),
        (DAY, "", "not a date"),
        (SHARD, "007", "canonical"),
        (SHARD, "-0", "canonical"),
        (SHARD, "1.0", "canonical"),
        (SHARD, "1_000", "canonical"),
        (SHARD, "٣", "canonical"),
        (REGION, "", "empty"),
        (REGION, "..", "leave"),
        (REGION, "%2E%2E", "leave"),
        (REGION, "a%2Fb", "leave"),
        (REGION, "a%5Cb", "leave"),
        (REGION, "a%00b", "leave"),
        (REGION, "%FF", "UTF-8"),
        (REGION, "x" * 201, "longer"),
        (REGION, HIVE_NULL, "null"),
        (DAY, HIVE_NULL, "null"),
    ],
)
def test_a_value_that_is_not_of_its_type_is_refused(key: PartitionKey, value: str, reason: str) -> None:
    with pytest.raises(PartitionPathRefused) as caught:
        parse_partition_path((key,), f"{key.name}={value}")
    assert reason in caught.value.what
    assert caught.value.where == f"{key.name}={value}"


@pytest.mark.parametrize(
    "path",
    ["region=eu", "ride_date=2024-01-01", "ride_date=2024-01-01/region=eu", "region=eu/day=2024-01-01"],
)
def test_other_keys_than_the_declared_ones_are_refused(path: str) -> None:
    with pytest.raises(PartitionPathRefused):
        parse_partition_path((REGION, DAY), path)


def test_a_slash_in_a_value_never_makes_a_directory() -> None:
    path = Partition(names=("region",), values=("a/b=c%",)).path
    assert path == "region=a%2Fb%3Dc%25"
    assert urllib.parse.unquote(path.removeprefix("region=")) == "a/b=c%"


def test_the_date_is_that_of_the_only_date_key() -> None:
    day = dt.date(2024, 1, 1)
    assert Partition(names=("region", "ride_date"), values=("eu", day)).date == day
    assert Partition(names=("a", "b"), values=(day, day)).date is None
    assert Partition(names=("region",), values=("eu",)).date is None


def test_a_label_is_short_for_one_key_and_complete_for_more() -> None:
    assert Partition(names=("ride_date",), values=(dt.date(2024, 1, 1),)).label == "2024-01-01"
    both = Partition(names=("region", "ride_date"), values=("eu", dt.date(2024, 1, 1)))
    assert both.label == str(both) == "region=eu/ride_date=2024-01-01"


def test_no_value_of_data_adds_a_line_or_commands_a_terminal() -> None:
    forged = Partition(names=("region",), values=("eu\nnext: \x1b[2J",))
    assert forged.label == "region=eu%0Anext%3A %1B%5B2J"


def test_names_and_values_must_pair_up() -> None:
    with pytest.raises(ValueError, match="pair up"):
        Partition(names=("a", "b"), values=(1,))
