"""`run` and `backfill`: do what is due, or a range of days."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batch_scorer.cli import output, signals
from batch_scorer.cli.closing import conclude
from batch_scorer.cli.durations import DURATION
from batch_scorer.cli.planning import Look, look_at, look_options
from batch_scorer.cli.progress import Bar, listener_for
from batch_scorer.cli.selecting import model_option, model_options, selection_options
from batch_scorer.cli.settings import Settings, global_options
from batch_scorer.cli.signals import Stopped, in_words
from batch_scorer.core import collector
from batch_scorer.core.errors import BatchScorerError, UsageError
from batch_scorer.core.plans import JOBS_OWN, ModelChoice, Plan, Selection
from batch_scorer.core.runs import RunOptions
from batch_scorer.core.surprises import as_internal_error

if TYPE_CHECKING:
    from batch_scorer.config.load import LoadedJob
    from batch_scorer.config.project import Project
    from batch_scorer.core.records import RunRecord
    from batch_scorer.execution.parts import JobParts

_ASK_ABOVE = 50


_RUN_OPTIONS = (
    click.option("--cluster", metavar="SPEC", help="auto, inline, local or tcp://host:port."),
    click.option("--workers", type=click.IntRange(min=1), help="Processes, local or of a cluster class."),
    click.option("--timeout", type=DURATION, metavar="2h", help="Stop after this long (exit 124)."),
    click.option("--wait-lock", type=DURATION, metavar="10m", help="Wait this long for another run to end."),
    click.option("--fail-fast", is_flag=True, help="Start nothing more after the first failed partition."),
    click.option(
        "--empty-exit-code",
        type=click.IntRange(0, 255),
        default=0,
        metavar="N",
        help="Exit code when nothing is due.",
    ),
    click.option(
        "--error-on",
        type=click.Choice(["warning", "quarantine"]),
        help="Exit 1 when a partition was published with warnings, or without rows that were set aside.",
    ),
    click.option(
        "--allow-schema-change", is_flag=True, help="Publish although output columns differ from before."
    ),
    click.option(
        "--max-parallel", type=click.IntRange(min=1), metavar="N", help="At most so many partitions in hand."
    ),
    click.option("--dry-run", is_flag=True, help="Show the plan and do nothing."),
)


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Hand the verb `options` (RunOptions), and a `look` (None without --dry-run)."""

    @functools.wraps(command)
    def with_options(**arguments: Any) -> Any:
        options = RunOptions(
            cluster=_checked_cluster(arguments.pop("cluster")),
            workers=arguments.pop("workers"),
            timeout=arguments.pop("timeout"),
            wait_lock=arguments.pop("wait_lock") or timedelta(0),
            fail_fast=arguments.pop("fail_fast"),
            empty_exit_code=arguments.pop("empty_exit_code"),
            error_on=arguments.pop("error_on"),
            allow_schema_change=arguments.pop("allow_schema_change"),
            max_parallel=arguments.pop("max_parallel"),
            command=tuple(sys.argv),
        )
        look, is_dry = arguments.pop("look"), arguments.pop("dry_run")
        if look != Look(explain=False, plan_file=None) and not is_dry:
            raise click.UsageError("--explain and --output look at a plan: add --dry-run")
        return command(options=options, look=look if is_dry else None, **arguments)

    wrapped = look_options(with_options)
    for option in reversed(_RUN_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def _checked_cluster(spec: str | None) -> str | None:
    from batch_scorer.config.addresses import check_cluster

    try:
        return None if spec is None else check_cluster(spec)
    except ValueError as error:
        raise click.UsageError(f"--cluster: {error}") from None


@click.command()
@click.argument("job")
@selection_options
@model_option
@run_options
@click.option(
    "--plan",
    "planned",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Do what this plan says (plan -o), or nothing if anything moved.",
)
@global_options
def run(
    settings: Settings,
    job: str,
    selection: Selection,
    choice: ModelChoice,
    options: RunOptions,
    look: Look | None,
    planned: Path | None,
) -> int:
    """Score everything of JOB that is due, or the partitions that are asked for."""
    if planned is None:
        return execute(settings, job, selection, choice, options, look=look)
    if selection != Selection() or choice != JOBS_OWN:
        raise click.UsageError("--plan says which partitions and which model; give no options for them")
    from batch_scorer.execution.plan_files import check_unmoved, read_plan

    then = read_plan(planned, job)
    return execute(
        settings,
        job,
        then.selection,
        then.choice,
        options,
        look=look,
        accept=functools.partial(check_unmoved, planned, then),
    )


@click.command()
@click.argument("job")
@selection_options
@model_options
@run_options
@click.option(
    "--newest-first/--oldest-first", default=True, show_default=True, help="Which end of the range first."
)
@click.option("--reason", metavar="TEXT", help="Why, for the audit.")
@click.option("--yes", is_flag=True, help=f"Do not ask above {_ASK_ABOVE} partitions.")
@global_options
def backfill(
    settings: Settings,
    job: str,
    selection: Selection,
    choice: ModelChoice,
    options: RunOptions,
    look: Look | None,
    newest_first: bool,
    reason: str | None,
    yes: bool,
) -> int:
    """Score a range of days of JOB, both ends included; killed half-way, the same command goes on."""
    if not _says_what(selection):
        raise click.UsageError("backfill needs --from and --to, or --since, or --partition")
    selection = replace(selection, newest_first=newest_first)
    options = replace(options, reason=reason)
    if not yes and look is None:
        _ask(settings, job, selection, choice)
    return execute(settings, job, selection, choice, options, look=look)


def _says_what(selection: Selection) -> bool:
    """A range that was left open by mistake could be the whole lake; --since means to be open."""
    closed = selection.first_day is not None and selection.last_day is not None
    since = click.get_current_context().params["since"]
    return closed or since is not None or bool(selection.partitions)


def _ask(settings: Settings, job: str, selection: Selection, choice: ModelChoice) -> None:
    from batch_scorer import wiring

    parts = wiring.open_job_for_reading(settings.find_project(), job, target=settings.target)
    n_partitions = len(wiring.plan_job(parts, selection, choice).order)
    if n_partitions <= _ASK_ABOVE:
        return
    question = f"score {n_partitions} partitions of {job}?"
    if not sys.stdin.isatty():
        raise UsageError(question, fix="give --yes when nobody is there to answer")
    if not click.confirm(question, err=True):
        raise BatchScorerError("the answer was no: nothing was done")


@collector.starting_up()
def execute(
    settings: Settings,
    job: str,
    selection: Selection,
    choice: ModelChoice,
    options: RunOptions,
    *,
    look: Look | None,
    accept: Callable[[JobParts, Plan], None] = lambda _parts, _plan: None,
    like: RunRecord | None = None,
) -> int:
    """Plan, and do it, or only look at it. accept: raises to refuse the plan that is about to be carried out.

    like: the run whose config is used.
    """
    project = settings.find_project()
    if look is not None:
        from batch_scorer import wiring

        looked_at = wiring.open_job_for_reading(project, job, target=settings.target, like=like)
        look_at(settings, looked_at, selection, choice, look, accept)
        return 0
    with _telling_refusals(settings, project, job):
        loaded = _load(settings, project, job, options.cluster)
        from batch_scorer import wiring  # after it: importing all of a job takes a while

        listener = listener_for(settings)
        try:
            parts = wiring.open_loaded(project, loaded, like=like)
            _refuse_workers_for_an_address(options, parts.job.compute.cluster)
            may_run = functools.partial(accept, parts)
            report = wiring.run_job(
                parts, selection, choice, options, listener, accept=may_run, recorded=signals.outcome_stands
            )
        finally:
            if isinstance(listener, Bar):
                listener.stop()
    conclude(settings, report)
    return report.exit_code


def _load(settings: Settings, project: Project, name: str, cluster: str | None) -> LoadedJob:
    """The job; what began with the command goes on only if the job will probably need it.

    cluster: as asked for. Raises: as `load_job`.
    """
    from batch_scorer.config.load import load_job
    from batch_scorer.execution.clusters.local.head_start import end_unless_needed
    from batch_scorer.execution.clusters.local.workers import stop_fork_server

    try:
        loaded = load_job(project, name, target=settings.target, env=os.environ)
    except BaseException:
        stop_fork_server()
        raise
    end_unless_needed(project, loaded.job, cluster)
    return loaded


def _refuse_workers_for_an_address(options: RunOptions, of_job: object) -> None:
    """of_job: what its compute.cluster says. Raises: UsageError."""
    spec = options.cluster or str(of_job)
    if options.workers is not None and "://" in spec:
        raise UsageError(
            f"--workers is for local processes and cluster classes; {spec} has the workers that it has",
            where="--workers",
            fix="leave it out, and add workers there (`dask worker ADDRESS`)",
        )


@contextmanager
def _telling_refusals(settings: Settings, project: Project, job: str) -> Iterator[None]:
    """A night that ends before its plan is made is told to the job's observers too, as far as they are known.

    Raises: what the block raises; a surprise as InternalError.
    """
    try:
        yield
    except (UsageError, BrokenPipeError):
        raise  # whoever typed the command reads it
    except BatchScorerError as error:
        _tell_refused(settings, project, job, error)
        raise
    except (KeyboardInterrupt, Stopped) as stopped:
        stop = in_words(stopped)
        with suppress(Exception):  # imports that were broken off leave modules that are half there
            _tell_refused(settings, project, job, stop)
        raise stop from None
    except Exception as surprise:
        bug = as_internal_error(surprise)
        _tell_refused(settings, project, job, bug)
        raise bug from surprise


def _tell_refused(settings: Settings, project: Project, job: str, error: BatchScorerError) -> None:
    from batch_scorer import wiring
    from batch_scorer.execution.observing import Observers

    observers = wiring.observers_of_refusal(project, job, settings.target)
    for untold in Observers(observers).refused(error):
        output.warn(settings, untold)
