"""Decide what a process that died, or was silent for too long, left behind: from what is on disk.

Every run starts with it, and `repair` does nothing else. Each partition is decided under its lease, so
work of runs that live is never touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from batch_scorer.core.errors import DamageFound, PartitionPathRefused
from batch_scorer.core.faults import FaultPoint, fault_point
from batch_scorer.core.footing import Footing, VisibleGeneration
from batch_scorer.core.leases import Holder, Opening
from batch_scorer.core.partitions import Partition, parse_partition_path
from batch_scorer.core.records import GenerationRecord, Manifest, attempt_found
from batch_scorer.execution.parts import JobParts
from batch_scorer.execution.publishing.leases import Leases, Taken, held
from batch_scorer.execution.publishing.openings import discard_staging, opening_of, take_staging
from batch_scorer.execution.publishing.publish import publication_of
from batch_scorer.lake.sinks.sink import holds


def recover(parts: JobParts, leases: Leases) -> tuple[str, ...]:
    """Finish or undo every unfinished publish of a run that is gone. Returns one line for each thing done.

    Staged chunks of an open generation stay, for the next run to go on with; other staging is removed.
    Raises: OutputError, StoreUnavailable; DamageFound, once all that can be settled is.
    """
    fault_point(FaultPoint.RECOVERY_BEGUN)
    gone = [holder for holder in parts.ledger.holders(parts.job.name) if leases.is_gone(holder)]
    done: list[str] = []
    damages: list[DamageFound] = []
    for partition in _touched(parts):
        taken = leases.take(partition)
        if isinstance(taken, Holder):
            continue
        try:
            done += settle(parts, leases, taken)
        except DamageFound as damage:
            damages.append(damage)
        leases.give_back(partition)
    done += _mark_died(parts, leases)
    for holder in gone:
        parts.ledger.leave(holder.token)
    if damages:
        raise damages[0]
    return tuple(done)


def take_settled(parts: JobParts, leases: Leases, partition: Partition) -> Footing | Holder:
    """A lease, nothing left over of whoever had the partition before, and what is known of it then. Or who
    has it.

    Raises: as settle.
    """
    taken = leases.take(partition)
    if isinstance(taken, Holder):
        return taken
    footing = parts.ledger.footing(parts.job.name, partition)
    if taken.over is None and not footing.half_published:
        return footing
    settle(parts, leases, taken)
    return parts.ledger.footing(parts.job.name, partition)


def take_settled_or_refuse(parts: JobParts, leases: Leases, partition: Partition) -> Footing:
    """Raises: LockHeld, naming who works on it; as settle."""
    taken = take_settled(parts, leases, partition)
    if isinstance(taken, Holder):
        raise held(partition, taken)
    return taken


def settle(parts: JobParts, leases: Leases, taken: Taken) -> tuple[str, ...]:
    """Bring one partition, whose lease we have, to a state from which it can be worked on.

    Raises: LeaseLost, DamageFound, OutputError, StoreUnavailable.
    """
    partition = taken.partition
    leases.check(partition)
    opening = opening_of(parts, partition)
    if opening is not None:
        opening = take_staging(parts, opening, leases.token)
        fault_point(FaultPoint.RECOVERY_FENCED)
    done = tuple(
        _settle_publish(parts, record, opening, taken) for record in half_published(parts, partition)
    )
    fault_point(FaultPoint.RECOVERY_SETTLED)
    opening = opening_of(parts, partition)
    discard_staging(parts, partition, but=opening.staging if opening else None)
    return done


def half_published(parts: JobParts, partition: Partition) -> list[GenerationRecord]:
    """Publishes of a partition that began and are neither finished nor undone."""
    found = parts.ledger.unfinished_publishes(parts.job.name)
    return [record for record in found if record.partition == partition]


def _touched(parts: JobParts) -> Iterator[Partition]:
    """Every partition that something unfinished is known of, by ledger or by staging."""
    ledger, job = parts.ledger, parts.job.name
    found = {record.partition: None for record in ledger.unfinished_publishes(job)}
    found |= {opening.partition: None for opening in ledger.openings(job)}
    found |= {lease.partition: None for lease in ledger.leases(job)}
    found |= dict.fromkeys(_with_staging(parts))
    yield from found


def _with_staging(parts: JobParts) -> Iterator[Partition]:
    depth = len(parts.job.input.partition_by)
    for path in parts.long.directories(parts.places.staging_root, depth):
        try:
            yield parse_partition_path(parts.job.input.partition_by, path)
        except PartitionPathRefused:
            continue  # of a job file that had other keys: nobody can go on with it, and it may be deleted


def _mark_died(parts: JobParts, leases: Leases) -> Iterator[str]:
    # Runs first: one that begins meanwhile has entered before its row is written.
    unfinished = [run for run in parts.ledger.unfinished_runs() if run.job == parts.job.name]
    living = {h.run_id for h in parts.ledger.holders(parts.job.name) if not leases.is_gone(h)}
    for run in unfinished:
        if run.run_id not in living:
            parts.ledger.mark_died(run.run_id)
            yield f"run {run.run_id} on {run.host}, pid {run.pid}, died without finishing"


def _settle_publish(parts: JobParts, record: GenerationRecord, opening: Opening | None, taken: Taken) -> str:
    """Its files are what readers see: roll forward. Else nothing became visible: roll back."""
    mine = opening if opening is not None and opening.number == record.number else None
    staging = mine.staging if mine else "unknown"
    if holds(parts.sink, record.partition, record.output_names):
        return _roll_forward(parts, record, staging, taken)
    publication = publication_of(parts, record, staging, None, _current(parts, record))
    may_repeat = parts.sink.fence(publication, may_live=taken.may_live)
    if holds(parts.sink, record.partition, record.output_names):  # it was faster than the fence
        return _roll_forward(parts, record, staging, taken)
    parts.sink.undo(publication)
    which = (record.job, record.partition, record.number)
    # A manifest may reach a store after whoever sent it is dead: then its number stays its own.
    if may_repeat and mine and not parts.kept.is_remote:
        # Before its row: a manifest without one would be another ledger's.
        parts.manifests.discard(*which, sha256=record.manifest_sha256)
        parts.ledger.reopen_publish(*which)
        return f"{record.partition}: generation {record.number} never became visible, undone; its chunks stay"
    attempt = parts.places.attempt(record.partition, staging)
    parts.manifests.keep_staged(*which, attempt, sha256=record.manifest_sha256)
    parts.ledger.abandon_publish(*which)
    return f"{record.partition}: generation {record.number} never became visible, undone"


def _roll_forward(parts: JobParts, record: GenerationRecord, staging: str, taken: Taken) -> str:
    manifest = parts.manifests.read(
        record.job, record.partition, record.number, expected_sha256=record.manifest_sha256
    )
    parts.sink.finish(publication_of(parts, record, staging, manifest, _current(parts, record)))
    # What the run that died would have written after its exchange; the manifest holds all of it.
    parts.ledger.finish_publish(
        record.job, record.partition, record.number, datetime.now(UTC), manifest.columns
    )
    if not taken.was_ours:
        _record_attempt(parts, record, manifest)
    return f"{record.partition}: generation {record.number} was visible, now recorded"


def _current(parts: JobParts, record: GenerationRecord) -> VisibleGeneration | None:
    return parts.ledger.footing(record.job, record.partition).current


def _record_attempt(parts: JobParts, record: GenerationRecord, manifest: Manifest) -> None:
    attempt = attempt_found(
        record,
        manifest,
        run_id=manifest.published_run_id or record.run_id,
        finished_at=datetime.now(UTC),
        reason="found published by a later run",
        how="the run died right after the publish",
    )
    parts.ledger.record_attempt(attempt)
