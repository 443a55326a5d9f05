"""What a move of an alias makes outdated: asked of the planner that every run asks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from batch_scorer.config.cron import next_time
from batch_scorer.core.errors import UsageError
from batch_scorer.core.models import ModelPin
from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import Action, Cause, ModelChoice, PartitionPlan, Plan, Selection
from batch_scorer.core.records import Ingredients, PartitionPast
from batch_scorer.execution.at_work import living_holders
from batch_scorer.execution.parts import JobParts
from batch_scorer.execution.survey import decided

_N_EXAMPLES = 3
_NOT_WITHOUT_BEING_ASKED = (Action.OUTDATED, Action.GAVE_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequence:
    """The published partitions of a job that another model scored than the version of a move.

    n_due: of n_outdated, those that the next run scores, or waits for; due_at: when schedule.cron starts it.
    n_kept: pinned ones beside them, which stay as they are. scored_with: `taxi_tips@1`, by number.
    first, last, examples: as people write partitions. command: scores all that are outdated anew; None
    where nothing is.
    """

    job: str
    n_outdated: int
    n_due: int
    due_at: dt.datetime | None
    n_kept: int
    scored_with: tuple[str, ...]
    first: str | None
    last: str | None
    examples: tuple[str, ...]
    command: str | None

    @property
    def n_not_due(self) -> int:
        return self.n_outdated - self.n_due


def consequence(parts: JobParts, version: ModelPin, now: dt.datetime) -> Consequence:
    """Whether the alias moved already or not: the plan is made as if it meant this version.

    Raises: what keeps the job from being planned: ConfigInvalid, UsageError, StoreUnavailable, ….
    """
    schedule = parts.job.schedule
    due_at = next_time(schedule.cron, schedule.timezone, now) if schedule.cron else None
    choice = ModelChoice(version=version.reference, stays=False)
    seen = decided(parts, choice, Selection(), due_at or now)
    return consequence_of(seen.plan, seen.records, due_at)


def runs_that_go_on(parts: JobParts, version: ModelPin, now: dt.datetime, *, moved: bool) -> tuple[str, ...]:
    """Runs of the job at work now that looked what the alias means before it moved, and do not look again.

    What pins what it publishes, by --model, --as-of-date or `rollback`, is none of them.
    moved: else it only would.
    Returns: in words, each with its model, and what that means; before it has planned, it tells no model,
    and may look after the move.
    Raises: as `consequence`.
    """
    publishes = f"what it publishes {'is' if moved else 'would be'} outdated too"
    found = []
    for holder in living_holders(parts.ledger, parts.job.name):
        if holder.verb != "run" or holder.run_id is None:
            continue
        try:
            run = parts.ledger.run(holder.run_id)
        except UsageError:
            found.append(f"{holder.words(now)} may go on with what it meant before, and then {publishes}")
            continue
        if not run.choice.pins and run.model != version.reference:
            found.append(f"{holder.words(now)} goes on with {run.model}, and {publishes}")
    return tuple(found)


def consequence_of(
    plan: Plan, records: Mapping[Partition, PartitionPast], due_at: dt.datetime | None
) -> Consequence:
    """Pure. plan: of all partitions of the job, at due_at. records: of the same job."""
    outdated = [entry for entry in plan.entries if _is_outdated(entry)]
    kept = [each for each in plan.with_action(Action.KEEP) if _other_model(plan, each, records)]
    labels = [entry.label for entry in outdated]
    used = [ingredients for entry in outdated if (ingredients := _ingredients(entry, records))]
    return Consequence(
        job=plan.job,
        n_outdated=len(outdated),
        n_due=sum(entry.action not in _NOT_WITHOUT_BEING_ASKED for entry in outdated),
        due_at=due_at,
        n_kept=len(kept),
        scored_with=tuple(f"{n}@{v}" for n, v in sorted({(u.model_name, u.model_version) for u in used})),
        first=labels[0] if labels else None,
        last=labels[-1] if labels else None,
        examples=tuple(labels[:_N_EXAMPLES]),
        command=_command(plan.job, outdated) if outdated else None,
    )


def _is_outdated(entry: PartitionPlan) -> bool:
    has_other_model = any(reason.cause is Cause.MODEL_CHANGED for reason in entry.reasons)
    return entry.base_generation is not None and has_other_model


def _other_model(plan: Plan, entry: PartitionPlan, records: Mapping[Partition, PartitionPast]) -> bool:
    used = _ingredients(entry, records)
    return used is not None and used.model_sha256 != plan.model.sha256


def _ingredients(entry: PartitionPlan, records: Mapping[Partition, PartitionPast]) -> Ingredients | None:
    record = records.get(entry.partition) if entry.partition else None
    return record.current.ingredients if record and record.current else None


def _command(job: str, outdated: Sequence[PartitionPlan]) -> str:
    days = [entry.partition.date for entry in outdated if entry.partition and entry.partition.date]
    if len(days) < len(outdated):
        return f"batch-scorer run {job} --reprocess stale"
    return f"batch-scorer backfill {job} --from {min(days)} --to {max(days)} --reprocess stale"
