"""The job that was asked for, or every job of the project: one that is broken does not hide the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from batch_scorer.cli import output
from batch_scorer.cli.settings import Settings
from batch_scorer.core.errors import ConfigInvalid

if TYPE_CHECKING:
    from batch_scorer.config.project import Project

Opened = TypeVar("Opened")


def all_jobs(settings: Settings, project: Project) -> tuple[str, ...]:
    """The name of every job; that there is none is said: nothing else would be."""
    names = project.job_names()
    if not names:
        output.say(
            settings, f"no job in {project.jobs}: each is a file NAME.yml, of letters, digits, _ and -"
        )
    return names


def asked_jobs(
    settings: Settings, project: Project, job: str | None, open_one: Callable[[str], Opened]
) -> Iterator[Opened]:
    """open_one(name) of `job`, or of all jobs but the broken ones, each of which is a warning.

    Raises: ConfigInvalid, when the job that was asked for is broken; whatever else open_one raises.
    """
    if job is not None:
        yield open_one(job)
        return
    for name in project.job_names():
        try:
            opened = open_one(name)
        except ConfigInvalid as error:
            see = output.command(settings, f"batch-scorer validate-config {name}")
            output.warn(settings, f"jobs/{name}.yml was left out: {error.what}; {see}")
        else:
            yield opened
