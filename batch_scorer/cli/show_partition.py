"""`show JOB/PARTITION`: what is published of a partition, how it came about, and what was tried since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.attempts import attempt_dict, echo_attempt
from batch_scorer.cli.settings import Settings
from batch_scorer.cli.verdicts import echo_verdicts, emit_results
from batch_scorer.core.errors import UsageError
from batch_scorer.core.records import (
    AttemptRecord,
    GenerationRecord,
    GenerationState,
    Manifest,
    Pin,
    RunRecord,
)

if TYPE_CHECKING:
    from batch_scorer.core.runs import RunHead
    from batch_scorer.core.waivers import Waived
    from batch_scorer.execution.parts import JobParts


_MAX_EARLIER = 5
_MAX_ATTEMPTS = 10


def show_partition(
    settings: Settings, job: str, path: str, *, validation: bool, files: bool, config: bool
) -> RunRecord | None:
    """Returns: the run that opened what is published, if its config was asked for.

    Raises: UsageError, DamageFound.
    """
    from batch_scorer import wiring
    from batch_scorer.execution.naming import record_named

    parts = wiring.open_job_for_reading(settings.find_project(), job, target=settings.target)
    record = record_named(parts, path)
    if record is None:
        raise UsageError(
            f"{job} has no record of partition {path}",
            fix="write it as the directory is named, e.g. ride_date=2024-01-01",
            next_command=f"batch-scorer plan {job}",
        )
    current = record.current
    tries = parts.ledger.attempts_on(job, record.partition.path, _MAX_ATTEMPTS)
    runs = parts.ledger.run_heads({attempt.run_id for attempt in tries})
    if settings.json:
        output.emit(
            "partition",
            partition=record.partition.path,
            generation=_generation_dict(current) if current else None,
            attempts=[attempt_dict(attempt) for attempt in record.attempts],
            history=[_try_dict(attempt, runs) for attempt in tries],
        )
        if validation:
            published = () if current is None else _manifest(parts, current).verdicts
            for verdicts in (published, *(attempt.verdicts for attempt in record.attempts)):
                emit_results(record.partition.path, verdicts, kept=parts.kept)
        output.emit_summary(0)
        return None
    if current is None:
        click.echo(f"{job}/{record.partition.path}: never published")
    else:
        _echo_generation(parts, current, validation=validation, files=files)
    since = "since then, " if current else ""
    for attempt in record.attempts:
        click.echo(f"{since}run {attempt.run_id}, {words.moment(attempt.started_at)}:")
        echo_attempt(settings, attempt, parts.kept, validation=validation)
    _echo_tries(tries, runs)
    return parts.ledger.run(current.run_id) if config and current is not None else None


def _echo_tries(tries: tuple[AttemptRecord, ...], runs: Mapping[str, RunHead]) -> None:
    """The newest attempts, oldest first, as a chain: which run retried which."""
    if len(tries) < 2 and not any(_parent(attempt, runs) for attempt in tries):
        return
    click.echo("attempts, oldest first:")
    rows = [
        (
            f"  {words.moment(attempt.started_at)}",
            attempt.run_id,
            attempt.state.value,
            f"generation {attempt.generation}" if attempt.generation else "",
            f"retry of {parent}" if (parent := _parent(attempt, runs)) else "",
        )
        for attempt in reversed(tries)
    ]
    click.echo(output.table(rows))


def _try_dict(attempt: AttemptRecord, runs: Mapping[str, RunHead]) -> dict[str, Any]:
    return {
        "run_id": attempt.run_id,
        "parent_run_id": _parent(attempt, runs),
        "started_at": attempt.started_at,
        "state": attempt.state.value,
        "generation": attempt.generation,
        "headline": attempt.headline,
    }


def _parent(attempt: AttemptRecord, runs: Mapping[str, RunHead]) -> str | None:
    run = runs.get(attempt.run_id)
    return run.parent_run_id if run else None


def _manifest(parts: JobParts, current: GenerationRecord) -> Manifest:
    """Raises: DamageFound."""
    return parts.manifests.read(
        current.job, current.partition, current.number, expected_sha256=current.manifest_sha256
    )


def _echo_generation(parts: JobParts, current: GenerationRecord, *, validation: bool, files: bool) -> None:
    manifest = _manifest(parts, current)
    rows, used = current.rows, current.ingredients
    published_by = manifest.published_run_id or current.run_id
    place = parts.places.published(current.partition)
    for line in (
        f"{current.job}/{current.partition.path}: generation {current.number}",
        f"  published  {words.moment(current.published_at)} by run {published_by}",
        *_told(current, manifest),
        f"  rows       {rows.n_read:,} read = {rows.n_scored:,} scored + "
        f"{rows.n_quarantined:,} quarantined + {rows.n_dropped:,} dropped",
        f"  model      {used.model_name}@{used.model_version} ({used.model_sha256[:12]}…)",
        *([f"  signed by  {manifest.model_signed_by}"] if manifest.model_signed_by else []),
        f"  input      {words.count(len(manifest.inputs), 'file')}, {manifest.input_fingerprint[:12]}…",
        f"  code       {manifest.code_version}, Python {manifest.environment.get('python')}",
        f"  output     {place}",
        f"  manifest   {parts.manifests.at(current.job, current.partition, current.number)}",
        f"  visible by {manifest.guarantee}",
    ):
        click.echo(line)
    echo_verdicts(manifest.verdicts, kept=parts.kept, detailed=validation, indent="  ")
    _echo_earlier(parts, current)
    if files:
        for source in manifest.inputs:
            click.echo(f"  in   {source.path}  {words.size(source.stamp.size)}  {source.content_text}")
        for file in manifest.outputs:
            click.echo(f"  out  {place}/{file.name}  {file.n_rows:,} rows  {file.sha256}")
        aside = parts.long.at(parts.places.quarantine(current.partition, current.number))
        for file in manifest.quarantine:
            click.echo(f"  aside  {aside}/{file.name}  {file.n_rows:,} rows  {file.sha256}")


def _told(current: GenerationRecord, manifest: Manifest) -> Iterator[str]:
    """How it came about, where that is not the usual way."""
    if manifest.published_run_id:
        yield f"  opened     by run {manifest.run_id}, which never published it"
    if current.restores is not None:
        yield f"  restores   generation {current.restores}, whose files it shows again"
    for waived in manifest.waivers:
        yield waived_line(waived)
    if current.pin is not None:
        yield pin_line(current.pin)
    for text in manifest.warnings:
        yield f"  warning    {text}"


def pin_line(pin: Pin) -> str:
    lifted = f", lifted by {pin.lifted_by} {words.moment(pin.lifted_at)}" if not pin.holds else ""
    return f"  pinned     by {pin.by} {words.moment(pin.at)}: {pin.why}{lifted}"


def waived_line(waived: Waived) -> str:
    rules = "; ".join(waived.rules)
    return f"  waived     {rules}, by {waived.by} {words.moment(waived.at)}: {waived.why}"


def _echo_earlier(parts: JobParts, current: GenerationRecord) -> None:
    """The generations before, newest first, and whether a rollback could show them again."""
    job, partition = current.job, current.partition
    earlier = parts.ledger.generations(job, partition, below=current.number, limit=_MAX_EARLIER)
    published = [record for record in earlier if record.state is GenerationState.PUBLISHED]
    kept = {record.number for record in parts.sink.kept_among(partition, published)}
    for record in earlier:
        how = "never visible"
        if record.state is GenerationState.PUBLISHED:
            how = "kept" if record.number in kept else "files removed"
        used, when = record.ingredients, words.moment(record.published_at or record.created_at)
        click.echo(
            f"  before     generation {record.number}, {when}, "
            f"{used.model_name}@{used.model_version}, {record.rows.n_scored:,} rows: {how}"
        )
    if len(earlier) == _MAX_EARLIER:
        n_more = parts.ledger.count_generations(job, partition, below=earlier[-1].number)
        if n_more:
            click.echo(f"  before     {n_more} more")


def _generation_dict(generation: GenerationRecord) -> dict[str, Any]:
    return {
        **asdict(generation),
        "partition": generation.partition.path,
        "state": generation.state.value,
    }
