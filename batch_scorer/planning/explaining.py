"""Every ingredient of one decision (`plan --explain`): what it was, what it is, and which rule applied."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from batch_scorer.core.lakefiles import LakeFile, PartitionFiles, content_fingerprint
from batch_scorer.core.plans import Action, PartitionPlan, Plan
from batch_scorer.core.records import AttemptRecord, CurrentGeneration, PartitionPast, Pin
from batch_scorer.core.waivers import Waived
from batch_scorer.planning.calendar import day_is_over
from batch_scorer.planning.plan import ingredients_for
from batch_scorer.planning.rules import rule_applied
from batch_scorer.planning.staleness import compare_input

if TYPE_CHECKING:
    from batch_scorer.config.job import Job

_MAX_FILES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """then: when the current generation was made, None for a partition without one. now: None when nobody
    knows it yet. same: None when there is nothing to compare.
    """

    then: str | None
    now: str | None
    same: bool | None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """counts: it was made with exactly today's ingredients, so give_up_after counts it."""

    run_id: str
    state: str
    at: dt.datetime
    headline: str
    counts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """waived, and whether it is for the input that is there now."""

    waived: Waived
    fits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """generation: the current one. lease: who holds it, None for nobody. rule: in words."""

    rule: str
    generation: int | None
    input: Compared
    model: Compared
    suites: Compared
    config: Compared
    code: Compared
    ready: tuple[str, ...]
    lease: str | None
    tries: tuple[Try, ...]
    pin: Pin | None
    releases: tuple[Release, ...]


def explain(
    job: Job,
    plan: Plan,
    entry: PartitionPlan,
    record: PartitionPast | None,
    *,
    now: dt.datetime,
    lease: str | None,
    code_then: str | None,
    code_now: str,
) -> Explanation:
    """record: what the plan was made from. code_then: batch-scorer's version that made the generation."""
    current = record.current if record else None
    then = current.ingredients if current else None
    model_then = f"{then.model_name}@{then.model_version} {then.model_sha256}" if then else None
    model = plan.model_of(entry)
    model_now = f"{model.reference} {model.sha256}"
    same_model = then.model_sha256 == model.sha256 if then else None
    tries = tuple(_tries(plan, entry, record))
    return Explanation(
        rule=rule_applied(job, plan, entry, n_tries=sum(each.counts for each in tries)),
        generation=current.number if current else None,
        input=_input(current, entry.found),
        model=_compared(model_then, model_now, same=same_model),
        suites=_compared(then.suite_fingerprint if then else None, plan.suite_fingerprint),
        config=_compared(then.config_fingerprint if then else None, plan.config_fingerprint),
        code=_compared(code_then, code_now, note="a new version makes nothing stale"),
        ready=tuple(_ready(job, plan, entry, now)),
        lease=lease,
        tries=tries,
        pin=current.pin if current else None,
        releases=tuple(_releases(record, current, entry.found)),
    )


def _compared(then: str | None, now: str, *, same: bool | None = None, note: str = "") -> Compared:
    if then is None:
        return Compared(then=None, now=now, same=None, note=note)
    return Compared(then=then, now=now, same=then == now if same is None else same, note=note)


def _input(current: CurrentGeneration | None, found: PartitionFiles | None) -> Compared:
    then = current.input_fingerprint if current else None
    if found is None:
        return Compared(then=then, now=None, same=None if then is None else False, note="no directory")
    if current is None:
        return Compared(then=None, now=_content(found), same=None, note=_files(found))
    same, _ = compare_input(current, found, found.stamp_fingerprint)
    if same:
        return Compared(then=then, now=then, same=True, note=_files(found))
    return Compared(then=then, now=_content(found), same=False, note=_file_changes(current, found))


def _content(found: PartitionFiles) -> str | None:
    """None when some file was never hashed: a run does that."""
    known = found.files and all(file.content_id is not None for file in found.files)
    return content_fingerprint(found.files) if known else None


def _files(found: PartitionFiles) -> str:
    files = "file" if len(found.files) == 1 else "files"
    return f"{len(found.files):,} {files}, {found.n_bytes:,} bytes"


def _file_changes(current: CurrentGeneration, found: PartitionFiles) -> str:
    then = {file.path: file for file in current.inputs or ()}
    now = {file.path: file for file in found.files}
    changes = [
        f"{path.rpartition('/')[2]} {_file_change(then.get(path), now.get(path))}"
        for path in sorted(then.keys() | now.keys())
        if path not in then or path not in now or then[path].stamp != now[path].stamp
    ]
    n_more = len(changes) - _MAX_FILES
    return ", ".join(changes[:_MAX_FILES]) + (f" and {n_more:,} more" if n_more > 0 else "")


def _file_change(then: LakeFile | None, now: LakeFile | None) -> str:
    if then is None:
        return "is new"
    if now is None:
        return "is gone"
    if then.stamp.size != now.stamp.size:
        return f"was {then.stamp.size:,} bytes, is {now.stamp.size:,}"
    return "was written again"


def _tries(plan: Plan, entry: PartitionPlan, record: PartitionPast | None) -> Iterator[Try]:
    now = ingredients_for(plan, plan.model_of(entry), entry.found) if entry.found else None
    attempts: tuple[AttemptRecord, ...] = record.attempts if record else ()
    for attempt in attempts:
        yield Try(
            run_id=attempt.run_id,
            state=attempt.state.value,
            at=attempt.finished_at,
            headline=attempt.headline,
            counts=attempt.ingredients == now,
        )


def _ready(job: Job, plan: Plan, entry: PartitionPlan, now: dt.datetime) -> Iterator[str]:
    found, ready = entry.found, job.input.ready
    day = entry.partition.date if entry.partition else None
    if day is not None:
        over = day_is_over(day, plan.today, job.schedule.include_today)
        today = " (include_today)" if over and day == plan.today else ""
        yield f"its day is {'over' if over and not today else 'not over'} in {plan.timezone}{today}"
    if found is None or entry.action is Action.REFUSED:
        yield "no directory" if entry.action is not Action.REFUSED else "its directory is refused"
        return
    if not found.files:
        yield "no Parquet files"
    if ready.marker is not None:
        yield f"{ready.marker} is there" if found.has_marker else f"no {ready.marker}"
    if ready.min_age is not None and found.files:
        changed = dt.datetime.fromtimestamp(found.newest_mtime_ns // 10**9, tz=dt.UTC)
        age = dt.timedelta(seconds=int((now - changed).total_seconds()))
        yield f"last changed {age} ago, min_age {ready.min_age}"


def _releases(
    record: PartitionPast | None, current: CurrentGeneration | None, found: PartitionFiles | None
) -> Iterator[Release]:
    stamps = found.stamp_fingerprint if found else None
    same_input = current is not None and found is not None and compare_input(current, found, stamps or "")[0]
    content = current.input_fingerprint if current and same_input else None
    for waiver in record.waivers if record else ():
        fits = stamps == waiver.stamps or content == waiver.input_fingerprint
        yield Release(waived=waiver.waived, fits=fits)
