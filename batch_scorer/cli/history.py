"""`runs` and `show`: what happened, from the ledger and the manifests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.asked import asked_jobs
from batch_scorer.cli.health import tally
from batch_scorer.cli.settings import Settings, global_options
from batch_scorer.cli.verdicts import echo_verdicts, emit_results
from batch_scorer.core.errors import UsageError
from batch_scorer.core.records import (
    AttemptRecord,
    AttemptState,
    GenerationRecord,
    GenerationState,
    Manifest,
    Pin,
    RunRecord,
)

if TYPE_CHECKING:
    from batch_scorer.core.waivers import Waived
    from batch_scorer.execution.parts import JobParts
    from batch_scorer.ledger.ledger import Ledger
    from batch_scorer.wiring import SharedLedger


_MAX_EARLIER = 5


@click.command()
@click.argument("job", required=False)
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@global_options
def runs(settings: Settings, job: str | None, limit: int) -> None:
    """The newest runs of JOB, or of the whole project."""
    found = [run for shared in _ledgers(settings, job) for run in shared.ledger.runs(job, limit=limit)]
    found.sort(key=lambda run: run.run_id, reverse=True)
    if settings.json:
        for run in found[:limit]:
            output.emit("run", **_run_dict(run))
        output.emit_summary(0, n_runs=len(found[:limit]))
        return
    rows = [
        (
            run.run_id,
            run.job,
            words.moment(run.started_at),
            words.models(run.model),
            "running" if run.exit_code is None and run.finished_at is None else tally(run),
            f"exit {run.exit_code}" if run.exit_code is not None else run.state.value,
        )
        for run in found[:limit]
    ]
    click.echo(output.table(rows) or "no runs yet")


@click.command()
@click.argument("what")
@click.option("--validation", is_flag=True, help="Suite results, expectation by expectation.")
@click.option("--files", is_flag=True, help="Input and output files with their hashes.")
@click.option("--config", is_flag=True, help="The job file as it was resolved for the run.")
@global_options
def show(settings: Settings, what: str, validation: bool, files: bool, config: bool) -> None:
    """One run (an id, its beginning, or `last`), or one partition (JOB/PARTITION), in full."""
    if "/" in what:
        job, partition = what.split("/", 1)
        _show_partition(settings, job, partition, validation=validation, files=files, config=config)
    elif files:
        raise UsageError(
            "--files is for one partition", next_command="batch-scorer show JOB/PARTITION --files"
        )
    else:
        _show_run(settings, what, validation=validation, config=config)


def _show_run(settings: Settings, what: str, *, validation: bool, config: bool) -> None:
    state, ledger, run = find_run(settings, what)
    attempts = ledger.attempts(run.run_id)
    if settings.json:
        output.emit("run", **_run_dict(run))
        for attempt in attempts:
            output.emit("attempt", **_attempt_dict(attempt))
            if validation:
                emit_results(_place(attempt), attempt.verdicts, state=state)
        output.emit_summary(0, run_id=run.run_id)
        return
    click.echo(f"run {run.run_id} of {run.job}: {tally(run)}, exit {run.exit_code}")
    click.echo(f"  started   {words.moment(run.started_at)} by {run.user} on {run.host}")
    if run.finished_at:
        took = (run.finished_at - run.started_at).total_seconds()
        click.echo(f"  took      {words.seconds(took)}, {_cost_words(run)}")
    click.echo(f"  model     {_model_words(run)}, code {run.code_version}")
    if run.guarantee:
        click.echo(f"  visible   by {run.guarantee}")
    if run.reason:
        click.echo(f"  reason    {run.reason}")
    if run.error:
        click.echo(f"  stopped   {run.error['what']}")
    for attempt in attempts:
        _echo_attempt(attempt, state, validation=validation)
    if config:
        _echo_config(run)


def _model_words(run: RunRecord) -> str:
    is_one = "," not in run.model
    return f"{run.model} ({run.model_sha256[:12]}…)" if is_one else f"{run.model}, each for its days"


def _echo_config(run: RunRecord) -> None:
    for key, value in sorted(run.config.items()):
        click.echo(f"  {key}: {json.dumps(value, ensure_ascii=False, default=str)}")


def _echo_attempt(attempt: AttemptRecord, state: Path, *, validation: bool) -> None:
    click.echo(f" {attempt.partition_label} {attempt.state.value.upper():<9} {attempt.headline}")
    for label in ("where", "fix", "next"):
        if attempt.error and label in attempt.error:
            click.echo(f"    {label + ':':<7}{attempt.error[label]}")
    for text in attempt.warnings:
        click.echo(f"    warning: {text}")
    if validation or attempt.state is AttemptState.BLOCKED:
        echo_verdicts(attempt.verdicts, state=state, detailed=validation, indent="    ")


def _show_partition(
    settings: Settings, job: str, path: str, *, validation: bool, files: bool, config: bool
) -> None:
    from batch_scorer import wiring

    parts = wiring.open_job_for_reading(settings.find_project(), job, target=settings.target)
    records = parts.ledger.partition_records(job)
    record = next((r for p, r in records.items() if path in (p.path, p.label)), None)
    if record is None:
        raise UsageError(
            f"{job} has no record of partition {path}",
            fix="write it as the directory is named, e.g. ride_date=2024-01-01",
            next_command=f"batch-scorer plan {job}",
        )
    current = record.current
    if settings.json:
        output.emit(
            "partition",
            partition=record.partition.path,
            generation=_generation_dict(current) if current else None,
            attempts=[_attempt_dict(attempt) for attempt in record.attempts],
        )
        if validation:
            published = () if current is None else _manifest(parts, current).verdicts
            for verdicts in (published, *(attempt.verdicts for attempt in record.attempts)):
                emit_results(record.partition.path, verdicts, state=parts.places.state)
        output.emit_summary(0)
        return
    if current is None:
        click.echo(f"{job}/{record.partition.path}: never published")
    else:
        _echo_generation(parts, current, validation=validation, files=files)
    since = "since then, " if current else ""
    for attempt in record.attempts:
        click.echo(f"{since}run {attempt.run_id}, {words.moment(attempt.started_at)}:")
        _echo_attempt(attempt, parts.places.state, validation=validation)
    if config and current is not None:
        _echo_config(parts.ledger.run(current.run_id))


def _manifest(parts: JobParts, current: GenerationRecord) -> Manifest:
    """Raises: DamageFound."""
    return parts.manifests.read(
        current.job, current.partition, current.number, expected_sha256=current.manifest_sha256
    )


def _echo_generation(parts: JobParts, current: GenerationRecord, *, validation: bool, files: bool) -> None:
    manifest = _manifest(parts, current)
    rows, used = current.rows, current.ingredients
    published_by = manifest.published_run_id or current.run_id
    place = parts.places.predictions / current.partition.path
    for line in (
        f"{current.job}/{current.partition.path}: generation {current.number}",
        f"  published  {words.moment(current.published_at)} by run {published_by}",
        *_told(current, manifest),
        f"  rows       {rows.n_read:,} read = {rows.n_scored:,} scored + "
        f"{rows.n_quarantined:,} quarantined + {rows.n_dropped:,} dropped",
        f"  model      {used.model_name}@{used.model_version} ({used.model_sha256[:12]}…)",
        f"  input      {words.count(len(manifest.inputs), 'file')}, {manifest.input_fingerprint[:12]}…",
        f"  code       {manifest.code_version}, Python {manifest.environment.get('python')}",
        f"  output     {place}",
        f"  manifest   {parts.manifests.path(current.job, current.partition, current.number)}",
        f"  visible by {manifest.guarantee}",
    ):
        click.echo(line)
    echo_verdicts(manifest.verdicts, state=parts.places.state, detailed=validation, indent="  ")
    _echo_earlier(parts, current)
    if files:
        for source in manifest.inputs:
            click.echo(f"  in   {source.path}  {words.size(source.stamp.size)}  {source.sha256}")
        for file in manifest.outputs:
            click.echo(f"  out  {place / file.name}  {file.n_rows:,} rows  {file.sha256}")
        aside = parts.places.quarantine(current.partition, current.number)
        for file in manifest.quarantine:
            click.echo(f"  aside  {aside / file.name}  {file.n_rows:,} rows  {file.sha256}")


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
    from batch_scorer.execution.publishing.publish import kept

    history = parts.ledger.generations(current.job, current.partition)
    earlier = [record for record in history if record.number < current.number]
    for record in earlier[:_MAX_EARLIER]:
        how = "never visible"
        if record.state is GenerationState.PUBLISHED:
            how = "kept" if parts.sink.is_kept(record.partition, kept(record)) else "files removed"
        used, when = record.ingredients, words.moment(record.published_at or record.created_at)
        click.echo(
            f"  before     generation {record.number}, {when}, "
            f"{used.model_name}@{used.model_version}, {record.rows.n_scored:,} rows: {how}"
        )
    if len(earlier) > _MAX_EARLIER:
        click.echo(f"  before     {len(earlier) - _MAX_EARLIER} more")


def find_run(settings: Settings, what: str) -> tuple[Path, Ledger, RunRecord]:
    """(state directory of its job, its ledger, the run). Raises: UsageError."""
    problem: UsageError | None = None
    found: list[tuple[Path, Ledger, RunRecord]] = []
    for shared in _ledgers(settings, None):
        try:
            run = shared.ledger.run(what)
        except UsageError as error:
            problem = error
        else:
            found.append((shared.state_of(run.job), shared.ledger, run))
    if found:
        return max(found, key=lambda one: one[2].run_id)
    raise problem or UsageError("nothing has run yet", next_command="batch-scorer run JOB")


def _ledgers(settings: Settings, job: str | None) -> tuple[SharedLedger, ...]:
    """The ledger of one job, or those of all jobs of the project."""
    from batch_scorer import wiring

    project = settings.find_project()
    loaded = asked_jobs(settings, project, job, lambda name: wiring.load(project, name, settings.target))
    return wiring.open_ledgers(project, loaded)


def _cost_words(run: RunRecord) -> str:
    cost = run.cost
    return (
        f"worker seconds: read {cost.read_s:.1f}, score {cost.score_s:.1f}, write {cost.write_s:.1f}, "
        f"load {cost.load_s:.1f}; peak {words.size(cost.peak_bytes)} a worker"
    )


def _run_dict(run: RunRecord) -> dict[str, Any]:
    return {**asdict(run), "state": run.state.value}


def _place(attempt: AttemptRecord) -> str:
    return attempt.partition.path if attempt.partition else attempt.partition_path


def _attempt_dict(attempt: AttemptRecord) -> dict[str, Any]:
    return {
        **asdict(attempt),
        "partition": _place(attempt),
        "state": attempt.state.value,
    }


def _generation_dict(generation: GenerationRecord) -> dict[str, Any]:
    return {
        **asdict(generation),
        "partition": generation.partition.path,
        "state": generation.state.value,
    }


commands = (runs, show)
