"""`models promote`: what an alias means, and who moved it."""

from __future__ import annotations

from contextlib import suppress

import click

from batch_scorer.cli import output
from batch_scorer.cli.models.group import models
from batch_scorer.cli.models.registry import known_version, open_registry
from batch_scorer.cli.settings import Settings, global_options
from batch_scorer.core.errors import BatchScorerError
from batch_scorer.core.whoami import user_name


@models.command()
@click.argument("version", metavar="NAME@V")
@click.option("--alias", required=True, help="The movable name, e.g. champion.")
@click.option("--reason", required=True, help="Why; kept in the history.")
@global_options
def promote(settings: Settings, version: str, alias: str, reason: str) -> None:
    """Let ALIAS point to NAME@V from now on."""
    registry = open_registry(settings)
    name, number = known_version(registry, version)
    registry.promote(name, number, alias, reason=reason, who=user_name())
    if settings.json:
        output.emit_summary(0, name=name, version=number, alias=alias)
    else:
        click.echo(f"{name}@{alias} is now version {number}")
        for job in _jobs_with(settings, f"{name}@{alias}"):
            plan = output.command(settings, f"batch-scorer plan {job}")
            click.echo(f"next: {plan}  # what it made outdated")


def _jobs_with(settings: Settings, uri: str) -> list[str]:
    """Jobs that score with it; a job file that is broken is left out, and says so elsewhere."""
    from batch_scorer import wiring

    project = settings.find_project()
    found = []
    for name in project.job_names():
        with suppress(BatchScorerError):
            if wiring.load(project, name, settings.target).job.model.uri == uri:
                found.append(name)
    return found
