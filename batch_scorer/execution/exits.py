"""From what happened to the exit code a scheduler sees. Pure; the order is CLI.md's.

124/130/143/69; 6; 5; 3 or 1 if any partition failed; 4; 75; 0.
"""

from __future__ import annotations

from collections.abc import Sequence

from batch_scorer.core.errors import BatchScorerError, DamageFound, ModelError
from batch_scorer.core.outcomes import Blocked, Failed, Held, PartitionOutcome, Published

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
    if everything:
        return PARTIAL if n_published else FAILED
    if any(isinstance(outcome, Blocked) for outcome in outcomes):
        return GATED
    if n_not_ready or any(isinstance(outcome, Held) for outcome in outcomes):
        return NOT_READY
    return OK if outcomes else empty_exit_code
