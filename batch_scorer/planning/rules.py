"""Which rule of "Due" decided about a partition, in words, with the numbers of this job and this night."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from batch_scorer.core.plans import Action, Cause, PartitionPlan, Plan, Reprocess
from batch_scorer.planning.calendar import first_day_of
from batch_scorer.planning.selection import as_options, is_ranged

if TYPE_CHECKING:
    from batch_scorer.config.job import Job


def rule_applied(job: Job, plan: Plan, entry: PartitionPlan, *, n_tries: int) -> str:
    """n_tries: how often exactly these ingredients failed or were blocked."""
    match entry.action:
        case Action.SCORE | Action.LATER:
            why = _due(job, plan, entry, n_tries)
            return f"{why}; put off: {entry.reasons[-1].text}" if entry.action is Action.LATER else why
        case Action.SKIP if entry.reasons[0].cause is not Cause.UP_TO_DATE:
            return f"--reprocess {plan.selection.reprocess} leaves it out"
        case Action.SKIP:
            return "nothing that it was made of has changed"
        case Action.WAIT:
            return _waits(job, entry)
        case Action.OUTDATED:
            return _not_due(job, plan, entry)
        case Action.GAVE_UP:
            return f"tried {n_tries} times, catchup.give_up_after is {job.schedule.catchup.give_up_after}"
        case Action.KEEP:
            return "a pin holds until unpin or --reprocess all"
        case Action.VANISHED:
            return "what is published stays when its input is gone"
        case Action.REFUSED:
            return "a directory that is no partition fails each run until it is renamed or removed"
        case _:
            assert_never(entry.action)


def _due(job: Job, plan: Plan, entry: PartitionPlan, n_tries: int) -> str:
    causes, catchup = {reason.cause for reason in entry.reasons}, job.schedule.catchup
    if Cause.ASKED in causes:
        return "--reprocess all scores whatever there is"
    if causes & {Cause.FAILED_BEFORE, Cause.BLOCKED_BEFORE}:
        return (
            f"tried {n_tries} {'time' if n_tries == 1 else 'times'}, {_patience(plan, catchup.give_up_after)}"
        )
    if Cause.RELEASED in causes:
        return "a release makes it due, whatever its day"
    if Cause.MISSING in causes:
        return f"missing, {_at_most(plan, catchup.max_partitions)}"
    return _stale(job, plan, entry)


def _patience(plan: Plan, give_up_after: int | None) -> str:
    if give_up_after is None:
        return "and without catchup.give_up_after it is tried for ever"
    if plan.selection.is_explicit:
        return f"and asked for, which lifts catchup.give_up_after {give_up_after}"
    return f"catchup.give_up_after is {give_up_after}"


def _at_most(plan: Plan, max_partitions: int | None) -> str:
    if is_ranged(plan.selection):
        return "and asked for: no limit applies but --limit"
    if max_partitions is None:
        return "and without catchup.max_partitions all missing ones are due"
    return f"catchup.max_partitions is {max_partitions}"


def _stale(job: Job, plan: Plan, entry: PartitionPlan) -> str:
    asked, lookback = plan.selection, job.schedule.lookback
    if asked.reprocess in (Reprocess.STALE, Reprocess.ALL) or is_ranged(asked):
        return f"stale, and asked for by{as_options(asked)}, which lifts schedule.lookback"
    if lookback is None or entry.partition is None or entry.partition.date is None:
        return f"stale, and changed input is always due {_without(job)}"
    return f"stale, and not before {first_day_of(plan.today, lookback)}, where schedule.lookback begins"


def _not_due(job: Job, plan: Plan, entry: PartitionPlan) -> str:
    asked, lookback = plan.selection, job.schedule.lookback
    if asked.reprocess is not None:
        return f"--reprocess {asked.reprocess} leaves out what is stale"
    if lookback is None or entry.partition is None or entry.partition.date is None:
        return f"stale, and only changed input is due {_without(job)}"
    return f"stale, and before {first_day_of(plan.today, lookback)}, where schedule.lookback begins"


def _without(job: Job) -> str:
    return "without a date" if job.schedule.lookback else "without schedule.lookback"


def _waits(job: Job, entry: PartitionPlan) -> str:
    match entry.reasons[0].cause:
        case Cause.DAY_NOT_OVER if job.schedule.include_today:
            return "a day to come is never due"
        case Cause.DAY_NOT_OVER:
            return "a day is due when it has ended; schedule.include_today is false"
        case Cause.NO_DIRECTORY:
            return f"schedule.expect is {job.schedule.expect}"
        case _:
            return "due, but input.ready does not hold"
