"""Published files against manifests, manifests against the ledger, and each manifest against the one before.

Only reads: state and predictions stay as they are. A run may be going on meanwhile: a partition whose
records move while it is looked at is looked at again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from batch_scorer.core.comparison import compare, notes_on
from batch_scorer.core.errors import DamageFound
from batch_scorer.core.findings import Finding, PartitionFacts, PartitionReport
from batch_scorer.core.holdings import current_record
from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import Selection
from batch_scorer.core.records import GenerationState
from batch_scorer.execution.auditing.facts import (
    NONSENSE,
    look_around,
    look_at,
    recorded_manifest,
)
from batch_scorer.execution.parts import JobParts
from batch_scorer.execution.publishing import quarantined
from batch_scorer.planning.selection import is_ranged, keep_predicate

_MAX_LOOKS = 8
_PAUSE_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """How closely to look. deep: read every byte, also of a ledger in a file. n_rescored_rows: score so many
    again per partition.
    """

    deep: bool = False
    n_rescored_rows: int = 0


def verify(parts: JobParts, selection: Selection, depth: Depth) -> Iterator[PartitionReport]:
    """A report for every partition of the selection, by path; last one for what belongs to none, if any.

    Raises: UsageError (selection), DamageFound (the ledger as a whole), StoreUnavailable.
    """
    from batch_scorer.ledger.whole import check_whole

    keep = keep_predicate(parts.job, selection)
    if depth.deep:
        check_whole(parts.database)
    check_ledger_known(parts)
    around = look_around(parts, keep)
    for path, partition in around.partitions.items():
        if partition is not None or not is_ranged(selection):
            yield _verify_one(parts, path, partition, depth)
    intruders = () if is_ranged(selection) else _still_there(parts, around.intruders)
    if intruders:
        yield PartitionReport(path="", findings=intruders)


def check_ledger_known(parts: JobParts) -> None:
    """Raises: DamageFound, when manifests say that the job has published and its ledger does not."""
    from batch_scorer.ledger.manifest_files import partitions_with_manifests

    job = parts.job.name
    if job in parts.ledger.jobs():
        return
    if next(partitions_with_manifests(parts.kept, job), None) is not None:
        raise DamageFound(
            f"the ledger knows nothing of {job}, but manifests say that it has published",
            where=parts.ledger_at,
            fix="restore the ledger from a backup, or rebuild it from what is published",
            next_command=f"batch-scorer ledger rebuild {job}",
        )


def _verify_one(parts: JobParts, path: str, partition: Partition | None, depth: Depth) -> PartitionReport:
    """Damage counts only when the records stood still while we looked, and no publish was half-way."""
    for _ in range(_MAX_LOOKS):
        facts = look_at(parts, path, partition)
        report = _report(parts, facts, depth)
        moved = facts.nonsense is None and _state_of(facts) != _state_now(parts, partition)
        if not moved and not (report.findings and _is_publishing(facts)):
            break
        time.sleep(_PAUSE_S)
    return report


def _report(parts: JobParts, facts: PartitionFacts, depth: Depth) -> PartitionReport:
    current = current_record(facts)
    file = recorded_manifest(facts, current)
    findings: tuple[Finding, ...] = compare(facts)
    notes = notes_on(facts)
    n_rescored = 0
    if current is not None and file is not None and file.manifest is not None:
        if depth.deep:
            from batch_scorer.execution.auditing.verify_deep import look_deep

            aside = quarantined.rows_at(parts, current.partition, current.number)
            findings += look_deep(parts.published.below(facts.path), aside, facts, file.manifest)
        if depth.n_rescored_rows:
            from batch_scorer.execution.auditing.rescore import rescore

            again = rescore(parts, facts, file.manifest, depth.n_rescored_rows)
            findings += again.findings
            notes += again.notes
            n_rescored = again.n_rows
    return PartitionReport(
        path=facts.path,
        generation=current.number if current else None,
        n_files=len(current.output_names) if current else 0,
        n_rows=current.rows.n_scored if current else 0,
        n_rescored=n_rescored,
        findings=findings,
        notes=notes,
    )


def _state_of(facts: PartitionFacts) -> tuple[object, ...]:
    return tuple((record.number, record.state) for record in facts.records)


def _state_now(parts: JobParts, partition: Partition | None) -> tuple[object, ...]:
    try:
        return () if partition is None else parts.ledger.states(parts.job.name, partition)
    except NONSENSE:
        return ()


def _is_publishing(facts: PartitionFacts) -> bool:
    return any(record.state is GenerationState.PUBLISHING for record in facts.records)


def _still_there(parts: JobParts, intruders: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Without those that came and went while we looked."""
    again = look_around(parts, lambda _partition: False).intruders if intruders else ()
    return tuple(finding for finding in intruders if finding in again)
