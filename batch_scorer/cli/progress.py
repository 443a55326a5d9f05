"""Who listens to a run: a bar on a terminal, a line now and then with -v, JSON Lines, or silence."""

from __future__ import annotations

import sys
import time
from typing import Any

from batch_scorer.cli import output, words
from batch_scorer.cli.settings import Settings
from batch_scorer.core.outcomes import (
    Blocked,
    Failed,
    Held,
    Overtaken,
    PartitionOutcome,
    Published,
    headline,
)
from batch_scorer.core.plans import Plan
from batch_scorer.core.records import RunRecord
from batch_scorer.core.runs import RunListener

_LINE_EVERY_S = 30.0


def listener_for(settings: Settings) -> RunListener:
    """The right listener for where stderr goes and what was asked for."""
    if settings.json:
        return JsonLines(settings)
    if sys.stderr.isatty() and not settings.quiet and settings.log_format == "text":
        return Bar(settings)
    return Lines(settings)


def outcome_word(outcome: PartitionOutcome) -> str:
    match outcome:
        case Published():
            return "WARN" if outcome.warnings else "OK"
        case Blocked():
            return "BLOCKED"
        case Failed():
            return "FAILED"
        case Held():
            return "HELD"
        case Overtaken():
            return "DONE"


def outcome_lines(outcome: PartitionOutcome) -> str:
    """` 2024-03-30 BLOCKED  rides_input: fare between 0 and 500 fails for 8.1 % …`; a failure says all."""
    line = f" {outcome.label} {outcome_word(outcome):<8} {headline(outcome)}"
    if isinstance(outcome, Blocked):
        line += "; old predictions untouched" if outcome.had_predictions else "; nothing published"
    if isinstance(outcome, Failed | Held):
        line += "".join(f"\n   {detail}" for detail in outcome.error.render().splitlines()[1:])
    return line


class Lines:
    """Nothing on success without -v; a problem is always said. With -v a line per partition and per 30 s."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._n_rows = 0
        self._said_at = time.monotonic()

    def run_started(self, run: RunRecord, plan: Plan) -> None:
        if self._settings.verbose:
            output.say(
                self._settings,
                f"run {run.run_id}: {words.count(len(plan.order), 'partition')} with {plan.model.label}",
            )

    def rows_read(self, label: str, n_rows: int) -> None:
        self._n_rows += n_rows
        if self._settings.verbose and time.monotonic() - self._said_at > _LINE_EVERY_S:
            self._said_at = time.monotonic()
            output.say(self._settings, f" {words.rows(self._n_rows)} so far, at {label}")

    def partition_done(self, outcome: PartitionOutcome) -> None:
        if self._settings.verbose:
            output.say(self._settings, outcome_lines(outcome))

    def warned(self, text: str) -> None:
        output.warn(self._settings, text)


class Bar:
    """A progress bar with partitions, rows a second and time left; finished partitions scroll above it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._progress: Any = None
        self._task: Any = None
        self._n_done = 0
        self._n_all = 0

    def run_started(self, run: RunRecord, plan: Plan) -> None:  # noqa: ARG002 (the bar names no run)
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._n_all = len(plan.order)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True, no_color=self._settings.no_color),
            transient=True,
        )
        total = sum(entry.n_rows or 0 for entry in plan.to_score)
        self._task = self._progress.add_task(self._words(), total=total or None, speed="")
        self._progress.start()

    def rows_read(self, label: str, n_rows: int) -> None:  # noqa: ARG002 (the bar is for the whole run)
        self._progress.update(self._task, advance=n_rows)
        speed = self._progress.tasks[0].speed
        if speed:
            self._progress.update(self._task, speed=f"{words.rows(round(speed))}/s")

    def partition_done(self, outcome: PartitionOutcome) -> None:
        self._n_done += 1
        self._progress.update(self._task, description=self._words())
        if self._settings.verbose:
            self._progress.console.print(outcome_lines(outcome), markup=False, highlight=False)

    def warned(self, text: str) -> None:
        output.warn(self._settings, text)

    def stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()

    def _words(self) -> str:
        return f"{self._n_done}/{words.count(self._n_all, 'partition')}"


class JsonLines:
    """One line for the start and one for each partition."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def run_started(self, run: RunRecord, plan: Plan) -> None:
        output.emit(
            "run_started",
            run_id=run.run_id,
            job=run.job,
            model=run.model,
            n_partitions=len(plan.order),
        )

    def rows_read(self, label: str, n_rows: int) -> None:
        output.emit("rows_read", label=label, n_rows=n_rows)

    def partition_done(self, outcome: PartitionOutcome) -> None:
        output.emit("partition_done", **outcome_dict(outcome))

    def warned(self, text: str) -> None:
        output.warn(self._settings, text)


def outcome_dict(outcome: PartitionOutcome) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "partition": outcome.partition.path if outcome.partition else outcome.label,
        "state": type(outcome).__name__.lower(),
        "headline": headline(outcome),
        "warnings": list(outcome.warnings),
    }
    if isinstance(outcome, Published):
        fields["generation"] = outcome.generation
        fields["rows"] = {
            "read": outcome.rows.n_read,
            "scored": outcome.rows.n_scored,
            "quarantined": outcome.rows.n_quarantined,
            "dropped": outcome.rows.n_dropped,
        }
    if isinstance(outcome, Failed | Held):
        fields["error"] = outcome.error.as_dict()
    return fields
