"""`plan`: what would be done, and why, per partition."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.explaining import explanation_lines
from batch_scorer.cli.selecting import model_options, selection_options
from batch_scorer.cli.settings import Settings, global_options
from batch_scorer.core.plans import Action, ModelChoice, PartitionPlan, Plan, Selection

if TYPE_CHECKING:
    from batch_scorer.execution.parts import JobParts
    from batch_scorer.planning.estimates import Estimate
    from batch_scorer.planning.explaining import Explanation

_MAX_UP_TO_DATE = 31  # of a range that was asked for, a month: more of them are only counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a plan is looked at. plan_file: where it is kept, too."""

    explain: bool
    plan_file: Path | None


def look_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Hand the verb a `look`."""

    @functools.wraps(command)
    def with_look(**arguments: Any) -> Any:
        look = Look(explain=arguments.pop("explain"), plan_file=arguments.pop("plan_file"))
        return command(look=look, **arguments)

    for option in reversed(_LOOK_OPTIONS):
        with_look = option(with_look)
    return with_look


_LOOK_OPTIONS = (
    click.option("--explain", is_flag=True, help="Every ingredient of each decision, then and now."),
    click.option(
        "-o",
        "--output",
        "plan_file",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Also write the plan to this file, for run --plan.",
    ),
)


@click.command()
@click.argument("job")
@selection_options
@model_options
@look_options
@global_options
def plan(settings: Settings, job: str, selection: Selection, choice: ModelChoice, look: Look) -> None:
    """What would be done for JOB, and why, per partition. Changes nothing."""
    from batch_scorer import wiring

    parts = wiring.open_job_for_reading(settings.find_project(), job, target=settings.target)
    look_at(settings, parts, selection, choice, look)


def look_at(
    settings: Settings,
    parts: JobParts,
    selection: Selection,
    choice: ModelChoice,
    look: Look,
    accept: Callable[[JobParts, Plan], None] = lambda _parts, _plan: None,
) -> None:
    """Plan and show it. accept: raises to refuse the plan."""
    from batch_scorer.execution.survey import survey

    seen = survey(parts, choice, selection, datetime.now(UTC))
    accept(parts, seen.plan)
    explained: Callable[[PartitionPlan], Explanation] | None = None
    if look.explain:
        from batch_scorer.execution.explaining import explainer

        explained = explainer(parts, seen)
    _show_plan(settings, parts, seen.plan, explained)
    if look.plan_file is not None:
        from batch_scorer.execution.plan_files import write_plan

        write_plan(look.plan_file, parts, seen.plan)
        run = f"batch-scorer run {seen.plan.job} --plan {shlex.quote(str(look.plan_file))}"
        output.say(settings, f"next: {output.command(settings, run)}")


def _show_plan(
    settings: Settings,
    parts: JobParts,
    plan: Plan,
    explained: Callable[[PartitionPlan], Explanation] | None = None,
) -> None:
    """The whole plan on stdout, for a person or as JSON Lines. explained: with every ingredient."""
    from batch_scorer.planning.estimates import N_RUNS, estimate

    for text in plan.warnings:
        output.warn(settings, text)
    guess = estimate(plan, parts.ledger.paces(plan.job, N_RUNS) if plan.order else ())
    if settings.json:
        output.emit_each("partition_plan", (_line(plan, entry, explained) for entry in plan.entries))
        counts = _counts(plan)
        output.emit_summary(
            0, job=plan.job, model=plan.model_label, today=plan.today, **counts, estimate=asdict(guess)
        )
        return
    click.echo(_heading(plan))
    shown = [entry for entry in plan.entries if _is_shown(settings, plan, entry)]
    lines = _lines(settings, shown)
    if explained:
        with_reasons = zip(lines, map(explained, shown), strict=True)
        lines = (f"{line}\n{explanation_lines(told)}" for line, told in with_reasons)
    output.echo_each(lines)
    n_hidden = len(plan.entries) - len(shown)
    if n_hidden:
        click.echo(f" {words.count(n_hidden, 'partition')} up to date (-v shows them)")
    click.echo(f"{len(plan.order)} to score" + _guess(guess) + _problems(plan))


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


def _line(
    plan: Plan, entry: PartitionPlan, explained: Callable[[PartitionPlan], Explanation] | None
) -> dict[str, Any]:
    more = {"explain": asdict(explained(entry))} if explained else {}
    return {**as_dict(entry), "model": plan.model_of(entry).reference, **more}


def _is_shown(settings: Settings, plan: Plan, entry: PartitionPlan) -> bool:
    """Of a short range every day has its line; else what is up to date is only counted."""
    if settings.verbose or entry.action is not Action.SKIP:
        return True
    chosen = plan.selection
    return (chosen.has_range or bool(chosen.partitions)) and len(plan.entries) <= _MAX_UP_TO_DATE


def _lines(settings: Settings, entries: list[PartitionPlan]) -> Iterator[str]:
    rows = (
        (
            f" {entry.label}",
            entry.action.value,
            output.command(settings, _why(entry)),
            words.rows(entry.n_rows),
            words.size(_bytes(entry)),
        )
        for entry in entries
    )
    return output.aligned(rows, right=(3, 4))


def _heading(plan: Plan) -> str:
    chosen = plan.selection
    if chosen.first_day and chosen.last_day:
        days = (chosen.last_day - chosen.first_day).days + 1
        what = f"{words.count(days, 'day')}, both ends included"
    else:
        what = words.count(len(plan.entries), "partition")
        what += f" since {chosen.first_day}" if chosen.first_day else ""
        what += f" until {chosen.last_day}" if chosen.last_day else ""
    return f"{what}, {plan.timezone} · model {plan.model_label}"


def _why(entry: PartitionPlan) -> str:
    """With what is particular to it: a model of its own, and what is odd about scoring it."""
    own = [f"with v{entry.model.version}"] if entry.model and entry.action is Action.SCORE else []
    return "; ".join([entry.why, *own, *(f"warning: {text}" for text in entry.warnings)])


def _guess(guess: Estimate) -> str:
    """`, about 4 min (last 10 runs)`; nothing where there is nothing to go by."""
    if guess.seconds is None:
        return ""
    runs = "last run" if guess.n_runs == 1 else f"last {guess.n_runs} runs"
    return f", about {words.about(guess.seconds)} ({runs})"


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
