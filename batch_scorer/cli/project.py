"""`validate-config`, `schema`, `schedule`, `completion`: a project before its first run."""

from __future__ import annotations

import json
import logging
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batch_scorer.cli import output
from batch_scorer.cli.asked import all_jobs
from batch_scorer.cli.settings import Settings, global_options
from batch_scorer.core.errors import UsageError

if TYPE_CHECKING:
    from batch_scorer.config.job import Job
    from batch_scorer.config.load import LoadedJob
    from batch_scorer.config.project import Project
    from batch_scorer.core.errors import ConfigInvalid


@click.command("validate-config")
@click.argument("job", required=False)
@click.option("--resolved", is_flag=True, help="Each value and where it came from.")
@global_options
def validate_config(settings: Settings, job: str | None, resolved: bool) -> int:
    """Check JOB, or every job: all mistakes at once, with file, line and column."""
    from batch_scorer import wiring
    from batch_scorer.core.errors import ConfigInvalid
    from batch_scorer.execution.bound_suites import bound_suites
    from batch_scorer.execution.coverage import parts_played_in

    project = settings.find_project()
    names = (job,) if job else all_jobs(settings, project)
    try:
        jobs = wiring.load_checked(project, names, settings.target)
    except ConfigInvalid as error:
        return _show_mistakes(settings, error)
    for loaded in jobs:
        if resolved:
            _show_values(settings, loaded)
        output.say(settings, f"jobs/{loaded.job.name}.yml is valid")
        for suite, rule, does in parts_played_in(bound_suites(project, loaded.job)):
            if settings.json:
                output.emit("quarantine_rule", job=loaded.job.name, suite=suite, rule=rule, does=does)
            output.say(settings, f"  {suite}: {rule}: {does}")
    if settings.json:
        output.emit_summary(0, n_jobs=len(jobs))
    return 0


def _show_mistakes(settings: Settings, error: ConfigInvalid) -> int:
    if settings.json:
        return output.fail(settings, error)
    output.tell(settings, error.render(), logging.ERROR)
    return error.exit_code


def _show_values(settings: Settings, loaded: LoadedJob) -> None:
    for key, value, source in loaded.values:
        if settings.json:
            output.emit("value", job=loaded.job.name, key=key, value=value, source=source)
        else:
            click.echo(f"{key} = {json.dumps(value, ensure_ascii=False)}  # {source}")


@click.command()
@click.option(
    "-o", "--output", "file", type=click.Path(path_type=Path), metavar="FILE", help="Write to FILE."
)
@click.option("--messages", is_flag=True, help="That of the lines that --json writes.")
@global_options
def schema(settings: Settings, file: Path | None, messages: bool) -> None:
    """Print the JSON Schema of a job file, for editors, or bring a FILE that holds it up to date."""
    found = _messages_schema() if messages else _job_schema()
    if file is not None:
        _write_schema(settings, file, found)
    if settings.json:
        output.emit("schema", schema=found)
        output.emit_summary(0, file=None if file is None else str(file))
    elif file is None:
        click.echo(json.dumps(found, indent=2))


def _job_schema() -> dict[str, Any]:
    from batch_scorer.config.schema import job_schema

    return job_schema()


def _messages_schema() -> dict[str, Any]:
    from batch_scorer.cli.messages.schema import messages_schema

    return messages_schema()


def _write_schema(settings: Settings, file: Path, found: dict[str, Any]) -> None:
    from batch_scorer.config.schema import SCHEMA_FILE
    from batch_scorer.core.durable import write_whole

    if file.is_dir():
        raise UsageError(f"{file} is a directory", fix=f"name a file, such as {file / SCHEMA_FILE}")
    write_whole(file, json.dumps(found, indent=2).encode() + b"\n")
    output.say(settings, f"wrote {file}")


@click.group()
@global_options
def schedule(settings: Settings) -> None:
    """Ready-to-install schedules."""


@schedule.command()
@click.argument("kind", type=click.Choice(["cron", "systemd", "k8s"]))
@click.argument("job")
@click.option(
    "-o",
    "--output",
    "directory",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the files here instead.",
)
@global_options
def render(settings: Settings, kind: str, job: str, directory: Path | None) -> None:
    """Print what runs JOB at its schedule.cron: a crontab entry, a service and a timer, or a CronJob."""
    from batch_scorer import wiring

    project = settings.find_project()
    found = wiring.load(project, job, settings.target).job
    files = _rendered(kind, found, project, settings.target)
    if directory is not None:
        _write_files(settings, files, directory)
    elif settings.json:
        for name, text in files.items():
            output.emit("text", kind=f"schedule {kind}", file=name, text=text)
        output.emit_summary(0)
    else:
        click.echo("\n".join(files.values()), nl=False)


def _rendered(kind: str, job: Job, project: Project, target: str | None) -> dict[str, str]:
    from batch_scorer.ops.schedules.call import call_of
    from batch_scorer.ops.schedules.crontab import render_cron
    from batch_scorer.ops.schedules.kubernetes import render_kubernetes
    from batch_scorer.ops.schedules.systemd import render_systemd

    call = call_of(job, executable=_executable(), project=str(project.root), target=target)
    match kind:
        case "cron":
            return render_cron(call)
        case "systemd":
            return render_systemd(call)
        case _:
            return render_kubernetes(call, job.compute)


def _executable() -> str:
    """The command of the Python that runs this: that on the PATH may be of another version."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which("batch-scorer", path=beside) or shutil.which("batch-scorer")
    return found or str(Path(sys.argv[0]).absolute())


def _write_files(settings: Settings, files: dict[str, str], directory: Path) -> None:
    from batch_scorer.core.durable import write_whole

    paths = {directory / name: text for name, text in files.items()}
    for path, text in paths.items():
        write_whole(path, text.encode())
        output.say(settings, f"wrote {path}")
    if settings.json:
        output.emit_summary(0, written=[str(path) for path in paths])


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@global_options
def completion(settings: Settings, shell: str) -> None:
    """Print shell completion: eval "$(batch-scorer completion bash)"."""
    from click.shell_completion import get_completion_class

    completer = get_completion_class(shell)
    if completer is None:
        raise UsageError(f"no completion for {shell}")
    root = click.get_current_context().find_root().command
    source = completer(root, {}, "batch-scorer", "_BATCH_SCORER_COMPLETE").source()
    _print_text(settings, f"completion {shell}", source)


def _print_text(settings: Settings, kind: str, text: str) -> None:
    """Text for another program, as it is, or in one JSON line."""
    if settings.json:
        output.emit("text", kind=kind, text=text)
        output.emit_summary(0)
    else:
        click.echo(text)
