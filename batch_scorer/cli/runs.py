"""`runs`: the newest runs, a line each."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.finding import newest_runs
from batch_scorer.cli.health import tally
from batch_scorer.cli.settings import Settings, global_options
from batch_scorer.core.records import RunRecord, RunState


@click.command()
@click.argument("job", required=False)
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--failed", is_flag=True, help="Only runs that died or ended with another exit code than 0.")
@global_options
def runs(settings: Settings, job: str | None, limit: int, failed: bool) -> None:
    """The newest runs of JOB, or of the whole project."""
    found = newest_runs(settings, job, limit, unsuccessful=failed)
    if settings.json:
        n_runs = 0
        for run in found:
            output.emit("run", **run_dict(run))
            n_runs += 1
        output.emit_summary(0, n_runs=n_runs)
        return
    click.echo(output.table(map(_row, found)) or ("no such runs" if failed else "no runs yet"))


def _row(run: RunRecord) -> tuple[str, ...]:
    goes_on = run.exit_code is None and run.state is RunState.RUNNING
    took = words.seconds((run.finished_at - run.started_at).total_seconds()) if run.finished_at else "-"
    return (
        run.run_id,
        run.job,
        words.moment(run.started_at),
        took,
        words.models(run.model),
        "running" if goes_on else tally(run),
        f"exit {run.exit_code}" if run.exit_code is not None else run.state.value,
        f"retry of {run.parent_run_id}" if run.parent_run_id else "",
    )


def run_dict(run: RunRecord) -> dict[str, Any]:
    return {**asdict(run), "state": run.state.value}
