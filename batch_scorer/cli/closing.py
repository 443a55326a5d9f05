"""The end of a run: a table on a terminal, problems only elsewhere, a summary line for machines."""

from __future__ import annotations

import logging
import sys
from collections import defaultdict

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.progress import outcome_lines, outcome_word
from batch_scorer.cli.settings import Settings
from batch_scorer.core.outcomes import Failed, Held, Overtaken, Published, headline
from batch_scorer.core.runs import RunReport
from batch_scorer.ops.logs import logging_run

_LONGEST_TABLE = 40
_MOST_ALIKE = 3  # warnings that differ in nothing but the partition; more are one line


def conclude(settings: Settings, report: RunReport) -> None:
    """Say how the run ended. Off a terminal without -v a good run says nothing at all."""
    with logging_run(report.run.run_id):
        _conclude(settings, report)


def _conclude(settings: Settings, report: RunReport) -> None:
    _warn(settings, report)
    if settings.json:
        _summarize(report)
        return
    on_terminal = sys.stderr.isatty() and not settings.quiet and settings.log_format == "text"
    if on_terminal:
        _show_table(report)
    elif not settings.verbose:
        _show_problems(settings, report)
        if report.exit_code == 0:
            return
    _show_stop(settings, report)
    if not report.outcomes and not report.run.error:
        output.say(settings, "nothing to do")
        return
    level = logging.ERROR if report.exit_code else logging.INFO
    output.tell(settings, f"run {report.run.run_id}: {_counts(report)} (exit {report.exit_code})", level)
    if report.exit_code:
        output.tell(settings, f"next: {output.command(settings, _next(report))}", level)


def _warn(settings: Settings, report: RunReport) -> None:
    for text in report.warnings:
        output.warn(settings, text)
    labels: defaultdict[str, list[str]] = defaultdict(list)
    for outcome in report.outcomes:
        for text in outcome.warnings:
            labels[text].append(outcome.label)
    for text, of in labels.items():
        for where in of if len(of) <= _MOST_ALIKE else [f"{len(of)} partitions, {min(of)} to {max(of)}"]:
            output.warn(settings, f"{where}: {text}")


def _summarize(report: RunReport) -> None:
    run = report.run
    output.emit_summary(
        report.exit_code,
        run_id=run.run_id,
        n_published=run.n_published,
        n_blocked=run.n_blocked,
        n_failed=run.n_failed,
        error=run.error,
    )


def _show_table(report: RunReport) -> None:
    """Every partition of a short run; of a long one those that want a look."""
    shown = report.outcomes
    if len(shown) > _LONGEST_TABLE:
        shown = tuple(outcome for outcome in shown if not isinstance(outcome, Published))
    rows = [(f" {o.label}", outcome_word(o), headline(o)) for o in sorted(shown, key=lambda o: o.label)]
    if rows:
        click.echo(output.table(rows), err=True)
    for outcome in shown:
        if isinstance(outcome, Failed | Held):
            click.echo(outcome_lines(outcome), err=True)


def _show_problems(settings: Settings, report: RunReport) -> None:
    for outcome in report.outcomes:
        if not isinstance(outcome, Published | Overtaken):
            output.tell(settings, outcome_lines(outcome), logging.ERROR)


def _show_stop(settings: Settings, report: RunReport) -> None:
    error = report.run.error
    if error:
        lines = [f"{label}: {error[label]}" for label in ("where", "fix") if label in error]
        output.tell(settings, "\n  ".join([f"error: {error['what']}", *lines]), logging.ERROR)


def _counts(report: RunReport) -> str:
    run = report.run
    by_word = {"published": run.n_published, "blocked": run.n_blocked, "failed": run.n_failed}
    counts = [f"{n} {word}" for word, n in by_word.items() if n]
    took = (run.finished_at - run.started_at).total_seconds() if run.finished_at else 0.0
    return f"{', '.join(counts) or 'nothing published'} in {words.seconds(took)}"


def _next(report: RunReport) -> str:
    show = f"batch-scorer show {report.run.run_id}"
    return f"{show} --validation" if report.run.n_blocked else show
