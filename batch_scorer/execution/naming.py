"""Partitions that the ledger knows, by what people call them, or by their paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice

from batch_scorer.core.errors import UsageError
from batch_scorer.core.partitions import Partition, parse_partition_value
from batch_scorer.core.records import GenerationRecord, PartitionRecord
from batch_scorer.execution.parts import JobParts
from batch_scorer.ledger.ledger import Ledger

_AT_ONCE = 500  # partitions in one query


def record_named(parts: JobParts, text: str) -> PartitionRecord | None:
    """Of `ride_date=2024-01-01`; of a table with one key, of `2024-01-01`, too. Only this one is read.

    Raises: StoreUnavailable, DamageFound.
    """
    paths = [text]
    keys = parts.job.input.partition_by
    if len(keys) == 1:
        with suppress(ValueError):
            value = parse_partition_value(keys[0], text)
            paths.append(Partition(names=(keys[0].name,), values=(value,)).path)
    found = parts.ledger.partition_records(parts.job.name, paths)
    return next(iter(found.values()), None)


def records_at(ledger: Ledger, job: str, paths: Iterable[str]) -> Iterator[PartitionRecord]:
    """Of those hive paths that the ledger knows; of paths in order, by path. Some are read at a time.

    Raises: StoreUnavailable, DamageFound.
    """
    remaining = iter(paths)
    while some := tuple(islice(remaining, _AT_ONCE)):
        found = ledger.partition_records(job, some).values()
        yield from sorted(found, key=lambda record: record.partition.path)


def current_named(parts: JobParts, text: str) -> GenerationRecord:
    """The current generation of it. Raises: UsageError, when it was never published."""
    record = record_named(parts, text)
    if record is None or record.current is None:
        raise UsageError(
            f"{parts.job.name} has never published partition {text}",
            fix="write it as the directory is named, e.g. ride_date=2024-01-01",
            next_command=f"batch-scorer plan {parts.job.name} -v",
        )
    return record.current
