"""What one run did with one partition: outcome, problems, where the time went, and what to type next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.settings import Settings
from batch_scorer.cli.verdicts import echo_verdicts
from batch_scorer.core.chunks import ChunkCost
from batch_scorer.core.kept_files import KeptFiles
from batch_scorer.core.partitions import typed
from batch_scorer.core.records import AttemptRecord, AttemptState
from batch_scorer.core.waivers import rules_set_aside

_WORKER_STEPS = ("load", "read", "validate", "score", "write")
_DRIVER_STEPS = ("wait", "prepare", "check", "publish")
_STEP_WORDS = {"wait": "wait for its lease"}


def echo_attempt(settings: Settings, attempt: AttemptRecord, kept: KeptFiles, *, validation: bool) -> None:
    """kept: of the job. validation: suite results in full."""
    click.echo(f" {attempt.partition_label} {attempt.state.value.upper():<9} {attempt.headline}")
    for label in ("where", "fix"):
        if attempt.error and label in attempt.error:
            click.echo(f"    {label + ':':<7}{attempt.error[label]}")
    for text in attempt.warnings:
        click.echo(f"    warning: {text}")
    for line in (*_time(attempt), *_aside(attempt, kept)):
        click.echo(f"    {line}")
    if validation or attempt.state is AttemptState.BLOCKED:
        echo_verdicts(attempt.verdicts, kept=kept, detailed=validation, indent="    ")
    command = _next(attempt)
    if command and not validation:
        click.echo(f"    next:  {output.command(settings, command)}")


def attempt_dict(attempt: AttemptRecord) -> dict[str, Any]:
    return {**asdict(attempt), "partition": place(attempt), "state": attempt.state.value}


def place(attempt: AttemptRecord) -> str:
    return attempt.partition.path if attempt.partition else attempt.partition_path


def cost_lines(cost: ChunkCost, took_s: float) -> Iterator[str]:
    """took_s: from start to end. Steps that took no time are left out."""
    yield f"took {words.seconds(took_s)}{_steps(cost, _DRIVER_STEPS, ': ')}"
    workers = _steps(cost, _WORKER_STEPS, "")
    if workers:
        yield f"workers: {workers}; {cost.cpu_s:.1f} s of CPU, peak {words.size(cost.peak_bytes)}"
    for how, n_rows in cost.scored_by.items():
        yield f"scored: {words.rows(n_rows)} by {how}"
    if cost.smaller is not None:
        yield f"batches: {cost.smaller}"
    if cost.n_retries or cost.n_deaths:
        deaths = f", {words.count(cost.n_deaths, 'time')} because its worker died" if cost.n_deaths else ""
        yield f"retries: a chunk went out again {words.count(cost.n_retries, 'time')}{deaths}"
    if cost.n_doubled:
        yield f"late: {words.count(cost.n_doubled, 'chunk')} ran on a second worker as well"


def _time(attempt: AttemptRecord) -> Iterator[str]:
    if attempt.cost == ChunkCost():
        return  # it never came to anything, or nobody measured it
    yield from cost_lines(attempt.cost, (attempt.finished_at - attempt.started_at).total_seconds())


def _steps(cost: ChunkCost, names: tuple[str, ...], before: str) -> str:
    spent = [(name, getattr(cost, f"{name}_s")) for name in names]
    told = [f"{_STEP_WORDS.get(name, name)} {words.seconds(s)}" for name, s in spent if s >= 0.0005]
    return f"{before}{', '.join(told)}" if told else ""


def _aside(attempt: AttemptRecord, kept: KeptFiles) -> Iterator[str]:
    """Rows that were set aside, and where they are: a blocked partition keeps none."""
    for rule, n_rows in rules_set_aside(attempt.verdicts).items():
        yield f"set aside: {words.rows(n_rows)} that break {rule}"
    published = attempt.partition is not None and attempt.generation is not None
    if published and attempt.rows is not None and attempt.rows.n_quarantined:
        yield f"  in {kept.at(f'quarantine/{attempt.job}/{place(attempt)}/{attempt.generation}')}"


def _next(attempt: AttemptRecord) -> str | None:
    if attempt.error and "next" in attempt.error:
        command: str = attempt.error["next"]
        return command
    if attempt.state is AttemptState.BLOCKED and attempt.verdicts:
        return f"batch-scorer show {attempt.run_id} --validation"
    if attempt.generation is not None and attempt.rows and attempt.rows.n_quarantined:
        return f"batch-scorer quarantine show {typed(attempt.job, place(attempt))}"
    return None
