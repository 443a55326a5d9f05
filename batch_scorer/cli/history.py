"""`status`, `runs`, `show`: what happened, from the ledger and the manifests."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.settings import Settings, global_options
from batch_scorer.core.errors import UsageError
from batch_scorer.core.records import AttemptRecord, AttemptState, GenerationRecord, RunRecord

if TYPE_CHECKING:
    from batch_scorer.execution.parts import JobParts
    from batch_scorer.ledger.ledger import Ledger

_LATE = 1


@click.command()
@click.argument("job", required=False)
@click.option("--max-age", metavar="26h", help="Exit 1 when the last success is older.")
@global_options
def status(settings: Settings, job: str | None, max_age: str | None) -> int:
    """Health of JOB, or of every job, at a glance."""
    from batch_scorer import wiring
    from batch_scorer.config.units import parse_duration

    project = settings.find_project()
    try:
        limit = parse_duration(max_age) if max_age else None
    except ValueError as error:
        raise UsageError(f"--max-age: {error}", fix="write it as 26h or 2d") from None
    n_late = 0
    for name in [job] if job else project.job_names():
        parts = wiring.open_job(project, name, target=settings.target)
        n_late += _show_health(settings, parts, limit)
    code = _LATE if n_late else 0
    if settings.json:
        output.emit_summary(code, n_late=n_late)
    return code


def _show_health(settings: Settings, parts: JobParts, limit: timedelta | None) -> bool:
    """Print one job's health; True when it is late."""
    health = _health(parts)
    success = health["last_success"]
    late = limit is not None and (success is None or datetime.now(UTC) - success > limit)
    if settings.json:
        output.emit("status", **health, late=late)
        return late
    head = f"{health['job']}: {words.count(health['n_published'], 'partition')} published"
    if health["newest_partition"]:
        head += f", newest {health['newest_partition']}"
    click.echo(head)
    click.echo(f"  last success  {words.moment(success)}" + (", LATE" if late else ""))
    if health["last_run"]:
        click.echo(f"  last run      {health['last_run']}")
    for attempt in health["open"]:
        click.echo(f"  {attempt['state'].upper():<8} {attempt['partition']}: {attempt['headline']}")
    if health["open"]:
        click.echo(f"  next: batch-scorer show {health['job']}/{health['open'][0]['path']}")
    return late


def _health(parts: JobParts) -> dict[str, Any]:
    records = parts.ledger.partition_records(parts.job.name)
    runs = parts.ledger.runs(parts.job.name, limit=50)
    published = [record for record in records.values() if record.current]
    successes = [run.finished_at for run in runs if run.n_published or run.exit_code == 0]
    unsettled = [record.attempts[0] for record in records.values() if record.attempts]
    newest = max(published, key=lambda record: record.partition.path, default=None)
    return {
        "job": parts.job.name,
        "n_published": len(published),
        "newest_partition": newest.partition.label if newest else None,
        "last_success": next((when for when in successes if when), None),
        "last_run": _run_words(runs[0]) if runs else None,
        "open": [
            {
                "partition": attempt.partition_label,
                "path": attempt.partition_path,
                "state": attempt.state.value,
                "headline": attempt.headline,
                "run_id": attempt.run_id,
            }
            for attempt in sorted(unsettled, key=lambda a: a.partition_path)
        ],
    }


@click.command()
@click.argument("job", required=False)
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@global_options
def runs(settings: Settings, job: str | None, limit: int) -> None:
    """The newest runs of JOB, or of the whole project."""
    found = [run for ledger in _ledgers(settings, job) for run in ledger.runs(job, limit=limit)]
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
            run.model,
            "running" if run.exit_code is None and run.finished_at is None else _tally(run),
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
        _show_partition(settings, *what.split("/", 1), validation=validation, files=files)
    else:
        _show_run(settings, what, validation=validation, config=config)


def _show_run(settings: Settings, what: str, *, validation: bool, config: bool) -> None:
    ledger, run = _find_run(settings, what)
    attempts = ledger.attempts(run.run_id)
    if settings.json:
        output.emit("run", **_run_dict(run))
        for attempt in attempts:
            output.emit("attempt", **_attempt_dict(attempt))
        output.emit_summary(0, run_id=run.run_id)
        return
    click.echo(f"run {run.run_id} of {run.job}: {_tally(run)}, exit {run.exit_code}")
    click.echo(f"  started   {words.moment(run.started_at)} by {run.user} on {run.host}")
    if run.finished_at:
        took = (run.finished_at - run.started_at).total_seconds()
        click.echo(f"  took      {words.seconds(took)}, {_cost_words(run)}")
    click.echo(f"  model     {run.model} ({run.model_sha256[:12]}…), code {run.code_version}")
    if run.reason:
        click.echo(f"  reason    {run.reason}")
    if run.error:
        click.echo(f"  stopped   {run.error['what']}")
    for attempt in attempts:
        _echo_attempt(settings, attempt, validation=validation)
    if config:
        for key, value in sorted(run.config.items()):
            click.echo(f"  {key}: {value}")


def _echo_attempt(settings: Settings, attempt: AttemptRecord, *, validation: bool) -> None:
    click.echo(f" {attempt.partition_label} {attempt.state.value.upper():<9} {attempt.headline}")
    for label in ("where", "fix", "next"):
        if attempt.error and label in attempt.error:
            click.echo(f"    {label + ':':<7}{attempt.error[label]}")
    for text in attempt.warnings:
        click.echo(f"    warning: {text}")
    if not (validation or attempt.state is AttemptState.BLOCKED):
        return
    for verdict in attempt.verdicts:
        click.echo(f"    {verdict['stage']} suite {verdict['suite']}: {_verdict_words(verdict)}")
        for text in verdict["failed"]:
            click.echo(f"      {text}")
        click.echo(f"      GX result: {_state_path(settings, attempt.job) / verdict['file']}")


def _show_partition(settings: Settings, job: str, path: str, *, validation: bool, files: bool) -> None:
    from batch_scorer import wiring

    parts = wiring.open_job(settings.find_project(), job, target=settings.target)
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
        output.emit_summary(0)
        return
    if current is None:
        click.echo(f"{job}/{record.partition.path}: never published")
    else:
        _echo_generation(parts, current, validation=validation, files=files)
    for attempt in record.attempts:
        click.echo(f"since then, run {attempt.run_id}, {words.moment(attempt.started_at)}:")
        _echo_attempt(settings, attempt, validation=validation)


def _echo_generation(parts: JobParts, current: GenerationRecord, *, validation: bool, files: bool) -> None:
    manifest = parts.manifests.read(
        current.job, current.partition, current.number, expected_sha256=current.manifest_sha256
    )
    rows, used = current.rows, current.ingredients
    place = parts.places.predictions / current.partition.path
    for line in (
        f"{current.job}/{current.partition.path}: generation {current.number}",
        f"  published  {words.moment(current.published_at)} by run {current.run_id}",
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
    for verdict in manifest.verdicts:
        click.echo(f"  {verdict['stage']} suite {verdict['suite']}: {_verdict_words(verdict)}")
        if validation:
            click.echo(f"    GX result: {parts.places.state / verdict['file']}")
    if files:
        for source in manifest.inputs:
            click.echo(f"  in   {source.path}  {words.size(source.stamp.size)}  {source.sha256}")
        for file in manifest.outputs:
            click.echo(f"  out  {place / file.name}  {file.n_rows:,} rows  {file.sha256}")


def _verdict_words(verdict: Any) -> str:
    if verdict["success"]:
        return "passed"
    if verdict["not_evaluated"]:
        return f"not evaluated: {verdict['not_evaluated']}"
    return f"{words.count(len(verdict['failed']), 'expectation')} failed ({verdict['on_fail']})"


def _find_run(settings: Settings, what: str) -> tuple[Ledger, RunRecord]:
    problem: UsageError | None = None
    found: list[tuple[Ledger, RunRecord]] = []
    for ledger in _ledgers(settings, None):
        try:
            found.append((ledger, ledger.run(what)))
        except UsageError as error:
            problem = error
    if found:
        return max(found, key=lambda pair: pair[1].run_id)
    raise problem or UsageError("there is no run yet", next_command="batch-scorer run JOB")


def _ledgers(settings: Settings, job: str | None) -> list[Ledger]:
    from batch_scorer import wiring

    project = settings.find_project()
    if job is None:
        return list(wiring.open_ledgers(project).values())
    return [wiring.open_job(project, job, target=settings.target).ledger]


def _state_path(settings: Settings, job: str) -> Path:
    from batch_scorer import wiring

    project = settings.find_project()
    return Path(project.resolve(wiring.load(project, job, settings.target).job.output.state))


def _tally(run: RunRecord) -> str:
    return f"{run.n_published} published, {run.n_blocked} blocked, {run.n_failed} failed"


def _run_words(run: RunRecord) -> str:
    return f"{run.run_id}, {words.moment(run.started_at)}: {_tally(run)}, exit {run.exit_code}"


def _cost_words(run: RunRecord) -> str:
    cost = run.cost
    return (
        f"worker seconds: read {cost.read_s:.1f}, score {cost.score_s:.1f}, write {cost.write_s:.1f}, "
        f"load {cost.load_s:.1f}; peak {words.size(cost.peak_bytes)} a worker"
    )


def _run_dict(run: RunRecord) -> dict[str, Any]:
    return {**asdict(run), "state": run.state.value}


def _attempt_dict(attempt: AttemptRecord) -> dict[str, Any]:
    return {**asdict(attempt), "state": attempt.state.value}


def _generation_dict(generation: GenerationRecord) -> dict[str, Any]:
    return {
        **asdict(generation),
        "partition": generation.partition.path,
        "state": generation.state.value,
    }


commands = (status, runs, show)
