"""`doctor`: what will bite tonight, found by day."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from batch_scorer.cli import output
from batch_scorer.cli.asked import all_jobs
from batch_scorer.cli.settings import Settings, global_options

if TYPE_CHECKING:
    from batch_scorer.core.checks import Check


@click.command()
@click.argument("job", required=False)
@global_options
def doctor(settings: Settings, job: str | None) -> int:
    """What will bite tonight: places, clock, ledger, model, data, cluster, schedule; nothing is changed."""
    from batch_scorer import wiring
    from batch_scorer.execution.doctor.examine import examine

    project = settings.find_project()
    worst = 0
    names = (job,) if job else all_jobs(settings, project)
    for name in names:
        if len(names) > 1 and not settings.json:
            click.echo(name)
        opening = partial(wiring.open_job_for_reading, project, name, target=settings.target)
        for check in examine(opening):
            worst = worst or check.exit_code
            _show(settings, name, check)
    if settings.json:
        output.emit_summary(worst)
    return worst


def _show(settings: Settings, job: str, check: Check) -> None:
    fix = output.command(settings, check.fix) if check.fix else None
    if settings.json:
        output.emit("check", job=job, check=check.name, ok=check.ok, found=check.found, fix=fix)
        return
    mark = (
        output.styled(settings, "ok ", fg="green") if check.ok else output.styled(settings, "BAD", fg="red")
    )
    click.echo(f" {mark} {check.name}: {check.found}")
    if not check.ok and fix:
        click.echo(f"       fix: {fix}")
