"""Keys and types guessed from directory names are those that a run reads them with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.errors import UsageError
from batch_scorer.core.partitions import (
    HIVE_NULL,
    KeyType,
    Partition,
    PartitionValue,
    parse_partition_path,
)
from batch_scorer.lake.finding.hive_names import guess_keys

VALUES: dict[KeyType, st.SearchStrategy[PartitionValue]] = {
    KeyType.DATE: st.dates(),
    KeyType.INT: st.integers(-(10**17), 10**17),
    KeyType.STRING: st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(
        lambda text: text not in (".", "..") and not set(text) & set("/\\\0")
    ),
}


def types(*directories: str) -> dict[str, str]:
    return {key.name: key.type.value for key in guess_keys(directories, where="table").keys}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["2024-01-31", "2024-02-29"], "date"),
        (["2024-01-31", "2023-02-29"], "string"),  # there was none
        (["2024-01-31", "20240201"], "string"),
        (["1", "12", "-3"], "int"),
        (["1", "007"], "string"),
        (["01", "02"], "string"),
        (["+1"], "string"),
        (["1_000"], "string"),
        (["eu", "1"], "string"),
        (["2024-01-31%20"], "string"),
        (["1", HIVE_NULL], "int"),
    ],
)
def test_a_type_is_one_that_every_value_is_written_in(values: list[str], expected: str) -> None:
    assert types(*(f"k={value}" for value in values)) == {"k": expected}


def test_several_keys_keep_the_order_of_the_directories() -> None:
    found = types("region=eu/day=2024-01-01/hour=3", "region=us/day=2024-01-02/hour=12")
    assert list(found.items()) == [("region", "string"), ("day", "date"), ("hour", "int")]


@given(st.data())
def test_a_run_reads_back_every_directory_that_was_looked_at(data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from(list(KeyType)), min_size=1, max_size=3))
    rows = data.draw(st.lists(st.tuples(*(VALUES[kind] for kind in kinds)), min_size=1, max_size=5))
    names = tuple(f"k{index}" for index in range(len(kinds)))
    paths = [Partition(names=names, values=row).path for row in rows]
    keys = guess_keys(paths, where="table").keys
    assert [parse_partition_path(keys, path).path for path in paths] == paths
    # Texts may all look like numbers; what was written as dates or numbers is taken for them.
    assert all(key.type is kind for key, kind in zip(keys, kinds, strict=True) if kind is not KeyType.STRING)


@pytest.mark.parametrize(
    ("directories", "said"),
    [
        (("",), "no directories key=value"),
        (("2024/01",), "no directories key=value"),
        (("", "day=2024-01-01"), "outside of any partition"),
        (("day=2024-01-01", "day=2024-01-02/hour=1"), "does not have the partition keys"),
        (("day=2024-01-01", "date=2024-01-02"), "does not have the partition keys"),
        (("day=2024-01-01", "other"), "no directories key=value"),
        ((f"day={HIVE_NULL}",), "every partition is"),
    ],
)
def test_what_is_no_partitioned_table_is_refused(directories: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        guess_keys(directories, where="table")


def test_nulls_are_counted_and_no_bound() -> None:
    found = guess_keys((f"day={HIVE_NULL}", "day=2024-01-02", "day=2024-01-03"), where="table")
    assert (found.n_null, found.lowest, found.highest) == (1, "day=2024-01-02", "day=2024-01-03")
