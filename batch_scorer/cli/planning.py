"""`plan`: what would be done, and why, per partition."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.selecting import as_of_date_option, check_one_model, selection_options
from batch_scorer.cli.settings import Settings, global_options
from batch_scorer.core.plans import Action, PartitionPlan, Plan, Selection

_QUIET_ACTIONS = {Action.SKIP}


@click.command()
@click.argument("job")
@selection_options
@click.option("--model", metavar="NAME@V", help="Plan with this model version instead of the job's.")
@as_of_date_option
@global_options
def plan(
    settings: Settings, job: str, selection: Selection, model: str | None, model_as_of_date: bool
) -> None:
    """What would be done for JOB, and why, per partition. Changes nothing."""
    from batch_scorer import wiring

    check_one_model(model, model_as_of_date)
    parts = wiring.open_job_for_reading(settings.find_project(), job, target=settings.target)
    show_plan(settings, wiring.plan_job(parts, selection, model=model, as_of_date=model_as_of_date))


def show_plan(settings: Settings, plan: Plan) -> None:
    """The whole plan on stdout, for a person or as JSON Lines."""
    for text in plan.warnings:
        output.warn(settings, text)
    if settings.json:
        for entry in plan.entries:
            output.emit("partition_plan", **as_dict(entry), model=plan.model_of(entry).reference)
        output.emit_summary(0, job=plan.job, model=plan.model_label, today=plan.today, **_counts(plan))
        return
    click.echo(_heading(plan))
    shown = [e for e in plan.entries if settings.verbose or e.action not in _QUIET_ACTIONS]
    lines = [
        (f" {e.label}", e.action.value, _why(e), words.rows(e.n_rows), words.size(_bytes(e))) for e in shown
    ]
    if lines:
        click.echo(output.table(lines, right=(3, 4)))
    n_hidden = len(plan.entries) - len(shown)
    if n_hidden:
        click.echo(f" {words.count(n_hidden, 'partition')} up to date (-v shows them)")
    click.echo(f"{len(plan.order)} to score" + _problems(plan))


def as_dict(entry: PartitionPlan) -> dict[str, Any]:
    return {
        "partition": entry.partition.path if entry.partition else entry.label,
        "action": entry.action.value,
        "reasons": [{"cause": reason.cause.value, "text": reason.text} for reason in entry.reasons],
        "n_rows": entry.n_rows,
        "n_bytes": _bytes(entry),
        "warnings": list(entry.warnings),
        "problem": entry.problem.as_dict() if entry.problem else None,
        "volume_baseline": asdict(entry.volume_baseline) if entry.volume_baseline else None,
    }


def _heading(plan: Plan) -> str:
    chosen = plan.selection
    if chosen.first_day and chosen.last_day:
        days = (chosen.last_day - chosen.first_day).days + 1
        what = f"{words.count(days, 'day')}, both ends included"
    else:
        what = words.count(len(plan.entries), "partition")
    return f"{what}, {plan.timezone} · model {plan.model_label}"


def _why(entry: PartitionPlan) -> str:
    """With what is particular to it: a model of its own, and what is odd about scoring it."""
    own = [f"with v{entry.model.version}"] if entry.model and entry.action is Action.SCORE else []
    return "; ".join([entry.why, *own, *(f"warning: {text}" for text in entry.warnings)])


def _counts(plan: Plan) -> dict[str, int]:
    return {
        f"n_{action.value.lower()}": len(plan.with_action(action))
        for action in Action
        if plan.with_action(action)
    }


def _problems(plan: Plan) -> str:
    n_broken = sum(entry.problem is not None for entry in plan.to_score)
    n_refused = len(plan.with_action(Action.REFUSED))
    parts = []
    if n_broken:
        parts.append(f"{n_broken} of them unreadable")
    if n_refused:
        parts.append(f"directories refused: {n_refused}")
    return ", " + ", ".join(parts) if parts else ""


def _bytes(entry: PartitionPlan) -> int | None:
    return entry.found.n_bytes if entry.found and entry.action is Action.SCORE else None


commands = (plan,)
