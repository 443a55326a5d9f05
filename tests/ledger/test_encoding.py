"""Partitions survive the ledger whatever their values hold."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.partitions import Partition
from batch_scorer.ledger.encoding import partition_from_json, partition_to_json

values = st.one_of(st.dates(), st.integers(-(10**18), 10**18), st.text(min_size=1))
partitions = st.lists(values, min_size=1, max_size=4).map(
    lambda values: Partition(names=tuple(f"k{n}" for n in range(len(values))), values=tuple(values))
)


@given(partitions)
def test_a_partition_comes_back_from_json_equal_and_typed(partition: Partition) -> None:
    again = partition_from_json(json.loads(json.dumps(partition_to_json(partition))))
    assert again == partition
    assert [type(value) for value in again.values] == [type(value) for value in partition.values]
