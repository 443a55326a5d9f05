"""`init`, `validate-config`, `schema`, `doctor`, `schedule`, `completion`: a project before its first run."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.settings import Settings, global_options
from batch_scorer.core.errors import UsageError

if TYPE_CHECKING:
    from batch_scorer.config.job import Job
    from batch_scorer.config.load import LoadedJob
    from batch_scorer.config.project import Project
    from batch_scorer.core.errors import ConfigInvalid


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), default=Path())
@click.option("--example", is_flag=True, help="A small runnable lake, suite, registered model and job.")
@global_options
def init(settings: Settings, directory: Path, example: bool) -> None:
    """Scaffold a project in DIRECTORY (default: here). Nothing that exists is overwritten."""
    from batch_scorer import wiring

    written = wiring.init_example(directory) if example else wiring.init_project(directory)
    if settings.json:
        output.emit_summary(0, written=[str(path) for path in written])
        return
    for path in written if settings.verbose else ():
        output.say(settings, f"wrote {path}")
    output.say(settings, f"wrote {words.count(len(written), 'file')} below {directory}")
    there = replace(settings, project=None if directory == Path() else str(directory), target=None)
    if example:
        click.echo(f"next: {output.command(there, 'batch-scorer plan taxi_tips')}")
    else:
        check = output.command(there, "batch-scorer validate-config")
        click.echo(f"next: edit {directory / 'jobs'}, then {check}")


@click.command("validate-config")
@click.argument("job", required=False)
@click.option("--resolved", is_flag=True, help="Each value and where it came from.")
@global_options
def validate_config(settings: Settings, job: str | None, resolved: bool) -> int:
    """Check JOB, or every job: all mistakes at once, with file, line and column."""
    from batch_scorer import wiring
    from batch_scorer.core.errors import ConfigInvalid

    project = settings.find_project()
    names = (job,) if job else project.job_names()
    try:
        jobs = wiring.load_checked(project, names, settings.target)
    except ConfigInvalid as error:
        return _show_mistakes(settings, error)
    for loaded in jobs:
        if resolved:
            _show_values(settings, loaded)
        output.say(settings, f"jobs/{loaded.job.name}.yml is valid")
        for suite, rule, does in wiring.quarantine_rules(project, loaded.job):
            if settings.json:
                output.emit("quarantine_rule", job=loaded.job.name, suite=suite, rule=rule, does=does)
            output.say(settings, f"  {suite}: {rule}: {does}")
    if settings.json:
        output.emit_summary(0, n_jobs=len(jobs))
    return 0


def _show_mistakes(settings: Settings, error: ConfigInvalid) -> int:
    if settings.json:
        return output.fail(settings, error)
    click.echo(error.render(), err=True)
    return error.exit_code


def _show_values(settings: Settings, loaded: LoadedJob) -> None:
    for key, value, source in loaded.values:
        if settings.json:
            output.emit("value", job=loaded.job.name, key=key, value=value, source=source)
        else:
            click.echo(f"{key} = {json.dumps(value, ensure_ascii=False)}  # {source}")


@click.command()
@global_options
def schema(settings: Settings) -> None:
    """Print the JSON Schema of a job file, for editors."""
    from batch_scorer.config.schema import job_schema

    if settings.json:
        output.emit("schema", schema=job_schema())
        output.emit_summary(0)
    else:
        click.echo(json.dumps(job_schema(), indent=2))


@click.command()
@click.argument("job", required=False)
@global_options
def doctor(settings: Settings, job: str | None) -> int:
    """What will bite tonight: places, suites, model, data; nothing is changed."""
    from batch_scorer import wiring

    project = settings.find_project()
    worst = 0
    for name in [job] if job else project.job_names():
        for check in wiring.diagnose(project, name, settings.target):
            worst = worst or check.exit_code
            if settings.json:
                output.emit(
                    "check", job=name, check=check.name, ok=check.ok, found=check.found, fix=check.fix
                )
                continue
            mark = (
                output.styled(settings, "ok ", fg="green")
                if check.ok
                else output.styled(settings, "BAD", fg="red")
            )
            click.echo(f" {mark} {check.name}: {check.found}")
            if not check.ok and check.fix:
                click.echo(f"       fix: {check.fix}")
    if settings.json:
        output.emit_summary(worst)
    return worst


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

    executable = shutil.which("batch-scorer") or str(Path(sys.argv[0]).absolute())
    call = call_of(job, executable=executable, project=str(project.root), target=target)
    match kind:
        case "cron":
            return render_cron(call)
        case "systemd":
            return render_systemd(call)
        case _:
            return render_kubernetes(call, job.compute)


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


commands = (init, validate_config, schema, doctor, schedule, completion)
