"""`quarantine list`, `show`, `release`: rows that were set aside, and the rules they break."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.asked import asked_jobs
from batch_scorer.cli.finding import find_run
from batch_scorer.cli.settings import Settings, global_options
from batch_scorer.core.errors import UsageError

if TYPE_CHECKING:
    from batch_scorer.execution.auditing.quarantine import RowsAside
    from batch_scorer.execution.parts import JobParts
    from batch_scorer.execution.publishing.releasing import Release

_OURS = ("_rules", "_file", "_row", "_run_id")
_rule = click.option("--rule", metavar="R", help="Only this rule, as `quarantine list` writes it.")


@click.group()
@global_options
def quarantine(settings: Settings) -> None:
    """Rows that were set aside because they break a rule."""


@quarantine.command("list")
@click.argument("job", required=False)
@global_options
def list_(settings: Settings, job: str | None) -> None:
    """Partitions with rows set aside, and how many rows each rule took; of JOB, or of every job."""
    from batch_scorer.execution.auditing.quarantine import list_aside

    n_rows = n_partitions = 0
    for parts in asked_jobs(settings, settings.find_project(), job, lambda name: _reading(settings, name)):
        for aside in list_aside(parts):
            _show_aside(settings, parts.job.name, aside)
            n_partitions += 1
            n_rows += aside.rows.n_quarantined
    if settings.json:
        output.emit_summary(0, n_generations=n_partitions, n_rows=n_rows)
    elif not n_partitions:
        output.say(settings, "no rows in quarantine")


def _show_aside(settings: Settings, job: str, aside: RowsAside) -> None:
    if settings.json:
        output.emit(
            "quarantine", job=job, partition=aside.partition.path, generation=aside.generation,
            is_current=aside.is_current, run_id=aside.run_id, n_rows=aside.rows.n_quarantined,
            n_read=aside.rows.n_read, by_rule=dict(aside.by_rule),
        )  # fmt: skip
        return
    which = "blocked, rows not kept" if aside.generation is None else f"generation {aside.generation}"
    if aside.generation is not None and not aside.is_current:
        which += ", replaced"
    how_many = f"{aside.rows.n_quarantined:,} of {words.rows(aside.rows.n_read)}"
    click.echo(f"{job}/{aside.partition.path}: {how_many} ({which})")
    for rule, n_rows in sorted(aside.by_rule.items(), key=lambda pair: (-pair[1], pair[0])):
        click.echo(f"  {n_rows:>9,}  {rule}")


@quarantine.command()
@click.argument("what")
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many rows."
)
@_rule
@global_options
def show(settings: Settings, what: str, limit: int, rule: str | None) -> None:
    """The rows that were set aside: of one partition (JOB/PARTITION), or by one run (an id, or `last`)."""
    from batch_scorer.execution.auditing import quarantine as looking

    if "/" in what:
        job, partition = what.split("/", 1)
        parts = _reading(settings, job)
        found = [looking.aside_of_partition(parts, partition)]
    else:
        run = find_run(settings, what)[1]
        parts = _reading(settings, run.job)
        found = list(looking.aside_of_run(parts, run.run_id))
    if rule is not None:
        rule = looking.chosen_rule(rule, {each for aside in found for each in aside.by_rule}, parts.job.name)
    n_all = sum(aside.by_rule.get(rule, 0) if rule else aside.rows.n_quarantined for aside in found)
    rows = ((aside, row) for aside in found for row in looking.rows_in(aside, rule))
    n_shown = 0
    for aside, row in islice(rows, limit):
        _show_row(settings, parts, aside, row)
        n_shown += 1
    if settings.json:
        output.emit_summary(0, job=parts.job.name, n_rows=n_all, n_shown=n_shown)
    elif n_shown < n_all:
        output.say(settings, f"{n_shown:,} of {words.rows(n_all)}; --limit {n_all} shows all")
    elif not n_all:
        output.say(settings, "no rows in quarantine")


def _show_row(settings: Settings, parts: JobParts, aside: RowsAside, row: dict[str, Any]) -> None:
    key = {name: row[name] for name in parts.job.input.key}
    if settings.json:
        output.emit(
            "quarantined_row", partition=aside.partition.path, generation=aside.generation,
            key=key, rules=row["_rules"], file=row["_file"], row=row["_row"], run_id=row["_run_id"],
            values={name: value for name, value in row.items() if name not in _OURS},
        )  # fmt: skip
        return
    named = ", ".join(f"{name} {value}" for name, value in key.items())
    click.echo(f"{named}: {'; '.join(row['_rules'])} ({row['_file']}, row {row['_row']})")


@quarantine.command()
@click.argument("what")
@_rule
@click.option("--reason", metavar="T", required=True, help="Why, for the audit.")
@click.option("--dry-run", is_flag=True, help="Say what would be done and change nothing.")
@global_options
def release(settings: Settings, what: str, rule: str | None, reason: str, dry_run: bool) -> None:
    """Let rules set no row of a partition aside, as long as its input stays; the next run scores it anew."""
    from batch_scorer.execution.publishing import releasing

    job, partitions = _released(settings, what)
    parts = _reading(settings, job) if dry_run else _writing(settings, job)
    n_released = 0
    for partition in partitions:
        do = releasing.choose if dry_run else releasing.release
        done = do(parts, partition, rule, reason)
        _show_release(settings, job, done, dry_run=dry_run)
        n_released += done.waiver is not None
    if settings.json:
        output.emit_summary(0, job=job, n_released=n_released, dry_run=dry_run)
    elif n_released and not dry_run:
        click.echo(
            f"next: {output.command(settings, f'batch-scorer run {job}')} scores what was released anew"
        )


def _released(settings: Settings, what: str) -> tuple[str, list[str]]:
    """(job, hive paths). Raises: UsageError."""
    from batch_scorer.execution.auditing.quarantine import aside_by_run

    if "/" in what:
        job, partition = what.split("/", 1)
        return job, [partition]
    run = find_run(settings, what)[1]
    found, moved = aside_by_run(_reading(settings, run.job), run.run_id)
    for path in moved:
        output.warn(settings, f"{path} was scored again since, and was left out")
    if not found:
        raise UsageError(
            f"run {run.run_id} has no rows in quarantine",
            next_command=f"batch-scorer quarantine list {run.job}",
        )
    return run.job, found


def _show_release(settings: Settings, job: str, done: Release, *, dry_run: bool) -> None:
    if settings.json:
        output.emit(
            "released", job=job, partition=done.partition.path, by_rule=dict(done.by_rule),
            before=[{"rules": list(w.rules), "by": w.by, "at": w.at, "why": w.why} for w in done.before],
        )  # fmt: skip
        return
    for line in _release_lines(done, "would be released" if dry_run else "released"):
        click.echo(f"{job}/{done.partition.path}: {line}")


def _release_lines(done: Release, did: str) -> Iterator[str]:
    for rule, n_rows in done.by_rule.items():
        yield f"{did}, {words.rows(n_rows)} that break {rule}"
    for each in done.before:
        yield f"released before by {each.by}, {words.moment(each.at)}: {each.why} ({'; '.join(each.rules)})"


def _reading(settings: Settings, job: str) -> JobParts:
    from batch_scorer import wiring

    return wiring.open_job_for_reading(settings.find_project(), job, target=settings.target)


def _writing(settings: Settings, job: str) -> JobParts:
    from batch_scorer import wiring

    return wiring.open_job(settings.find_project(), job, target=settings.target)
