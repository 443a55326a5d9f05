"""What becomes of a partition whose chunks are all in: blocked by a gate, published, or failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batch_scorer.core.errors import BatchScorerError, DamageFound, StoreUnavailable
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

    Raises: DamageFound, StoreUnavailable: those end the run, not the partition.
    """
    verdicts = work.verdicts()
    warnings = (*work.prepared.warnings, *warnings_of(verdicts))
    entries: VerdictEntries = ()
    try:
        entries = tuple(store_verdict(parts, work.prepared, v, run_id) for v in verdicts)
        why = gate(parts, work)
        if why is not None:
            return _blocked(work, why, verdicts, warnings), entries
        record = publish(
            parts, plan, work.prepared, work.chunks, entries,
            run_id=run_id, rows=work.rows, warnings=warnings,
        )  # fmt: skip
    except (DamageFound, StoreUnavailable):
        raise
    except BatchScorerError as error:
        return failed(work, error), entries
    return _published(work, record.number, verdicts, warnings), entries


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
