"""A published partition by what people call it."""

from __future__ import annotations

from collections.abc import Iterable

from batch_scorer.core.errors import UsageError
from batch_scorer.core.records import GenerationRecord, PartitionRecord


def current_named(text: str, records: Iterable[PartitionRecord], job: str) -> GenerationRecord:
    """The current generation of `2024-01-01` or `ride_date=2024-01-01`.

    Raises: UsageError, when it was never published.
    """
    found = next((r.current for r in records if text in (r.partition.path, r.partition.label)), None)
    if found is None:
        raise UsageError(
            f"{job} has never published partition {text}",
            fix="write it as the directory is named, e.g. ride_date=2024-01-01",
            next_command=f"batch-scorer plan {job} -v",
        )
    return found
