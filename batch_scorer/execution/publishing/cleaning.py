"""Remove what nothing needs any more. Never a current generation, a manifest, a ledger row, a model, or
staging under a live lease.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import TypeAlias

from batch_scorer.core.errors import PartitionPathRefused
from batch_scorer.core.footing import VisibleGeneration
from batch_scorer.core.leases import Holder, Lease, Opening
from batch_scorer.core.partitions import Partition, parse_partition_path
from batch_scorer.core.processes import Fate, fate_of
from batch_scorer.execution.parts import JobParts
from batch_scorer.execution.publishing import quarantined
from batch_scorer.execution.publishing.leases import Leases, at_work
from batch_scorer.execution.publishing.openings import discard_staging
from batch_scorer.execution.publishing.publish import kept, still_kept
from batch_scorer.execution.publishing.recovery import recover, take_settled
from batch_scorer.ledger.manifests import directory_of
from batch_scorer.ops.run_logs import logs_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """kind: replaced, unfinished, or quarantine: rows set aside by a generation that readers never saw, or
    that is not kept; manifest: one that never got its name; log: of a run, and of no partition. name:
    `generation 3`, the file, or the run. number: of the generation. age: since then.
    """

    kind: str
    partition: str | None
    name: str
    age: timedelta
    number: int | None = None


Found: TypeAlias = Generator[Garbage, None, None]


def garbage(parts: JobParts, older_than: timedelta) -> Found:
    """What `collect` would remove now, as it is found; reads only."""
    now = datetime.now(UTC)
    found = chain(
        (_unfinished(opening, now) for opening in _left_behind(parts)),
        (g for p in _partitions(parts) for g in _of_partition(parts, p, now)),
        (garbage for _, _, garbage in _unnamed(parts, now)),
        (_log(run_id, file, now) for run_id, file in _ended_logs(parts).items()),
    )
    return (each for each in found if each.age > older_than)


def collect(parts: JobParts, older_than: timedelta) -> Found:
    """Remove it, each partition under its lease; those that others work on are left out. What is told is
    removed; who stops listening closes this, and nothing more is.

    Raises: OutputError, DamageFound, StoreUnavailable.
    """
    with at_work(parts.ledger, parts.places.presence, job=parts.job.name, verb="gc") as leases:
        recover(parts, leases)
        now = datetime.now(UTC)
        for opening in parts.ledger.openings(parts.job.name):
            seen = _unfinished(opening, now)
            if seen.age > older_than and not isinstance(
                take_settled(parts, leases, opening.partition), Holder
            ):
                parts.ledger.close_opening(parts.job.name, opening.partition, leases.token)
                discard_staging(parts, opening.partition)
                leases.give_back(opening.partition)
                yield seen
        for partition in _partitions(parts):
            yield from _collect_partition(parts, leases, partition, older_than, now)
        yield from _collect_unnamed(parts, leases, older_than, now)
        yield from _collect_logs(parts, older_than, now)


def _collect_partition(
    parts: JobParts, leases: Leases, partition: Partition, older_than: timedelta, now: datetime
) -> list[Garbage]:
    old = [each for each in _of_partition(parts, partition, now) if each.age > older_than]
    if not old or isinstance(take_settled(parts, leases, partition), Holder):
        return []
    gone = {each.number for each in old if each.number is not None and each.kind == "replaced"}
    nobodys = {each.number for each in old if each.number is not None and each.kind == "quarantine"}
    there = still_kept(parts, partition)
    staying = [each for each in there if each.number not in gone]
    shown = _shown(parts, partition)
    needed = frozenset(name for each in (*shown, *staying) for name in each.output_names)
    for each in there:
        if each.number in gone:
            parts.sink.forget(partition, kept(each), needed=needed)
            quarantined.forget(parts, partition, each.number)
    for number in nobodys - {each.number for each in (*shown, *staying)}:
        quarantined.forget(parts, partition, number)
    leases.give_back(partition)
    return old


def _unnamed(parts: JobParts, now: datetime) -> Iterator[tuple[Partition, str, Garbage]]:
    """(partition, path, …) of manifests that a killed run left hidden beside their places in a store."""
    above = directory_of(parts.job.name)
    for path, since in parts.kept.left_waiting(above).items():
        directory, _, name = path.removeprefix(f"{above}/").rpartition("/")
        with suppress(PartitionPathRefused):
            partition = parse_partition_path(parts.job.input.partition_by, directory)
            yield (
                partition,
                path,
                Garbage(kind="manifest", partition=directory, name=name, age=now - since),
            )


def _collect_unnamed(
    parts: JobParts, leases: Leases, older_than: timedelta, now: datetime
) -> Iterator[Garbage]:
    """Under the lease of its partition, where nothing is half published, nobody goes on with one."""
    for partition, path, garbage in _unnamed(parts, now):
        if garbage.age > older_than and not isinstance(take_settled(parts, leases, partition), Holder):
            with suppress(FileNotFoundError):  # settling may have given it its name
                parts.kept.remove(path)
                yield garbage
            leases.give_back(partition)


def _collect_logs(parts: JobParts, older_than: timedelta, now: datetime) -> Iterator[Garbage]:
    for run_id, file in _ended_logs(parts).items():
        seen = _log(run_id, file, now)
        if seen.age > older_than:
            file.unlink(missing_ok=True)
            yield seen


def _ended_logs(parts: JobParts) -> dict[str, Path]:
    """By run id; of runs that are over."""
    at_work = {run.run_id for run in parts.ledger.unfinished_runs()}
    logs = logs_of(parts.places.state, parts.job.name)
    return {run_id: file for run_id, file in logs.items() if run_id not in at_work}


def _log(run_id: str, file: Path, now: datetime) -> Garbage:
    written_at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    return Garbage(kind="log", partition=None, name=run_id, age=now - written_at)


def _left_behind(parts: JobParts) -> list[Opening]:
    """Openings that nobody who lives works on."""
    held = {lease.partition for lease in parts.ledger.leases(parts.job.name) if _lives(lease)}
    return [each for each in parts.ledger.openings(parts.job.name) if each.partition not in held]


def _lives(lease: Lease) -> bool:
    return lease.holder is not None and fate_of(lease.holder.process) is not Fate.DEAD


def _partitions(parts: JobParts) -> Iterator[Partition]:
    """Each once: what is published, then those of which only rows are kept that were set aside."""
    yield from parts.ledger.partitions(parts.job.name)
    for path in quarantined.partitions_with_some(parts):
        with suppress(PartitionPathRefused):
            partition = parse_partition_path(parts.job.input.partition_by, path)
            if not _shown(parts, partition):
                yield partition


def _shown(parts: JobParts, partition: Partition) -> tuple[VisibleGeneration, ...]:
    """What readers see; none before the first."""
    return tuple(islice(parts.ledger.published(parts.job.name, partition), 1))


def _of_partition(parts: JobParts, partition: Partition, now: datetime) -> Iterator[Garbage]:
    """The ledger is asked only where something lies that may be garbage, and no further back than that."""
    there, numbers = still_kept(parts, partition), quarantined.numbers(parts, partition)
    if not there and not numbers:
        return
    shown = _shown(parts, partition)
    for each in there:
        # After a rollback readers see these very files: they take no room of their own.
        if set(each.output_names) != set(shown[0].output_names):
            record = parts.ledger.generation(parts.job.name, partition, each.number)
            since = record and (record.published_at or record.created_at)
            yield _generation("replaced", partition, each.number, now - (since or now))
    needed = {each.number for each in (*shown, *there)}  # a rollback could show these again
    for number in numbers:
        if number not in needed:
            since = quarantined.written_at(parts, partition, number)
            yield _generation("quarantine", partition, number, now - since)


def _generation(kind: str, partition: Partition, number: int, age: timedelta) -> Garbage:
    return Garbage(kind=kind, partition=partition.path, name=f"generation {number}", age=age, number=number)


def _unfinished(opening: Opening, now: datetime) -> Garbage:
    return _generation("unfinished", opening.partition, opening.number, now - opening.opened_at)
