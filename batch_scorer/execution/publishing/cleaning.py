"""Remove what nothing needs any more. Never a current generation, a manifest, a ledger row, a model, or
staging under a live lease.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from batch_scorer.core.errors import PartitionPathRefused
from batch_scorer.core.leases import Holder, Lease, Opening
from batch_scorer.core.partitions import Partition, parse_partition_path
from batch_scorer.core.processes import Fate, fate_of
from batch_scorer.core.records import GenerationRecord, GenerationState, RunState
from batch_scorer.execution.parts import JobParts
from batch_scorer.execution.publishing import quarantined
from batch_scorer.execution.publishing.leases import Leases, at_work
from batch_scorer.execution.publishing.openings import discard_staging
from batch_scorer.execution.publishing.publish import kept
from batch_scorer.execution.publishing.recovery import recover, take_settled
from batch_scorer.ledger.manifests import directory_of
from batch_scorer.ops.run_logs import logs_of

_LATEST_RUNS = 1000  # no older one is at work


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """kind: replaced, unfinished, or quarantine: rows set aside by a generation that readers never saw, or
    that is not kept; manifest: one that never got its name; log: of a run, and of no partition. name:
    `generation 3`, the file, or the run. age: since then.
    """

    kind: str
    partition: str | None
    name: str
    age: timedelta


def garbage(parts: JobParts, older_than: timedelta) -> tuple[Garbage, ...]:
    """What `collect` would remove now; reads only."""
    now = datetime.now(UTC)
    found = [
        *(_unfinished(opening, now) for opening in _left_behind(parts)),
        *(g for p in _partitions(parts) for g in _of_partition(parts, p, now)),
        *(garbage for _, _, garbage in _unnamed(parts, now)),
        *(_log(run_id, file, now) for run_id, file in _ended_logs(parts).items()),
    ]
    return tuple(each for each in found if each.age > older_than)


def collect(parts: JobParts, older_than: timedelta) -> tuple[Garbage, ...]:
    """Remove it, each partition under its lease; those that others work on are left out.

    Raises: OutputError, DamageFound, StoreUnavailable.
    """
    done: list[Garbage] = []
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
                done.append(seen)
                leases.give_back(opening.partition)
        for partition in _partitions(parts):
            done += _collect_partition(parts, leases, partition, older_than, now)
        done += _collect_unnamed(parts, leases, older_than, now)
        done += _collect_logs(parts, older_than, now)
    return tuple(done)


def _collect_partition(
    parts: JobParts, leases: Leases, partition: Partition, older_than: timedelta, now: datetime
) -> list[Garbage]:
    old = [each for each in _of_partition(parts, partition, now) if each.age > older_than]
    if not old or isinstance(take_settled(parts, leases, partition), Holder):
        return []
    history = parts.ledger.generations(parts.job.name, partition)
    gone = {each.name for each in old if each.kind == "replaced"}
    needed = frozenset(
        name
        for record in history
        if record.state is GenerationState.PUBLISHED and _name(record) not in gone
        for name in record.output_names
    )
    for record in history:
        if _name(record) in gone:
            parts.sink.forget(partition, kept(record), needed=needed)
            quarantined.forget(parts, partition, record.number)
    for number in _rows_of_nobody(parts, partition, history):
        if f"generation {number}" in {each.name for each in old if each.kind == "quarantine"}:
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
    latest = parts.ledger.runs(parts.job.name, limit=_LATEST_RUNS)
    at_work = {run.run_id for run in latest if run.state is RunState.RUNNING}
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


def _partitions(parts: JobParts) -> tuple[Partition, ...]:
    found = dict.fromkeys(parts.ledger.partition_records(parts.job.name))
    for path in quarantined.partitions_with_some(parts):
        with suppress(PartitionPathRefused):
            found[parse_partition_path(parts.job.input.partition_by, path)] = None
    return tuple(found)


def _rows_of_nobody(
    parts: JobParts, partition: Partition, history: Sequence[GenerationRecord]
) -> tuple[int, ...]:
    """Numbers with rows set aside that are no current generation's, nor one's that a rollback could show."""
    published = [record for record in history if record.state is GenerationState.PUBLISHED]
    needed = {r.number for r in published[:1]}
    needed |= {r.number for r in published[1:] if parts.sink.is_kept(partition, kept(r))}
    return tuple(number for number in quarantined.numbers(parts, partition) if number not in needed)


def _of_partition(parts: JobParts, partition: Partition, now: datetime) -> Iterator[Garbage]:
    history = parts.ledger.generations(parts.job.name, partition)
    published = [record for record in history if record.state is GenerationState.PUBLISHED]
    for record in published[1:]:
        # After a rollback readers see these very files: they take no room of their own.
        if set(record.output_names) == set(published[0].output_names):
            continue
        if parts.sink.is_kept(partition, kept(record)):
            yield Garbage(
                kind="replaced",
                partition=partition.path,
                name=_name(record),
                age=now - (record.published_at or record.created_at),
            )
    for number in _rows_of_nobody(parts, partition, history):
        yield Garbage(
            kind="quarantine",
            partition=partition.path,
            name=f"generation {number}",
            age=now - quarantined.written_at(parts, partition, number),
        )


def _unfinished(opening: Opening, now: datetime) -> Garbage:
    return Garbage(
        kind="unfinished",
        partition=opening.partition.path,
        name=f"generation {opening.number}",
        age=now - opening.opened_at,
    )


def _name(record: GenerationRecord) -> str:
    return f"generation {record.number}"
