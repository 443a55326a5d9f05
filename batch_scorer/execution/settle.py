"""What becomes of a partition whose chunks are all in: blocked by a gate, published, or failed."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from batch_scorer.core.chunks import ChunkCost
from batch_scorer.core.durable import NewNames
from batch_scorer.core.errors import (
    BatchScorerError,
    FileUnreadable,
    LockHeld,
    OutputUnwritable,
    StoreUnavailable,
)
from batch_scorer.core.faults import FaultPoint, fault_point
from batch_scorer.core.key_spans import are_apart
from batch_scorer.core.outcomes import Blocked, Failed, Held, PartitionOutcome, Published
from batch_scorer.core.validation import SuiteVerdict
from batch_scorer.execution.gates import volume_warnings, warnings_of, why_blocked
from batch_scorer.execution.parts import JobParts
from batch_scorer.execution.pinning import pin_asked_for
from batch_scorer.execution.prepare import Prepared
from batch_scorer.execution.publishing.manifests import store_verdict
from batch_scorer.execution.publishing.openings import take_staging
from batch_scorer.execution.publishing.publish import Staged, begin, show, stage, staged_files
from batch_scorer.execution.publishing.recovery import settle
from batch_scorer.execution.under_way import RunUnderWay, VerdictEntries
from batch_scorer.execution.work import PartitionWork
from batch_scorer.lake.sinks.sink import holds

_log = logging.getLogger(__name__)


def gate(parts: JobParts, work: PartitionWork) -> str | None:
    """The first gate that stops it, in words, from the verdicts that are in so far."""
    return why_blocked(
        work.n_read,
        work.verdicts(),
        volume=parts.job.validation.volume,
        baseline=work.prepared.entry.volume_baseline,
        set_aside=work.set_aside,
        max_rates={
            use.suite.name: use.max_quarantined_rate
            for use in parts.suites
            if use.stage == "input" and use.max_quarantined_rate is not None
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Concluded:
    """entries: what the manifest and the ledger say about its suites."""

    work: PartitionWork
    outcome: PartitionOutcome
    entries: VerdictEntries = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """Nothing stops it, and nothing of it is visible yet."""

    work: PartitionWork
    staged: Staged
    entries: VerdictEntries
    warnings: tuple[str, ...]


def conclude(run: RunUnderWay, works: Sequence[PartitionWork]) -> Iterator[Concluded]:
    """Everything is known of some partitions: keep their suite results, then block or publish each.

    Each comes when it has become visible, before the next one does.
    Raises: StoreUnavailable: that ends the run, not a partition.
    """
    names = NewNames()
    looked_at = [_look_at(run, work, names) for work in works]
    begun = time.perf_counter()
    ready = [each for each in looked_at if isinstance(each, _Ready)]
    refused = begin(run.parts, [each.staged for each in ready], run.leases.token, names)
    for each in ready:
        each.work.add_cost(ChunkCost(publish_s=(time.perf_counter() - begun) / len(ready)))
    for found in looked_at:
        if isinstance(found, _Ready):
            yield _shown(run, found, refused[found.staged.partition])
        else:
            yield found


def _look_at(run: RunUnderWay, work: PartitionWork, names: NewNames) -> Concluded | _Ready:
    """Raises: StoreUnavailable."""
    parts = run.parts
    fault_point(FaultPoint.PARTITION_SCORED)
    verdicts = work.verdicts()
    warnings = (
        *work.prepared.warnings,
        *volume_warnings(work.prepared.entry.volume_baseline),
        *_nothing_left(work),
        *warnings_of(verdicts, work.prepared.waived),
    )
    # Of rows that were only validated nobody counted which would be set aside.
    set_aside = None if work.accounted is None else work.set_aside
    entries: VerdictEntries = ()
    try:
        entries = tuple(
            store_verdict(parts, work.prepared, v, run.run_id, set_aside, names) for v in verdicts
        )
        why = gate(parts, work) or _duplicates(parts, work)
        if why is not None:
            return Concluded(work=work, outcome=_blocked(work, why, warnings), entries=entries)
        _check_all_scored(work)
        if work.cost.n_deaths or work.cost.n_doubled:
            work.prepared = _fenced(parts, work.prepared, run.leases.token)
        begun = time.perf_counter()
        staged = stage(
            parts, run.plan, work.prepared, work.chunks, entries,
            run_id=run.run_id, rows=work.rows, warnings=warnings,
            pin=pin_asked_for(run.plan, run.options.reason, work.prepared.entry),
        )  # fmt: skip
        work.add_cost(ChunkCost(publish_s=time.perf_counter() - begun))
    except StoreUnavailable:
        raise
    except BatchScorerError as error:
        return Concluded(work=work, outcome=_unpublished(run, work, error), entries=entries)
    return _Ready(work=work, staged=staged, entries=entries, warnings=warnings)


def _shown(run: RunUnderWay, ready: _Ready, why_not: BatchScorerError | None) -> Concluded:
    """why_not: what stopped it after all, if anything did. Raises: StoreUnavailable."""
    work, begun = ready.work, time.perf_counter()
    try:
        if why_not is not None:
            raise why_not
        record = show(run.parts, ready.staged)
        work.add_cost(ChunkCost(publish_s=time.perf_counter() - begun))
        outcome: PartitionOutcome = _published(work, record.number, ready.warnings)
    except StoreUnavailable:
        raise
    except BatchScorerError as error:
        outcome = _unpublished(run, work, error)
    return Concluded(work=work, outcome=outcome, entries=ready.entries)


def _fenced(parts: JobParts, prepared: Prepared, token: str) -> Prepared:
    """A worker that was given up may still live, and write: on a disk it finds nothing under the old name.

    Raises: LeaseLost, OutputUnwritable.
    """
    opening = take_staging(parts, prepared.opening, token)
    attempt = parts.places.attempt(prepared.partition, opening.staging)
    return replace(prepared, opening=opening, attempt=attempt)


def _check_all_scored(work: PartitionWork) -> None:
    """Statistics in a footer may lie. Raises: FileUnreadable."""
    if work.accounted is None:
        raise FileUnreadable(
            f"the footers of {work.prepared.partition} say that this cannot hold: {work.foregone}; "
            "its rows do",
            where=work.prepared.found.directory,
            fix="write the files again: their row-group statistics, or their rows, are wrong",
        )


def _unpublished(run: RunUnderWay, work: PartitionWork, error: BatchScorerError) -> PartitionOutcome:
    """A publish that broke off half-way is decided at once, as the next run would decide it."""
    parts, leases = run.parts, run.leases
    partition, number = work.prepared.partition, work.prepared.opening.number
    if isinstance(error, LockHeld):
        return _held(work, error)
    try:
        taken = leases.take_or_refuse(partition)
        if not taken.was_ours:
            return _held(work, leases.lost(partition))
        settle(parts, leases, taken)
        current = parts.ledger.generation(parts.job.name, partition, None)
    except LockHeld as held:
        return _held(work, held)
    except BatchScorerError as worse:
        _log.warning("left to the next run: %s", worse)
        if holds(parts.sink, partition, tuple(f.name for chunk in work.chunks for f in chunk.files)):
            error = _visible_but_unfinished(parts, work, worse)
        return failed(work, error)
    if current is None or current.number != number:
        return failed(work, error)
    return _published(work, number, (f"it was published, although {error.what}",))


def _visible_but_unfinished(
    parts: JobParts, work: PartitionWork, worse: BatchScorerError
) -> BatchScorerError:
    return OutputUnwritable(
        f"generation {work.prepared.opening.number} is visible, but its publish could not be finished: "
        f"{worse.what}",
        where=worse.where,
        fix="mend what keeps it from being finished; every run tries it first, or do it now",
        next_command=f"batch-scorer repair {parts.job.name}",
    )


def _duplicates(parts: JobParts, work: PartitionWork) -> str | None:
    """The key must name one row: an output that cannot be joined back one to one is of no use."""
    from batch_scorer.lake.staging.keys import duplicate_keys, reading_back

    if are_apart(chunk.keys for chunk in work.chunks if chunk.rows.n_scored):
        return None
    staged = staged_files(parts, work.prepared.attempt)
    names = [file.name for chunk in work.chunks for file in chunk.files]
    with reading_back(staged.where):
        found = duplicate_keys(staged.to_read(names), parts.job.input.key, n_rows=work.rows.n_scored)
    if not found.n_rows:
        return None
    key = ", ".join(parts.job.input.key)
    return f"key ({key}) repeats in {found.n_rows:,} rows, e.g. {', '.join(found.examples[:2])}"


def _nothing_left(work: PartitionWork) -> tuple[str, ...]:
    rows = work.rows
    if rows.n_scored or not rows.n_read:
        return ()
    how = "quarantined or dropped by input.where" if rows.n_quarantined else "dropped by input.where"
    return (f"all {rows.n_read:,} rows were {how}: an empty partition was published",)


def _held(work: PartitionWork, error: LockHeld) -> Held:
    return Held(partition=work.prepared.partition, label=work.prepared.entry.label, error=error)


def failed(work: PartitionWork, error: BatchScorerError) -> Failed:
    entry = work.prepared.entry
    return Failed(partition=entry.partition, label=entry.label, error=error, cost=work.cost)


def _blocked(work: PartitionWork, why: str, warnings: tuple[str, ...]) -> Blocked:
    return Blocked(
        partition=work.prepared.partition,
        label=work.prepared.entry.label,
        why=why,
        had_predictions=work.prepared.entry.base_generation is not None,
        verdicts=_told(work),
        warnings=warnings,
        cost=work.cost,
    )


def _told(work: PartitionWork) -> tuple[SuiteVerdict, ...]:
    """For the report of the run, which holds those of all partitions: their numbers are on disk."""
    return tuple(verdict.without_numbers() for verdict in work.verdicts())


def _published(work: PartitionWork, generation: int, warnings: tuple[str, ...]) -> Published:
    files = [file for chunk in work.chunks for file in chunk.files]
    return Published(
        partition=work.prepared.partition,
        label=work.prepared.entry.label,
        generation=generation,
        rows=work.rows,
        n_files=len(files),
        n_bytes=sum(file.n_bytes for file in files),
        n_reused=sum(chunk.rows.n_read for chunk in work.prepared.reused),
        verdicts=_told(work),
        warnings=warnings,
        cost=work.cost,
    )
