"""`init`: a project where there was none, or a job where there was only a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.settings import Settings, global_options
from batch_scorer.cli.tables import Table, TableAddress, stores_for
from batch_scorer.core.errors import UsageError

if TYPE_CHECKING:
    from batch_scorer.execution.job_draft.draft import DraftedJob, Wishes

# Parameter to option: they say how a table is to be read, and mean nothing without one.
_OF_A_TABLE = {"name": "--name", "model": "--model", "key": "--key", "timezone": "--timezone"}


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), default=Path())
@click.option("--example", is_flag=True, help="A small runnable lake, suite, registered model and job.")
@click.option(
    "--from-parquet",
    "table",
    type=TableAddress(),
    metavar="PATH",
    help="Draft a job and a suite from a hive-partitioned table.",
)
@click.option("--name", help="Of the drafted job.  [default: as the table's directory]")
@click.option("--model", metavar="NAME[@V]", help="For the drafted job.  [default: the one that fits]")
@click.option("--key", multiple=True, metavar="COLUMN", help="Key column; once for each.  [default: found]")
@click.option("--timezone", metavar="TZ", help="For the drafted job, as Europe/Berlin.  [default: UTC]")
@global_options
def init(
    settings: Settings,
    directory: Path,
    example: bool,
    table: Table | None,
    name: str | None,
    model: str | None,
    key: tuple[str, ...],
    timezone: str | None,
) -> None:
    """Scaffold a project in DIRECTORY (default: here). Nothing that exists is overwritten."""
    wishes = {"name": name, "model": model, "key": key, "timezone": timezone}
    if table is not None:
        if example:
            raise UsageError(
                "--example and --from-parquet contradict each other", fix="leave one of them out"
            )
        _draft(settings, directory, table, wishes)
        return
    if given := [_OF_A_TABLE[each] for each, value in wishes.items() if value]:
        raise UsageError(f"{given[0]} is about a table", fix="add --from-parquet PATH, or leave it out")
    written = _example(directory) if example else _empty(directory)
    if settings.json:
        output.emit_summary(0, written=[str(path) for path in written])
        return
    _say_written(settings, directory, written)
    there = _there(settings, directory)
    if example:
        click.echo(f"next: {output.command(there, 'batch-scorer plan taxi_tips')}")
    else:
        check = output.command(there, "batch-scorer validate-config")
        click.echo(f"next: edit {directory / 'jobs'}, then {check}")


def _empty(directory: Path) -> tuple[Path, ...]:
    from batch_scorer.ops.scaffold.project import scaffold_project

    return scaffold_project(directory)


def _example(directory: Path) -> tuple[Path, ...]:
    from batch_scorer import wiring
    from batch_scorer.config.project import Project
    from batch_scorer.execution.example import make_example

    return make_example(directory, wiring.project_registry(Project(root=directory.absolute())))


def _draft(settings: Settings, directory: Path, table: Table, wishes: Mapping[str, object]) -> None:
    from batch_scorer import wiring
    from batch_scorer.config.project import Project
    from batch_scorer.execution.job_draft.draft import draft_job
    from batch_scorer.ops.scaffold.project import scaffold_drafted

    project = Project(root=directory.absolute())
    registry = wiring.project_registry(project)
    drafted = draft_job(project.root, table, registry, _checked(wishes), stores_for(table, project, None))
    written = scaffold_drafted(directory, drafted.files)
    wiring.load_checked(project, (drafted.name,), None)  # a draft that is no valid job is a bug of ours
    there = _there(settings, directory)
    commands = [output.command(there, command) for command in _next(drafted)]
    if settings.json:
        for about, chosen, why in drafted.choices:
            output.emit("choice", about=about, chosen=chosen, why=why)
        output.emit_summary(
            0, written=[str(path) for path in written], job=drafted.name, looked_at=drafted.looked_at,
            next=commands,
        )  # fmt: skip
        return
    click.echo(f"looked at {drafted.looked_at}")
    click.echo(output.table((f" {about}", chosen, why) for about, chosen, why in drafted.choices))
    _say_written(settings, directory, written)
    for index, command in enumerate(commands):
        click.echo(f"next: {command}" if index == 0 else f"      {command}")


def _checked(wishes: Mapping[str, object]) -> Wishes:
    from batch_scorer.config.fields import check_timezone
    from batch_scorer.execution.job_draft.draft import Wishes

    timezone = wishes["timezone"]
    if isinstance(timezone, str):
        try:
            check_timezone(timezone)
        except ValueError as error:
            raise UsageError(
                f"--timezone: {error}", fix="write an IANA name, such as Europe/Berlin"
            ) from None
    return Wishes(**wishes)  # type: ignore[arg-type]


def _next(drafted: DraftedJob) -> list[str]:
    """What leads to the first predictions, command by command."""
    model = drafted.model
    promote = f"batch-scorer models promote {model.name}@{model.version or 1} --alias champion"
    register = f"batch-scorer models register MODEL.skops --name {model.name} --reference TRAIN.parquet"
    last = f"batch-scorer run {drafted.name}"
    match model.missing:
        case "model":
            return [register, f'{promote} --reason "first version"', last]
        case "alias":
            return [f'{promote} --reason "first version"', last]
        case _:
            return [f"batch-scorer plan {drafted.name}", last]


def _say_written(settings: Settings, directory: Path, written: tuple[Path, ...]) -> None:
    for path in written if settings.verbose else ():
        output.say(settings, f"wrote {path}")
    output.say(settings, f"wrote {words.count(len(written), 'file')} below {directory}")


def _there(settings: Settings, directory: Path) -> Settings:
    """How the next command finds the project."""
    return replace(settings, project=None if directory == Path() else str(directory), target=None)
