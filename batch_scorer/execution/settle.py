"""What becomes of a partition whose chunks are all in: blocked by a gate, published, or failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batch_scorer.core.errors import BatchScorerError, StoreUnavailable
from batch_scorer.core.outcomes import Blocked, Failed, PartitionOutcome, Published
from batch_scorer.core.plans import Plan
from batch_scorer.core.validation import SuiteVerdict
from batch_scorer.execution.gates import warnings_of, why_blocked
from batch_scorer.execution.parts import JobParts
from batch_scorer.execution.publish import publish, store_verdict
from batch_scorer.execution.work import PartitionWork

VerdictEntries = tuple[Mapping[str, Any], ...]


def gate(parts: JobParts, work: PartitionWork) -> str | None:
    """The first gate that stops it, in words, from the verdicts that are in so far."""
    return why_blocked(work.rows, work.verdicts(), min_rows=parts.job.validation.volume.min_rows)


def conclude(
    parts: JobParts, plan: Plan, work: PartitionWork, run_id: str
) -> tuple[PartitionOutcome, VerdictEntries]:
    """Everything is known: keep the suite results, then block or publish.

    Raises: StoreUnavailable: that ends the run, not the partition.
    """
    verdicts = work.verdicts()
    warnings = (*work.prepared.warnings, *_nothing_left(work), *warnings_of(verdicts))
    entries: VerdictEntries = ()
    try:
        entries = tuple(store_verdict(parts, work.prepared, v, run_id) for v in verdicts)
        why = gate(parts, work) or _duplicates(parts, work)
        if why is not None:
            return _blocked(work, why, verdicts, warnings), entries
        record = publish(
            parts, plan, work.prepared, work.chunks, entries,
            run_id=run_id, rows=work.rows, warnings=warnings,
        )  # fmt: skip
    except StoreUnavailable:
        raise
    except BatchScorerError as error:
        return failed(work, error), entries
    return _published(work, record.number, verdicts, warnings), entries


def _duplicates(parts: JobParts, work: PartitionWork) -> str | None:
    """The key must name one row: an output that cannot be joined back one to one is of no use."""
    from batch_scorer.lake.keys import duplicate_keys

    staging = work.prepared.staging
    files = [staging / file.name for chunk in work.chunks for file in chunk.files]
    found = duplicate_keys(files, parts.job.input.key, n_rows=work.rows.n_scored)
    if not found.n_rows:
        return None
    key = ", ".join(parts.job.input.key)
    return f"key ({key}) repeats in {found.n_rows:,} rows, e.g. {', '.join(found.examples[:2])}"


def _nothing_left(work: PartitionWork) -> tuple[str, ...]:
    rows = work.rows
    if rows.n_scored or not rows.n_read:
        return ()
    return (f"all {rows.n_read:,} rows were dropped by input.where: an empty partition was published",)


def failed(work: PartitionWork, error: BatchScorerError) -> Failed:
    entry = work.prepared.entry
    return Failed(partition=entry.partition, label=entry.label, error=error, cost=work.cost)


def _blocked(
    work: PartitionWork, why: str, verdicts: tuple[SuiteVerdict, ...], warnings: tuple[str, ...]
) -> Blocked:
    return Blocked(
        partition=work.prepared.partition,
        label=work.prepared.entry.label,
        why=why,
        had_predictions=work.prepared.entry.base_generation is not None,
        verdicts=verdicts,
        warnings=warnings,
        cost=work.cost,
    )


def _published(
    work: PartitionWork,
    generation: int,
    verdicts: tuple[SuiteVerdict, ...],
    warnings: tuple[str, ...],
) -> Published:
    return Published(
        partition=work.prepared.partition,
        label=work.prepared.entry.label,
        generation=generation,
        rows=work.rows,
        verdicts=verdicts,
        warnings=warnings,
        cost=work.cost,
    )
