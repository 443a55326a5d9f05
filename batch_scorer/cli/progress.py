"""Who listens to a run: a bar on a terminal, a line now and then with -v, JSON Lines, or silence."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
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


class Progress:
    """How far a run has come. What is left to read: what the footers of partitions that go on say."""

    def __init__(self, plan: Plan, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._began_at = clock, clock()
        self._left = {entry.label: entry.n_rows or 0 for entry in plan.to_score}
        self.n_partitions = len(self._left)
        self.n_rows = self._n_rows_left = sum(self._left.values())
        self.n_read = 0

    def read(self, label: str, n_rows: int) -> None:
        self.n_read += n_rows
        if label in self._left:
            self._n_rows_left -= min(n_rows, self._left[label])
            self._left[label] -= min(n_rows, self._left[label])

    def ended(self, label: str) -> None:
        """However it ended: nothing more will be read of it."""
        self._n_rows_left -= self._left.pop(label, 0)

    @property
    def n_ended(self) -> int:
        return self.n_partitions - len(self._left)

    @property
    def n_rows_done(self) -> int:
        """Of n_rows; those of partitions that ended unread count as done."""
        return self.n_rows - self._n_rows_left

    @property
    def rows_per_s(self) -> float:
        elapsed_s = self._clock() - self._began_at
        return self.n_read / elapsed_s if elapsed_s > 0 else 0.0

    @property
    def left_s(self) -> float | None:
        """At the pace so far; None while nothing was read."""
        return self._n_rows_left / self.rows_per_s if self.n_read and self.rows_per_s else None

    def __str__(self) -> str:
        """`12 of 1,500 partitions, 20,412 rows, 5,103 rows/s, 2 h 5 min left`."""
        left = f", about {words.seconds(self.left_s)} left" if self.left_s is not None else ""
        partitions = f"{self.n_ended:,} of {words.count(self.n_partitions, 'partition')}"
        return f"{partitions}, {words.rows(self.n_read)}, {words.rows(round(self.rows_per_s))}/s{left}"


class Lines:
    """Nothing on success without -v; a problem is always said. With -v a line per partition and per 30 s."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._progress: Progress | None = None
        self._said_at = clock()

    def run_started(self, run: RunRecord, plan: Plan) -> None:
        self._progress = Progress(plan, self._clock)
        if self._settings.verbose:
            output.say(
                self._settings,
                f"run {run.run_id}: {words.count(len(plan.order), 'partition')} with {plan.model_label}",
            )

    def rows_read(self, label: str, n_rows: int) -> None:
        if self._progress is not None:
            self._progress.read(label, n_rows)
        self._say_how_far()

    def partition_done(self, outcome: PartitionOutcome) -> None:
        if self._progress is not None:
            self._progress.ended(outcome.label)
        if self._settings.verbose:
            output.say(self._settings, outcome_lines(outcome))
        self._say_how_far()

    def _say_how_far(self) -> None:
        if self._settings.verbose and self._clock() - self._said_at > _LINE_EVERY_S:
            self._said_at = self._clock()
            output.say(self._settings, f" … {self._progress}")

    def warned(self, text: str) -> None:
        output.warn(self._settings, text)


class Bar:
    """A progress bar with partitions, rows a second and time left; finished partitions scroll above it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._progress: Progress | None = None
        self._bar: Any = None
        self._task: Any = None

    def run_started(self, run: RunRecord, plan: Plan) -> None:  # noqa: ARG002 (the bar names no run)
        from rich import progress as rich
        from rich.console import Console

        self._progress = Progress(plan)
        self._bar = rich.Progress(
            rich.TextColumn("{task.description}"),
            rich.BarColumn(),
            rich.TextColumn("{task.fields[speed]}"),
            rich.TimeElapsedColumn(),
            rich.TextColumn("{task.fields[left]}"),
            console=Console(stderr=True, no_color=self._settings.no_color),
            transient=True,
        )
        self._task = self._bar.add_task("", total=self._progress.n_rows or None, speed="", left="")
        self._show()
        self._bar.start()

    def rows_read(self, label: str, n_rows: int) -> None:
        if self._progress is not None:
            self._progress.read(label, n_rows)
            self._show()

    def partition_done(self, outcome: PartitionOutcome) -> None:
        if self._progress is None:  # a directory that is no partition, and nothing else to do
            return
        self._progress.ended(outcome.label)
        self._show()
        if self._settings.verbose:
            self._bar.console.print(outcome_lines(outcome), markup=False, highlight=False)

    def warned(self, text: str) -> None:
        output.warn(self._settings, text)

    def stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _show(self) -> None:
        assert self._progress is not None  # noqa: S101 (only once the run has started)
        seen, left_s = self._progress, self._progress.left_s
        self._bar.update(
            self._task,
            completed=seen.n_rows_done,
            description=f"{seen.n_ended}/{words.count(seen.n_partitions, 'partition')}",
            speed=f"{words.rows(round(seen.rows_per_s))}/s" if seen.n_read else "",
            left=f"{words.seconds(left_s)} left" if left_s is not None else "",
        )


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
        "scored_by": dict(outcome.cost.scored_by),
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
