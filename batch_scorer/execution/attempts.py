"""What a run did with one partition, as the ledger keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, assert_never

from batch_scorer.core.chunks import Accounting
from batch_scorer.core.durable import writing
from batch_scorer.core.errors import BatchScorerError
from batch_scorer.core.lakefiles import PartitionFiles
from batch_scorer.core.outcomes import Blocked, Failed, PartitionOutcome, Published, headline
from batch_scorer.core.plans import PartitionPlan, Plan
from batch_scorer.core.records import AttemptRecord, AttemptState
from batch_scorer.execution.parts import JobParts
from batch_scorer.execution.prepare import Prepared
from batch_scorer.planning.plan import ingredients_for


def make_staging(prepared: Prepared) -> None:
    """Raises: OutputUnwritable, DiskFull."""
    with writing(prepared.staging):
        prepared.staging.mkdir(parents=True)


def record(
    parts: JobParts,
    plan: Plan,
    entry: PartitionPlan,
    outcome: PartitionOutcome,
    *,
    run_id: str,
    started_at: datetime,
    found: PartitionFiles | None = None,
    rows: Accounting | None = None,
    verdicts: tuple[Mapping[str, Any], ...] = (),
) -> None:
    """One row for the ledger, whatever became of the partition."""
    found = found or entry.found
    parts.ledger.record_attempt(
        AttemptRecord(
            run_id=run_id,
            job=parts.job.name,
            partition=entry.partition,
            partition_label=entry.label,
            partition_path=entry.partition.path if entry.partition else entry.label,
            state=_state(outcome),
            ingredients=ingredients_for(plan, found) if found else None,
            reasons=tuple(reason.text for reason in entry.reasons),
            started_at=started_at,
            finished_at=datetime.now(UTC),
            rows=rows,
            generation=outcome.generation if isinstance(outcome, Published) else None,
            headline=headline(outcome),
            error=_error(outcome),
            verdicts=verdicts,
            warnings=outcome.warnings,
            cost=outcome.cost,
        )
    )


def _state(outcome: PartitionOutcome) -> AttemptState:
    match outcome:
        case Published():
            return AttemptState.PUBLISHED
        case Blocked():
            return AttemptState.BLOCKED
        case Failed():
            return AttemptState.FAILED
        case _:
            assert_never(outcome)


def _error(outcome: PartitionOutcome) -> Mapping[str, Any] | None:
    error: BatchScorerError | None = outcome.error if isinstance(outcome, Failed) else None
    return error.as_dict() if error else None
