"""The types of the partition keys, then and now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING

from batch_scorer.core.errors import ConfigInvalid
from batch_scorer.core.partitions import KeyType, Partition, PartitionValue
from batch_scorer.core.records import PartitionPast

if TYPE_CHECKING:
    from batch_scorer.config.job import Job


def check_key_types(job: Job, records: Mapping[Partition, PartitionPast]) -> None:
    """What is published was published under keys of the types that the job declares.

    Values are kept with their types: `7` and `"7"` are one directory and two partitions, and the second
    would be scored as missing while the first counts as vanished.
    Raises: ConfigInvalid.
    """
    declared = {key.name: key.type for key in job.input.partition_by}
    for partition, record in records.items():
        if record.current is None or partition.names != tuple(declared):
            continue
        for name, value in zip(partition.names, partition.values, strict=True):
            if _type_of(value) is not declared[name]:
                raise _changed(job, name, _type_of(value), declared[name], partition)


def _type_of(value: PartitionValue) -> KeyType:
    match value:
        case dt.date():
            return KeyType.DATE
        case int():
            return KeyType.INT
        case str():
            return KeyType.STRING


def _changed(job: Job, name: str, then: KeyType, now: KeyType, partition: Partition) -> ConfigInvalid:
    return ConfigInvalid(
        f'partition key "{name}" is {now}, but {partition.path} was published when it was {then}',
        where=f"jobs/{job.name}.yml, input.partition_by.{name}",
        fix=f"set it back to {then}, or publish under a new job name and output.path",
        next_command=f"batch-scorer validate-config {job.name} --resolved",
    )
