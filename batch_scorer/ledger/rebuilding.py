"""Write a job's history into a ledger that lost it: in one transaction, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection, select

from batch_scorer.core.errors import UsageError
from batch_scorer.core.records import (
    GenerationRecord,
    GenerationState,
    Manifest,
    RunRecord,
    attempt_found,
)
from batch_scorer.core.waivers import Waived, Waiver
from batch_scorer.ledger import generation_rows, run_rows, waiver_rows
from batch_scorer.ledger.database import connect
from batch_scorer.ledger.opening import open_ledger
from batch_scorer.ledger.schema import generations, runs


def write_history(
    url_or_path: str | Path,
    job: str,
    *,
    runs_found: Sequence[RunRecord],
    records: Sequence[GenerationRecord],
    columns: tuple[tuple[tuple[str, str], ...], str] | None,
    manifests: dict[tuple[str, int], Manifest],
) -> None:
    """runs_found, records: in the order they happened. columns: of the output, and the run since which.

    manifests: by partition path and number, for the attempts that `show` tells.
    Raises: UsageError, when the ledger knows the job; OutputUnwritable, DiskFull, DamageFound.
    """
    open_ledger(url_or_path).close()  # its tables are made, or brought up to date
    database = connect(url_or_path)
    try:
        with database.writing() as connection:
            refuse_known(connection, job)
            for run in runs_found:
                run_rows.start(connection, run)
            for record in records:
                _write_generation(connection, record, manifests[record.partition.path, record.number])
            for waiver in _waivers(manifests.values()):
                waiver_rows.write(connection, waiver)
            if columns is not None:
                run_rows.record_columns(connection, job, *columns)
    finally:
        database.close()


def _waivers(manifests: Iterable[Manifest]) -> Iterable[Waiver]:
    """Those that generations were made with; one that nothing was scored with yet is lost."""
    ordered = sorted(manifests, key=lambda manifest: manifest.generation)
    seen: dict[tuple[str, Waived], Waiver] = {}
    for manifest in ordered:
        for waived in manifest.waivers:
            waiver = Waiver(
                job=manifest.job,
                partition=manifest.partition,
                input_fingerprint=manifest.input_fingerprint,
                stamps=manifest.ingredients.stamps,
                after_generation=manifest.generation - 1,
                waived=waived,
            )
            seen.setdefault((manifest.partition.path, waived), waiver)
    return seen.values()


def refuse_known(connection: Connection, job: str) -> None:
    """Raises: UsageError."""
    known = [
        connection.execute(select(table.c.id).where(table.c.job == job).limit(1)).first()
        for table in (runs, generations)
    ]
    if any(known):
        raise already_known(job)


def already_known(job: str) -> UsageError:
    return UsageError(
        f"the ledger knows {job} already: only a lost history is rebuilt",
        fix="to see whether it agrees with what is published, verify it",
        next_command=f"batch-scorer verify {job}",
    )


def _write_generation(connection: Connection, record: GenerationRecord, manifest: Manifest) -> None:
    which = (record.job, record.partition, record.number)
    generation_rows.begin_publish(
        connection, replace(record, state=GenerationState.PUBLISHING, published_at=None)
    )
    if record.published_at is None:
        generation_rows.abandon_publish(connection, *which)
        return
    attempt = attempt_found(
        record,
        manifest,
        run_id=record.run_id,
        finished_at=record.created_at,
        reason="rebuilt from its manifest",
        how="rebuilt from its manifest",
    )
    run_rows.record_attempt(connection, attempt)
    generation_rows.finish_publish(connection, *which, record.published_at)
