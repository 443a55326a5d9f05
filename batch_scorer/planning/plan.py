"""From what is in the lake and what the ledger remembers to a plan. No I/O, no clock: `now` is handed in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import replace
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING

from batch_scorer.core.errors import InputError
from batch_scorer.core.lakefiles import (
    Footer,
    Inventory,
    LakeFile,
    PartitionFiles,
)
from batch_scorer.core.models import ModelPin
from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import JOBS_OWN, Action, ModelChoice, PartitionPlan, Plan, Selection
from batch_scorer.core.records import CurrentGeneration, Ingredients, PartitionPast
from batch_scorer.planning.arrivals import never_arrived
from batch_scorer.planning.calendar import today_in
from batch_scorer.planning.due import Decision, Night, decide, vanished
from batch_scorer.planning.keys import check_key_types
from batch_scorer.planning.limits import with_limits
from batch_scorer.planning.refusals import asked_for, ignored_files, nameless, refused_entry
from batch_scorer.planning.selection import (
    check_selection,
    is_ranged,
    keep_predicate,
    not_found,
    overlap_predicate,
)
from batch_scorer.planning.staleness import NEVER_SEEN, assess
from batch_scorer.planning.volume import with_baselines

if TYPE_CHECKING:
    from batch_scorer.config.job import Job

__all__ = ["build_plan", "check_selection", "ingredients_for", "keep_predicate", "with_footers"]


_NO_OTHERS: Mapping[Partition, ModelPin] = MappingProxyType({})


def build_plan(
    job: Job,
    *,
    inventory: Inventory,
    choice: ModelChoice = JOBS_OWN,
    model: ModelPin,
    models: Mapping[Partition, ModelPin] = _NO_OTHERS,
    suite_fingerprint: str,
    config_fingerprint: str,
    records: Mapping[Partition, PartitionPast],
    selection: Selection,
    now: dt.datetime,
) -> Plan:
    """What is due at `now` (aware), and why, for every partition that was asked for.

    inventory: files that `needs_content` named have their sha256. records: of this job, all of them.
    models: of the partitions that another one than `model` scores.
    Raises: UsageError, as check_selection; ConfigInvalid, as check_key_types.
    """
    today = today_in(job.schedule.timezone, now)
    night = Night(job=job, selection=selection, now=now, today=today, generations=dict(selection.exactly))
    plan = Plan(
        job=job.name,
        today=today,
        timezone=job.schedule.timezone,
        selection=selection,
        choice=choice,
        model=model,
        suite_fingerprint=suite_fingerprint,
        config_fingerprint=config_fingerprint,
        entries=(),
    )
    check_key_types(job, records)
    keep = keep_predicate(job, selection)
    found, kept = inventory.partitions, records
    if is_ranged(selection):
        found = tuple(files for files in found if keep(files.partition))
        kept = {partition: record for partition, record in records.items() if keep(partition)}
    refused = asked_for(inventory.refused, selection, overlap_predicate(job, selection))
    there = {files.partition for files in found} | {each.partition for each in refused}
    plan = _with_found(plan, night, found, kept, models)
    others = _without_directory(there, kept)
    others += never_arrived(night, keep, _days(there, kept))
    others += map(refused_entry, refused)
    entries = sorted([*plan.entries, *others], key=_place)
    warnings = [*nameless(inventory.refused, selection), *ignored_files(found)]
    warnings = [*not_found(selection, entries), *warnings]
    if is_ranged(selection) and not entries and not selection.exactly:
        warnings.insert(0, "no partition in the lake or the ledger is what was asked for")
    plan = with_limits(night, replace(plan, entries=tuple(entries), warnings=tuple(warnings)))
    return with_baselines(job, plan, records)


def _days(*partitions: Iterable[Partition | None]) -> Iterator[dt.date]:
    for partition in chain(*partitions):
        if partition is not None and partition.date is not None:
            yield partition.date


def _place(entry: PartitionPlan) -> str:
    return entry.partition.path if entry.partition else entry.label


def ingredients_for(plan: Plan, model: ModelPin, found: PartitionFiles) -> Ingredients:
    """Everything that decides whether what the plan makes of these files is up to date.

    model: the one that scores them, see Plan.model_of.
    """
    return Ingredients(
        stamps=found.stamp_fingerprint,
        model_name=model.name,
        model_version=model.version,
        model_sha256=model.sha256,
        suite_fingerprint=plan.suite_fingerprint,
        config_fingerprint=plan.config_fingerprint,
    )


def with_footers(plan: Plan, footers: Mapping[Partition, tuple[Footer, ...] | InputError]) -> Plan:
    """The plan with what the footers of its SCORE partitions say, or why they say nothing."""
    return replace(plan, entries=tuple(_with_footer(entry, footers) for entry in plan.entries))


def _with_footer(
    entry: PartitionPlan, footers: Mapping[Partition, tuple[Footer, ...] | InputError]
) -> PartitionPlan:
    if entry.action is not Action.SCORE or entry.partition is None or entry.partition not in footers:
        return entry
    answer = footers[entry.partition]
    if isinstance(answer, InputError):
        return replace(entry, problem=answer)
    return replace(entry, footers=answer)


def _with_found(
    plan: Plan,
    night: Night,
    found: Iterable[PartitionFiles],
    records: Mapping[Partition, PartitionPast],
    models: Mapping[Partition, ModelPin],
) -> Plan:
    """Decide about every partition that has a directory."""
    entries: list[PartitionPlan] = []
    refreshed: list[tuple[Partition, tuple[LakeFile, ...]]] = []
    for files in found:
        record = records.get(files.partition) if records else None  # hashing takes its time, too
        model = models.get(files.partition) if models else None
        if record is None:
            assessment = NEVER_SEEN
        else:
            assessment = assess(record, files, ingredients_for(plan, model or plan.model, files))
        decision = decide(night, files, assessment)
        entries.append(_entry(files.partition, decision, assessment.current, files, model))
        if assessment.refreshed:
            refreshed.append((files.partition, assessment.refreshed))
    return replace(plan, entries=tuple(entries), refreshed=tuple(refreshed))


def _without_directory(
    there: Set[Partition | None], records: Mapping[Partition, PartitionPast]
) -> list[PartitionPlan]:
    return [
        _entry(partition, vanished(record.current), record.current, None)
        for partition, record in records.items()
        if record.current is not None and partition not in there
    ]


def _entry(
    partition: Partition,
    decision: Decision,
    current: CurrentGeneration | None,
    found: PartitionFiles | None,
    model: ModelPin | None = None,
) -> PartitionPlan:
    return PartitionPlan(
        label=partition.label,
        action=decision.action,
        reasons=decision.reasons,
        partition=partition,
        found=found,
        base_generation=current.number if current else None,
        model=model,
    )
