"""`retry`: what a run left undone, with its days, its model and its config."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.finding import find_run
from batch_scorer.cli.planning import Look
from batch_scorer.cli.running import execute, run_options
from batch_scorer.cli.settings import Settings, global_options
from batch_scorer.core.errors import UsageError
from batch_scorer.core.plans import JOBS_OWN, ModelChoice, Selection
from batch_scorer.core.records import RunRecord
from batch_scorer.core.runs import RunOptions

if TYPE_CHECKING:
    from batch_scorer.execution.retrying import Rest

_MAX_NAMED = 6


@click.command()
@click.argument("run", default="last", metavar="[RUN|last]")
@click.option("--failed", is_flag=True, help="Only what failed.")
@click.option("--blocked", is_flag=True, help="Only what a data gate stopped.")
@click.option("--latest-model", is_flag=True, help="What the alias means today, not the version of then.")
@run_options
@global_options
def retry(
    settings: Settings,
    run: str,
    failed: bool,
    blocked: bool,
    latest_model: bool,
    options: RunOptions,
    look: Look | None,
) -> int:
    """Score again what a run left: the same partitions, the same model version, the same config."""
    from batch_scorer.execution.retrying import Left, rest_of

    shared, parent = find_run(settings, run)
    _check_target(settings, parent)
    asked = {Left.FAILED: failed, Left.BLOCKED: blocked}
    kinds = frozenset(kind for kind, wanted in asked.items() if wanted) or frozenset(Left)
    rest = rest_of(shared.ledger, parent, kinds)
    shared.ledger.close()
    _tell(settings, rest)
    if not rest.partitions:
        return _nothing(settings, parent, options)
    settings = replace(settings, target=parent.target)
    _check(settings, rest, latest_model=latest_model)
    return execute(
        settings,
        parent.job,
        Selection(exactly=rest.generations),
        JOBS_OWN if latest_model else _choice_of(parent),
        replace(options, parent_run_id=parent.run_id, reason=parent.reason),
        look=look,
        like=parent,
    )


def _check_target(settings: Settings, run: RunRecord) -> None:
    """Targets may share a ledger. Raises: UsageError, when another one was given than the run's own."""
    if settings.target in (None, run.target):
        return
    own = f"target {run.target}" if run.target else "no target"
    command = output.command(replace(settings, target=run.target), f"batch-scorer retry {run.run_id}")
    raise UsageError(
        f"run {run.run_id} was of {own}, not of target {settings.target}",
        fix=f"its retry is of the same, without BATCH_SCORER_TARGET: {command}",  # a next would get our -t
    )


def _choice_of(run: RunRecord) -> ModelChoice:
    """The same again. Who asked for nothing gets the version of then, and the alias decides again later."""
    if run.choice.of_its_day:
        return run.choice
    # By number: an alias that was given with --model may mean another version by now.
    return ModelChoice(version=run.model, stays=run.choice.pins)


def _tell(settings: Settings, rest: Rest) -> None:
    for path, why in rest.passed_over[:_MAX_NAMED]:
        output.remark(settings, f"{path} is left alone: {why}")
    n_more = len(rest.passed_over) - _MAX_NAMED
    if n_more > 0:
        output.remark(settings, f"{words.count(n_more, 'partition')} more left alone")
    if not rest.is_all:
        job = rest.run.job
        output.warn(
            settings,
            f"run {rest.run.run_id} did not record what it set out to do; what it did not get to is taken by "
            + output.command(settings, f"batch-scorer run {job}"),
        )
    if rest.partitions:
        output.remark(settings, f"retry of run {rest.run.run_id}: {rest.words}")


def _nothing(settings: Settings, parent: RunRecord, options: RunOptions) -> int:
    code = options.empty_exit_code
    if settings.json:
        counts = {"n_published": 0, "n_blocked": 0, "n_failed": 0}
        output.emit_summary(code, run_id=None, parent_run_id=parent.run_id, **counts, error=None)
    else:
        output.remark(settings, f"nothing to retry: run {parent.run_id} left nothing that is still undone")
    return code


def _check(settings: Settings, rest: Rest, *, latest_model: bool) -> None:
    """Can it be done as it was, and what is not as it was? Raises: UsageError, ModelError, ConfigInvalid."""
    from batch_scorer import wiring
    from batch_scorer.config.pinned import differences
    from batch_scorer.execution.retrying import check_same_model, with_todays_config

    project, run = settings.find_project(), rest.run
    today = wiring.load(project, run.job, settings.target)
    otherwise = with_todays_config(rest)
    try:
        then = wiring.as_run(project, today, run)
    except UsageError as error:
        error.fix = "score what it left with today's job file"
        error.next_command = otherwise
        raise
    parts = wiring.open_job_for_reading(project, run.job, target=settings.target, like=run)
    if changed := differences(then, today):
        shown = ", ".join(changed[:_MAX_NAMED]) + (", …" if len(changed) > _MAX_NAMED else "")
        output.warn(
            settings,
            f"the job file changed since run {run.run_id}, whose {shown} is used; "
            f"today's: {output.command(settings, otherwise)}",
        )
    if run.suite_fingerprint not in (None, parts.suite_fingerprint):
        output.warn(settings, f"suites changed since run {run.run_id}; today's are used")
    if not latest_model and not run.choice.of_its_day:
        check_same_model(parts, run)
    parts.ledger.close()
