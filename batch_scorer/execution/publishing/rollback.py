"""Show an earlier generation again, as a new one that is pinned; and lift a pin.

As atomic as any publish, for it is one: the old files under a new manifest that names the generation they
restore. So the chain only grows, and every file's footer still says which generation made it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ulid import ULID

from batch_scorer.core.errors import BatchScorerError, LockHeld, UsageError
from batch_scorer.core.faults import FaultPoint, fault_point
from batch_scorer.core.footing import Footing, VisibleGeneration
from batch_scorer.core.partitions import typed
from batch_scorer.core.records import (
    AttemptRecord,
    AttemptState,
    GenerationRecord,
    Manifest,
    Pin,
    RunRecord,
)
from batch_scorer.core.whoami import user_name
from batch_scorer.execution.naming import current_named
from batch_scorer.execution.parts import JobParts
from batch_scorer.execution.publishing import quarantined
from batch_scorer.execution.publishing.leases import Leases, Taken, at_work
from batch_scorer.execution.publishing.openings import open_generation
from batch_scorer.execution.publishing.publish import (
    kept,
    publish_manifest,
    staged_files,
    still_kept,
)
from batch_scorer.execution.publishing.recovery import settle, take_settled_or_refuse
from batch_scorer.execution.publishing.run_records import new_run, record_end


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """current: what readers see now. target: what they will see. number: of the new generation, once made."""

    current: GenerationRecord
    target: GenerationRecord
    number: int | None = None
    run_id: str | None = None


def choose(parts: JobParts, partition: str, to: int | None) -> Rollback:
    """What a rollback would do: to the one before the current one, unless `to` names another.

    Raises: UsageError, when there is no such generation, or its files are gone.
    """
    current = current_named(parts, partition)
    there = [each for each in still_kept(parts, current.partition) if each.number < current.number]
    # A generation that itself showed an old one again is a step back to those same files.
    wanted = [r.number for r in there if (r.number == to if to is not None else _differs(r, current))]
    target = parts.ledger.generation(parts.job.name, current.partition, wanted[0]) if wanted else None
    if target is not None:
        return Rollback(current=current, target=target)
    known = ", ".join(str(r.number) for r in there) or "none"
    what = f"generation {to}" if to is not None else "an earlier generation with other files"
    raise UsageError(
        f"{current.partition} cannot go back to {what}: its files are not kept",
        where=f"generation {current.number} is current; kept are: {known}",
        fix="raise output.keep_generations to keep more; older ones can only be scored anew",
        next_command=f"batch-scorer show {typed(parts.job.name, current.partition.path)}",
    )


def rollback(
    parts: JobParts, partition: str, to: int | None, *, why: str, command: tuple[str, ...]
) -> Rollback:
    """Raises: UsageError, LockHeld, OutputError, DamageFound."""
    run_id = str(ULID())
    with at_work(
        parts.ledger, parts.places.presence, job=parts.job.name, verb="rollback", run_id=run_id
    ) as leases:
        footing = take_settled_or_refuse(parts, leases, current_named(parts, partition).partition)
        chosen = choose(parts, partition, to)
        run = _start(parts, chosen.target, run_id, why, command)
        try:
            number = _show_again(parts, leases, footing, chosen, run, why).number
        except BatchScorerError as error:
            number = _settled(parts, leases, chosen, run, error)
        _finish(parts, run)
        return replace(chosen, number=number, run_id=run_id)


def _settled(
    parts: JobParts, leases: Leases, chosen: Rollback, run: RunRecord, error: BatchScorerError
) -> int:
    """The number of the generation, when it is visible although an error says otherwise. Raises: error."""
    partition = chosen.target.partition
    try:
        settle(parts, leases, Taken(partition=partition, was_ours=True))
        current = parts.ledger.generation(parts.job.name, partition, None)
    except LockHeld as lost:
        _finish(parts, run, lost)
        raise
    except BatchScorerError:
        current = None  # the next run settles it
    if current is None or current.run_id != run.run_id:
        _finish(parts, run, error)
        raise error
    return current.number


def unpin(parts: JobParts, partition: str) -> GenerationRecord:
    """From now on the partition is due like any other. Raises: UsageError, LockHeld."""
    with at_work(parts.ledger, parts.places.presence, job=parts.job.name, verb="unpin") as leases:
        take_settled_or_refuse(parts, leases, current_named(parts, partition).partition)
        current = pinned(parts, partition)
        assert current.pin is not None  # noqa: S101 (pinned says so)
        lifted = replace(current.pin, lifted_by=user_name(), lifted_at=datetime.now(UTC))
        parts.ledger.set_pin(parts.job.name, current.partition, current.number, lifted)
        return replace(current, pin=lifted)


def pinned(parts: JobParts, partition: str) -> GenerationRecord:
    """Raises: UsageError, when there is nothing to unpin."""
    current = current_named(parts, partition)
    if not current.pinned:
        raise UsageError(
            f"{current.partition} is not pinned",
            where=f"generation {current.number}",
            next_command=f"batch-scorer show {typed(parts.job.name, current.partition.path)}",
        )
    return current


def _differs(record: VisibleGeneration, current: GenerationRecord) -> bool:
    return set(record.output_names) != set(current.output_names)


def _show_again(
    parts: JobParts, leases: Leases, footing: Footing, chosen: Rollback, run: RunRecord, why: str
) -> GenerationRecord:
    target = chosen.target
    old = parts.manifests.read(
        target.job, target.partition, target.number, expected_sha256=target.manifest_sha256
    )
    opened = open_generation(
        parts, footing, run_id=run.run_id, token=leases.token, key=f"restores {target.number}"
    )
    started_at = datetime.now(UTC)
    parts.sink.recall(target.partition, kept(target), staged_files(parts, opened.attempt))
    fault_point(FaultPoint.ROLLBACK_STAGED)
    manifest = replace(
        old,
        generation=opened.opening.number,
        run_id=opened.opening.run_id,
        published_run_id=None,
        previous_sha256=opened.opening.previous_sha256,
        created_at=datetime.now(UTC),
        guarantee=str(parts.sink.guarantee),
        restores=old.restores or old.generation,
        pin=Pin(by=run.user, at=datetime.now(UTC), why=why),
    )
    quarantined.show_again(parts, manifest, target.number)
    record = publish_manifest(parts, manifest, staging=opened.opening.staging, token=leases.token)
    _record(parts, manifest, run, started_at, why)
    return record


def _start(
    parts: JobParts, target: GenerationRecord, run_id: str, why: str, command: tuple[str, ...]
) -> RunRecord:
    used = target.ingredients
    run = new_run(
        parts,
        run_id,
        model=f"{used.model_name}@{used.model_version}",
        model_sha256=used.model_sha256,
        command=command,
        reason=why,
    )
    parts.ledger.start_run(run)
    return run


def _finish(parts: JobParts, run: RunRecord, error: BatchScorerError | None = None) -> None:
    ended = replace(
        run,
        exit_code=error.exit_code if error else 0,
        finished_at=datetime.now(UTC),
        n_published=0 if error else 1,
        n_failed=1 if error else 0,
        error=error.as_dict() if error else None,
    )
    unrecorded = record_end(parts, ended)
    if unrecorded is not None and error is None:
        raise unrecorded


def _record(parts: JobParts, manifest: Manifest, run: RunRecord, started_at: datetime, why: str) -> None:
    partition = manifest.partition
    parts.ledger.record_attempt(
        AttemptRecord(
            run_id=run.run_id,
            job=run.job,
            partition=partition,
            partition_label=partition.label,
            partition_path=partition.path,
            state=AttemptState.PUBLISHED,
            ingredients=manifest.ingredients,
            reasons=(f"rollback: {why}",),
            started_at=started_at,
            finished_at=datetime.now(UTC),
            rows=manifest.rows,
            generation=manifest.generation,
            headline=f"generation {manifest.restores} shown again, pinned",
            verdicts=manifest.verdicts,
        )
    )
