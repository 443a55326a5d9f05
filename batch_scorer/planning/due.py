"""Is one partition due? The paragraph "Due" of the command-line contract, one rule at a time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from batch_scorer.core.lakefiles import PartitionFiles
from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import Action, Cause, Reason, Reprocess, Selection
from batch_scorer.core.records import CurrentGeneration
from batch_scorer.planning.calendar import day_is_over, within_lookback
from batch_scorer.planning.selection import as_options, is_ranged
from batch_scorer.planning.staleness import Assessment, Status

if TYPE_CHECKING:
    from batch_scorer.config.job import Job


_AGAIN = Reason(cause=Cause.ASKED, text="asked for again")
_ALL = Reason(cause=Cause.ASKED, text="asked for: --reprocess all")


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """What is the same for every partition of one plan. now: aware; today: its day in the job's time zone.

    generations: by hive path, what Selection.exactly expects.
    """

    job: Job
    selection: Selection
    now: dt.datetime
    today: dt.date
    generations: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    action: Action
    reasons: tuple[Reason, ...]


def decide(night: Night, found: PartitionFiles, assessment: Assessment) -> Decision:
    """What to do with a partition that has a directory. Limits on how many come later."""
    if assessment.current is not None and not found.files:
        return vanished(assessment.current)
    if assessment.current is not None and _was_overtaken(night, found.partition, assessment.current):
        text = f"generation {assessment.current.number} was published since"
        return Decision(action=Action.SKIP, reasons=(Reason(cause=Cause.UP_TO_DATE, text=text),))
    decision = _due(night, found.partition, assessment)
    if decision.action is not Action.SCORE:
        return decision
    waits = _waits_for(night, found)
    return Decision(action=Action.WAIT, reasons=(waits,)) if waits else decision


def vanished(current: CurrentGeneration) -> Decision:
    """Published, and its input is gone: reported, never deleted."""
    text = f"input vanished; the published predictions (v{current.ingredients.model_version}) stay"
    return Decision(action=Action.VANISHED, reasons=(Reason(cause=Cause.INPUT_VANISHED, text=text),))


def _was_overtaken(night: Night, partition: Partition, current: CurrentGeneration) -> bool:
    """By a nightly run, or by the very run that is retried: recovery may find what it had made visible."""
    return bool(night.generations) and night.generations[partition.path] != current.number


def _due(night: Night, partition: Partition, assessment: Assessment) -> Decision:
    match assessment.status:
        case Status.MISSING:
            return Decision(action=Action.SCORE, reasons=assessment.reasons)
        case Status.FAILED:
            return _failed(night, partition, assessment)
        case Status.STALE:
            return _stale(night, partition, assessment)
        case Status.RELEASED:
            return _released(night, assessment)
        case Status.FRESH:
            return _unless_all(night, Decision(action=Action.SKIP, reasons=assessment.reasons))
        case Status.PINNED:
            return _unless_all(night, Decision(action=Action.KEEP, reasons=assessment.reasons))
        case _:
            assert_never(assessment.status)


def _unless_all(night: Night, otherwise: Decision) -> Decision:
    if night.selection.reprocess is not Reprocess.ALL and not night.selection.exactly:
        return otherwise
    return Decision(action=Action.SCORE, reasons=(_AGAIN if night.selection.exactly else _ALL,))


def _failed(night: Night, partition: Partition, assessment: Assessment) -> Decision:
    selection, give_up_after = night.selection, night.job.schedule.catchup.give_up_after
    if selection.reprocess is Reprocess.MISSING:
        first, *rest = assessment.reasons
        return Decision(
            action=Action.SKIP, reasons=(replace(first, text=f"not asked for; {first.text}"), *rest)
        )
    if selection.is_explicit or give_up_after is None or assessment.tries < give_up_after:
        return Decision(action=Action.SCORE, reasons=assessment.reasons)
    text = f"tried {assessment.tries} times, given up; {_backfill(night.job, partition)}"
    enough = Reason(cause=Cause.TRIED_ENOUGH, text=text)
    return Decision(action=Action.GAVE_UP, reasons=(*assessment.reasons, enough))


def _released(night: Night, assessment: Assessment) -> Decision:
    """Somebody asked for this very partition, so lookback has no say; a step of the ladder below it has."""
    below = (Reprocess.MISSING, Reprocess.FAILED)
    if assessment.current is not None and night.selection.reprocess in below:
        first, *rest = assessment.reasons
        reasons = (replace(first, text=f"not asked for; {first.text}"), *rest)
        return Decision(action=Action.SKIP, reasons=reasons)
    return Decision(action=Action.SCORE, reasons=assessment.reasons)


def _stale(night: Night, partition: Partition, assessment: Assessment) -> Decision:
    if assessment.current is None or _stale_is_due(night, partition, assessment):
        return Decision(action=Action.SCORE, reasons=assessment.reasons)
    version = assessment.current.ingredients.model_version
    command = _backfill(night.job, partition)
    first, *rest = assessment.reasons
    reasons = [Reason(cause=first.cause, text=f"(v{version}), not due; {first.text}"), *rest]
    reasons[-1] = Reason(cause=reasons[-1].cause, text=f"{reasons[-1].text}; {command}")
    return Decision(action=Action.OUTDATED, reasons=tuple(reasons))


def _stale_is_due(night: Night, partition: Partition, assessment: Assessment) -> bool:
    """Without a date, lookback says nothing about a partition, and only its input counts."""
    selection, lookback = night.selection, night.job.schedule.lookback
    if selection.reprocess is not None:
        return selection.reprocess in (Reprocess.STALE, Reprocess.ALL)
    if is_ranged(selection):
        return True
    if lookback is None or partition.date is None:
        return assessment.has(Cause.INPUT_CHANGED)
    return within_lookback(partition.date, night.today, lookback)


def _waits_for(night: Night, found: PartitionFiles) -> Reason | None:
    schedule, ready, day = night.job.schedule, night.job.input.ready, found.partition.date
    if day is not None and not day_is_over(day, night.today, schedule.include_today):
        return Reason(cause=Cause.DAY_NOT_OVER, text=f"its day is not over in {schedule.timezone}")
    if not found.files:
        return _not_ready("no Parquet files")
    if ready.marker is not None and not found.has_marker:
        return _not_ready(f"no {ready.marker}")
    if ready.min_age is not None:
        changed = dt.datetime.fromtimestamp(found.newest_mtime_ns // 10**9, tz=dt.UTC)
        if night.now - changed < ready.min_age:
            return _not_ready(f"changed at {changed:%Y-%m-%d %H:%M:%SZ}, min_age {ready.min_age}")
    return None


def _not_ready(why: str) -> Reason:
    return Reason(cause=Cause.NOT_READY, text=f"not ready: {why}")


def _backfill(job: Job, partition: Partition) -> str:
    """The command that scores exactly this partition."""
    day = partition.date
    if day is not None and len(partition.names) == 1:
        return f"batch-scorer backfill {job.name} --from {day} --to {day}"
    pairs = zip(partition.names, map(str, partition.values), strict=True)
    return f"batch-scorer backfill {job.name}{as_options(Selection(partitions=tuple(pairs)))}"
