"""From what happened to a run's report, and the exit code that a scheduler sees. The order is CLI.md's.

124/130/143/69; 6; 5; 69 if a store that was away failed every partition; 3 or 1 if any failed; 4; 75; 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from batch_scorer.core.chunks import ChunkCost
from batch_scorer.core.errors import BatchScorerError, DamageFound, ModelError, StoreUnavailable
from batch_scorer.core.outcomes import Blocked, Failed, Held, PartitionOutcome, Published
from batch_scorer.core.records import RunRecord, RunState
from batch_scorer.core.runs import RunOptions, RunReport
from batch_scorer.execution.under_way import RunUnderWay

OK, FAILED, USAGE, PARTIAL, GATED, MODEL, DAMAGE = 0, 1, 2, 3, 4, 5, 6
NOT_READY = 75


def exit_code(
    outcomes: Sequence[PartitionOutcome],
    *,
    stopped_by: BatchScorerError | None = None,
    n_not_ready: int = 0,
    empty_exit_code: int = OK,
) -> int:
    """stopped_by: what ended the run as a whole, if anything. n_not_ready: due, but waiting."""
    failures = [outcome.error for outcome in outcomes if isinstance(outcome, Failed)]
    if stopped_by is not None and stopped_by.exit_code not in (FAILED, MODEL, DAMAGE):
        return stopped_by.exit_code
    everything = [*failures, *([stopped_by] if stopped_by else [])]
    if any(isinstance(error, DamageFound) for error in everything):
        return DAMAGE
    if any(isinstance(error, ModelError) for error in everything):
        return MODEL
    n_published = sum(isinstance(outcome, Published) for outcome in outcomes)
    if everything and not n_published and all(isinstance(error, StoreUnavailable) for error in everything):
        return StoreUnavailable.exit_code  # it was away all the time: nobody's data is to blame
    if everything:
        return PARTIAL if n_published else FAILED
    if any(isinstance(outcome, Blocked) for outcome in outcomes):
        return GATED
    if n_not_ready or any(isinstance(outcome, Held) for outcome in outcomes):
        return NOT_READY
    return OK if outcomes else empty_exit_code


def report_of(run: RunUnderWay, stopped_by: BatchScorerError | None, warnings: Sequence[str]) -> RunReport:
    """stopped_by: what ended the run as a whole, if anything. warnings: of the run as a whole."""
    outcomes = run.outcomes
    code = exit_code(
        outcomes,
        stopped_by=stopped_by,
        n_not_ready=len(run.plan.not_ready),
        empty_exit_code=run.options.empty_exit_code,
    )
    if code == OK and _is_asked_to_fail(run.options, outcomes):
        code = FAILED
    finished = _finished(run.record, outcomes, code, stopped_by)
    return RunReport(run=finished, outcomes=tuple(outcomes), exit_code=code, warnings=tuple(warnings))


def _is_asked_to_fail(options: RunOptions, outcomes: Sequence[PartitionOutcome]) -> bool:
    """--error-on: what is good enough for readers, and not for who runs it."""
    if options.error_on == "warning":
        return any(outcome.warnings for outcome in outcomes)
    published = (outcome for outcome in outcomes if isinstance(outcome, Published))
    return options.error_on == "quarantine" and any(outcome.rows.n_quarantined for outcome in published)


def _finished(
    run: RunRecord,
    outcomes: Sequence[PartitionOutcome],
    code: int,
    stopped_by: BatchScorerError | None,
) -> RunRecord:
    return replace(
        run,
        state=RunState.FINISHED,
        finished_at=datetime.now(UTC),
        exit_code=code,
        n_published=sum(isinstance(outcome, Published) for outcome in outcomes),
        n_blocked=sum(isinstance(outcome, Blocked) for outcome in outcomes),
        n_failed=sum(isinstance(outcome, Failed) for outcome in outcomes),
        cost=sum((outcome.cost for outcome in outcomes), ChunkCost()),
        error=stopped_by.as_dict() if stopped_by else None,
    )
