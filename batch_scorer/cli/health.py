"""`status`: health at a glance, for a person or a monitor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.asked import asked_jobs
from batch_scorer.cli.settings import Settings, global_options
from batch_scorer.core.errors import UsageError
from batch_scorer.core.partitions import typed
from batch_scorer.core.records import RunRecord

if TYPE_CHECKING:
    from batch_scorer.execution.parts import JobParts

_LATE = 1


@click.command()
@click.argument("job", required=False)
@click.option("--max-age", metavar="26h", help="Exit 1 when the last success is older.")
@click.option("--calendar", is_flag=True, help="The state of every day, a week in each row.")
@click.option(
    "--days",
    type=click.IntRange(1, 3660),
    default=90,
    show_default=True,
    help="How many days, today included, for --calendar.",
)
@global_options
def status(settings: Settings, job: str | None, max_age: str | None, calendar: bool, days: int) -> int:
    """Health of JOB, or of every job, at a glance."""
    from batch_scorer import wiring
    from batch_scorer.config.units import parse_duration

    project = settings.find_project()
    try:
        limit = parse_duration(max_age) if max_age else None
    except ValueError as error:
        raise UsageError(f"--max-age: {error}", fix="write it as 26h or 2d") from None
    jobs = asked_jobs(
        settings,
        project,
        job,
        lambda name: wiring.open_job_for_reading(project, name, target=settings.target),
    )
    n_late = 0
    for parts in jobs:
        n_late += _show_health(settings, parts, limit)
        if calendar:
            _show_calendar(settings, parts, days, asked=job is not None)
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
        command = f"batch-scorer show {typed(health['job'], health['open'][0]['path'])}"
        click.echo(f"  next: {output.command(settings, command)}")
    return late


def _show_calendar(settings: Settings, parts: JobParts, n_days: int, *, asked: bool) -> None:
    """asked: this very job was; of all jobs, those without days are passed over with a word.

    Raises: UsageError.
    """
    from batch_scorer import wiring
    from batch_scorer.cli.calendar import calendar_lines, day_states
    from batch_scorer.core.plans import JOBS_OWN, Selection
    from batch_scorer.planning.calendar import today_in
    from batch_scorer.planning.selection import date_key

    name, now = parts.job.name, datetime.now(UTC)
    if date_key(parts.job) is None:
        if asked:
            raise UsageError(
                f"--calendar needs exactly one partition key of type date, which {name} has not",
                where=f"jobs/{name}.yml, input.partition_by",
                fix="look at its partitions instead",
                next_command=f"batch-scorer plan {name}",
            )
        output.say(settings, f"{name} has no calendar: its partitions are no days")
        return
    today = today_in(parts.job.schedule.timezone, now)
    first = today - timedelta(days=n_days - 1)
    plan = wiring.plan_job(parts, Selection(first_day=first, last_day=today), JOBS_OWN, now)
    states = day_states(plan, first)
    if settings.json:
        for day, state in states.items():
            output.emit("day", job=name, day=day, state=state.value)
        return
    for line in calendar_lines(settings, states):
        click.echo(line)


def _health(parts: JobParts) -> dict[str, Any]:
    from batch_scorer.execution.at_work import as_it_stands

    standing = parts.ledger.standing(parts.job.name)
    runs = [as_it_stands(parts.ledger, run) for run in parts.ledger.runs(parts.job.name, limit=1)]
    return {
        "job": parts.job.name,
        "n_published": standing.n_published,
        "newest_partition": standing.newest.label if standing.newest else None,
        "last_success": parts.ledger.last_success(parts.job.name),
        "last_run": _run_words(runs[0]) if runs else None,
        "open": [
            {
                "partition": attempt.partition_label,
                "path": attempt.partition_path,
                "state": attempt.state.value,
                "headline": attempt.headline,
                "run_id": attempt.run_id,
            }
            for attempt in standing.unsettled
        ],
    }


def tally(run: RunRecord) -> str:
    return f"{run.n_published} published, {run.n_blocked} blocked, {run.n_failed} failed"


def _run_words(run: RunRecord) -> str:
    ended = f"exit {run.exit_code}" if run.exit_code is not None else run.state.value
    return f"{run.run_id}, {words.moment(run.started_at)}: {tally(run)}, {ended}"
