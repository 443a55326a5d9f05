"""`ledger rebuild`: a lost ledger, told again from what it once recorded."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.auditing import show_finding
from batch_scorer.cli.settings import Settings, global_options

if TYPE_CHECKING:
    from batch_scorer.execution.auditing.rebuild import History


@click.group()
@global_options
def ledger(settings: Settings) -> None:
    """The ledger of a job."""


@ledger.command()
@click.argument("job")
@click.option("--dry-run", is_flag=True, help="Show what would be written and write nothing.")
@global_options
def rebuild(settings: Settings, job: str, dry_run: bool) -> int:
    """Tell a lost ledger again, from JOB's manifests and published files."""
    from batch_scorer import wiring
    from batch_scorer.execution.auditing import rebuild as rebuilding

    open_one = wiring.open_job_for_reading if dry_run else wiring.open_job
    parts = open_one(settings.find_project(), job, target=settings.target)
    tell = rebuilding.tell_history if dry_run else rebuilding.rebuild
    try:
        history = tell(parts, datetime.now(UTC))
    except rebuilding.HistoryDamaged as error:
        for finding in error.findings:
            show_finding(settings, finding)
        raise
    _show_history(settings, job, history, "would write" if dry_run else "wrote")
    return 0


def _show_history(settings: Settings, job: str, history: History, did: str) -> None:
    for path in history.unpublished:
        output.warn(settings, f"{path} has manifests, but no predictions: it counts as never published")
    for each in history.partitions:
        current = each.current.number if each.current else None
        if settings.json:
            output.emit("rebuilt", partition=each.path, generation=current, n_generations=len(each.records))
        elif did == "would write" or settings.verbose:
            what = "nothing published" if current is None else f"generation {current} is current"
            click.echo(f" {each.path}  {what}, {words.count(len(each.records), 'manifest')}")
    n_runs, n_generations = len(history.runs), len(history.records)
    if settings.json:
        output.emit_summary(
            0, job=job, n_partitions=len(history.partitions), n_runs=n_runs, n_generations=n_generations
        )
    elif not settings.quiet:
        counts = f"{words.count(n_runs, 'run')}, {words.count(n_generations, 'generation')}"
        click.echo(f"{job}: {did} {counts} of {words.count(len(history.partitions), 'partition')}")
        click.echo(f"next: {output.command(settings, f'batch-scorer verify {job} --deep')}")
