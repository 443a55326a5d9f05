"""Global options: accepted before and after the verb, each also as BATCH_SCORER_…"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

if TYPE_CHECKING:
    from batch_scorer.config.project import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What every verb obeys."""

    project: str | None = None
    target: str | None = None
    quiet: bool = False
    verbose: int = 0
    json: bool = False
    log_format: Literal["text", "json"] = "text"
    log_file: str | None = None
    no_color: bool = False

    def find_project(self) -> Project:
        """Raises: UsageError, when there is no `jobs/` directory here or above."""
        from batch_scorer.config.project import Project, find_project
        from batch_scorer.core.errors import UsageError

        if self.project is None:
            return find_project(Path.cwd())
        root = Path(self.project).absolute()
        if not (root / "jobs").is_dir():
            raise UsageError(
                f"{self.project} is no batch-scorer project: it has no jobs/ directory",
                where=str(root),
                fix="give the directory that holds jobs/, or make one",
                next_command=f"batch-scorer init {self.project}",
            )
        return Project(root=root)


@dataclass(slots=True)
class Invocation:
    """What an invocation has understood so far: errors are shown the way it was asked for."""

    settings: Settings


_OPTIONS = (
    click.option(
        "-p", "--project", metavar="DIR", help="Project directory (default: nearest parent with jobs/)."
    ),
    click.option("-t", "--target", metavar="NAME", help="Target of the job file, e.g. dev."),
    click.option("-q", "--quiet", is_flag=True, default=None, help="Only errors and warnings."),
    click.option("-v", "--verbose", count=True, default=None, help="Say what is done; twice for more."),
    click.option("--json", is_flag=True, default=None, help="JSON Lines on stdout."),
    click.option("--log-format", type=click.Choice(["text", "json"]), help="Format of log lines on stderr."),
    click.option("--log-file", metavar="F", help="Also write log lines to this file."),
    click.option("--no-color", is_flag=True, default=None, help="No colours."),
)
_NAMES = ("project", "target", "quiet", "verbose", "json", "log_format", "log_file", "no_color")


def global_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the global options to a verb and hand it `settings`; given twice, the later one wins."""

    @functools.wraps(command)
    @click.pass_context
    def with_settings(context: click.Context, /, **arguments: Any) -> Any:
        given = {name: arguments.pop(name) for name in _NAMES}
        settings = replace(
            context.find_root().obj.settings,
            **{name: value for name, value in given.items() if value is not None and value != 0},
        )
        context.find_root().obj.settings = settings
        _configure_logging(settings)
        return command(settings=settings, **arguments)

    for option in reversed(_OPTIONS):
        with_settings = option(with_settings)
    return with_settings


def _configure_logging(settings: Settings) -> None:
    from batch_scorer.ops.logs import configure_logging

    configure_logging(
        -1 if settings.quiet else settings.verbose,
        settings.log_format,
        Path(settings.log_file) if settings.log_file else None,
    )
