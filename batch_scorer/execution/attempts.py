"""What a run did with one partition, as the ledger keeps it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, assert_never

from batch_scorer.core.chunks import Accounting
from batch_scorer.core.errors import BatchScorerError, DamageFound, InputMoved, LeaseLost, OutputError
from batch_scorer.core.lakefiles import PartitionFiles
from batch_scorer.core.outcomes import (
    Blocked,
    Failed,
    Held,
    Overtaken,
    PartitionOutcome,
    Published,
    headline,
)
from batch_scorer.core.plans import PartitionPlan
from batch_scorer.core.records import AttemptRecord, AttemptState
from batch_scorer.execution.prepare import Prepared
from batch_scorer.execution.publishing.openings import discard_staging
from batch_scorer.execution.publishing.recovery import half_published
from batch_scorer.execution.under_way import RunUnderWay, VerdictEntries
from batch_scorer.ops.logs import TOLD
from batch_scorer.planning.plan import ingredients_for

_told = logging.getLogger(TOLD)
_LEVELS = {Blocked: logging.WARNING, Failed: logging.ERROR}


def record(
    run: RunUnderWay,
    entry: PartitionPlan,
    outcome: PartitionOutcome,
    *,
    started_at: datetime,
    under_lease: bool = True,
    found: PartitionFiles | None = None,
    rows: Accounting | None = None,
    verdicts: VerdictEntries = (),
) -> None:
    """One row for the ledger of what this run did; what it left to others is no attempt.

    under_lease: our lease on the partition ends with the attempt.
    """
    ledger, job = run.parts.ledger, run.parts.job.name
    token = run.leases.token if under_lease else None
    if isinstance(outcome, Held | Overtaken):
        if token is not None and entry.partition is not None:
            ledger.release_lease(job, entry.partition, token)
        return
    _told.log(_LEVELS.get(type(outcome), logging.INFO), "%s: %s", entry.label, headline(outcome))
    for how, n_rows in outcome.cost.scored_by.items():
        _told.info("%s: %s rows scored by %s", entry.label, n_rows, how)
    found = found or entry.found
    ledger.record_attempt(
        AttemptRecord(
            run_id=run.run_id,
            job=job,
            partition=entry.partition,
            partition_label=entry.label,
            partition_path=entry.partition.path if entry.partition else entry.label,
            state=_state(outcome),
            ingredients=ingredients_for(run.plan, run.plan.model_of(entry), found) if found else None,
            reasons=(*(reason.text for reason in entry.reasons), *_went_on(outcome)),
            started_at=started_at,
            finished_at=datetime.now(UTC),
            rows=rows,
            generation=outcome.generation if isinstance(outcome, Published) else None,
            headline=headline(outcome),
            error=_error(outcome),
            verdicts=verdicts,
            warnings=outcome.warnings,
            cost=outcome.cost,
        ),
        token,
    )


def close(run: RunUnderWay, prepared: Prepared, outcome: PartitionOutcome) -> None:
    """What an ended attempt leaves behind: finished chunks, if a later run may use them, or nothing."""
    parts = run.parts
    match outcome:
        case Published():
            discard_staging(parts, prepared.partition)
        case Held() | Overtaken():
            return  # it is somebody else's now
        case Failed(error=error) if not isinstance(error, InputMoved | OutputError | DamageFound):
            return
        case _:
            # Blocked, or its chunks are of no use: they are of other input, or fill a full disk.
            if half_published(parts, prepared.partition):
                return  # what is staged, perhaps the generation before, is the recovery's to decide about
            with suppress(LeaseLost):
                parts.ledger.close_opening(parts.job.name, prepared.partition, run.leases.token)
                discard_staging(parts, prepared.partition)


def _state(outcome: Published | Blocked | Failed) -> AttemptState:
    match outcome:
        case Published():
            return AttemptState.PUBLISHED
        case Blocked():
            return AttemptState.BLOCKED
        case Failed():
            return AttemptState.FAILED
        case _:
            assert_never(outcome)


def _went_on(outcome: PartitionOutcome) -> tuple[str, ...]:
    if not isinstance(outcome, Published) or not outcome.n_reused:
        return ()
    return (f"went on where an earlier run stopped: {outcome.n_reused:,} rows were scored already",)


def _error(outcome: PartitionOutcome) -> Mapping[str, Any] | None:
    error: BatchScorerError | None = outcome.error if isinstance(outcome, Failed) else None
    return error.as_dict() if error else None
