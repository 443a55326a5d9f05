"""Decide what a run that died left behind, from what is on disk. Every run starts with it, under the lock."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from batch_scorer.core.records import AttemptRecord, AttemptState, GenerationRecord
from batch_scorer.execution.parts import JobParts


def recover(parts: JobParts) -> tuple[str, ...]:
    """Finish or undo every unfinished publish, then clear staging. Returns one line for each thing done.

    A *publishing* row whose files are the partition's directory is rolled forward; otherwise nothing
    became visible and it is rolled back. We hold the job's lock, so no staging belongs to anybody alive.
    """
    done = [_settle(parts, record) for record in parts.ledger.unfinished_publishes(parts.job.name)]
    for run in parts.ledger.unfinished_runs():
        if run.job == parts.job.name:
            parts.ledger.mark_died(run.run_id)
            done.append(f"run {run.run_id} on {run.host}, pid {run.pid}, died without finishing")
    shutil.rmtree(parts.places.staging_root, ignore_errors=True)
    return tuple(done)


def _settle(parts: JobParts, record: GenerationRecord) -> str:
    if parts.sink.holds(record.partition, record.output_names):
        _keep_replaced(parts, record)
        _record_as_published(parts, record)
        return f"{record.partition}: generation {record.number} was visible, now recorded"
    _put_back(parts, record)
    parts.ledger.abandon_publish(record.job, record.partition, record.number)
    return f"{record.partition}: generation {record.number} never became visible, undone"


def _record_as_published(parts: JobParts, record: GenerationRecord) -> None:
    """What the run that died would have written after its exchange; the manifest holds all of it."""
    manifest = parts.manifests.read(
        record.job, record.partition, record.number, expected_sha256=record.manifest_sha256
    )
    now = datetime.now(UTC)
    parts.ledger.finish_publish(record.job, record.partition, record.number, now)
    parts.ledger.record_output_columns(record.job, manifest.columns, record.run_id)
    parts.ledger.record_attempt(
        AttemptRecord(
            run_id=record.run_id,
            job=record.job,
            partition=record.partition,
            partition_label=record.partition.label,
            partition_path=record.partition.path,
            state=AttemptState.PUBLISHED,
            ingredients=record.ingredients,
            reasons=("found published by a later run",),
            started_at=record.created_at,
            finished_at=now,
            rows=record.rows,
            generation=record.number,
            headline=f"{record.rows.n_scored:,} scored; the run died right after the publish",
            verdicts=manifest.verdicts,
            warnings=manifest.warnings,
        )
    )


def _put_back(parts: JobParts, record: GenerationRecord) -> None:
    """Without an atomic exchange a crash between the two renames leaves no directory: the old one returns."""
    current = parts.ledger.generation(record.job, record.partition, None)
    place = parts.places.predictions / record.partition.path
    if current is None or place.exists():
        return
    away = parts.places.replaced(record.partition, current.number)
    if _holds(away, current.output_names):
        away.rename(place)


def _keep_replaced(parts: JobParts, record: GenerationRecord) -> None:
    """After an exchange the old generation lies in staging until it is moved: move it now."""
    current = parts.ledger.generation(record.job, record.partition, None)
    if current is None:
        return
    attempts = parts.places.staging_root / record.partition.path
    old = next((d for d in _directories(attempts) if _holds(d, current.output_names)), None)
    target = parts.places.replaced(record.partition, current.number)
    if old is not None and not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        old.rename(target)


def _directories(root: Path) -> tuple[Path, ...]:
    return tuple(d for d in root.iterdir() if d.is_dir()) if root.is_dir() else ()


def _holds(directory: Path, names: tuple[str, ...]) -> bool:
    return {file.name for file in directory.glob("*.parquet")} == set(names)
