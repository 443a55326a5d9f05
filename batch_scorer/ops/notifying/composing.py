"""From a moment of a run to what there is to tell about it. Pure, but for the machine's name."""

from __future__ import annotations

import datetime as dt
import shlex
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from batch_scorer.core.errors import BatchScorerError
from batch_scorer.core.notices import Event, Notice, Problem
from batch_scorer.core.outcomes import Blocked, Failed, Held, Overtaken, PartitionOutcome, Published, headline
from batch_scorer.core.plans import Action, Plan
from batch_scorer.core.records import RunRecord
from batch_scorer.core.runs import RunReport

_PRESENT_AND_GOOD = frozenset({Action.SKIP, Action.KEEP, Action.OUTDATED, Action.VANISHED})
_WHOLE_RUN = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Composer:
    """Knows whose runs these are. project: absolute path, as the next command needs it."""

    job: str
    project: str
    target: str | None = None

    def start(self, run: RunRecord, plan: Plan) -> Notice:
        return self._notice(Event.START, run.started_at, **_about(run), n_due=len(plan.order))

    def end(self, report: RunReport, plan: Plan) -> Notice:
        problems = tuple(_problems(report, plan))
        run = report.run
        return self._notice(
            _event(problems),
            run.finished_at or run.started_at,
            **_about(run),
            exit_code=report.exit_code,
            n_due=len(plan.order),
            problems=problems,
            warnings=(*report.warnings, *_warnings(report)),
            next_command=self._show(report) if problems else None,
        )

    def refusal(self, error: BatchScorerError, now: dt.datetime) -> Notice:
        """Of a run that ended before it was one."""
        told = error.as_dict()
        next_command = told.get("next")
        return self._notice(
            Event.FAILED,
            now,
            exit_code=error.exit_code,
            problems=(_stopped(told),),
            next_command=self._complete(next_command) if next_command else None,
        )

    def _notice(self, event: Event, at: dt.datetime, **fields: Any) -> Notice:
        return Notice(
            event=event, job=self.job, at=at, host=socket.gethostname(), target=self.target, **fields
        )

    def _show(self, report: RunReport) -> str:
        option = " --validation" if report.run.n_blocked else ""
        return self._complete(f"batch-scorer show {report.run.run_id}{option}")

    def _complete(self, command: str) -> str:
        """As it must be typed wherever the reader stands."""
        given = f"batch-scorer -p {shlex.quote(self.project)}"
        if self.target:
            given += f" -t {shlex.quote(self.target)}"
        return command.replace("batch-scorer", given, 1)


def is_settled(partition: str, report: RunReport, plan: Plan) -> bool:
    """Whether what was wrong with a partition (by its path) is so no longer: it was published, by this run or
    another, or nobody asks for it any more. What a run as a whole stumbled over is settled by the next one.
    """
    if partition == _WHOLE_RUN:
        return True
    done = (outcome for outcome in report.outcomes if isinstance(outcome, Published | Overtaken))
    if any(outcome.partition.path == partition for outcome in done):
        return True
    actions = {
        entry.partition.path if entry.partition else entry.label: entry.action for entry in plan.entries
    }
    if partition not in actions:
        return not plan.selection.is_explicit  # outside of what was asked for, or its directory is gone
    return actions[partition] in _PRESENT_AND_GOOD


def _about(run: RunRecord) -> dict[str, Any]:
    counts = {"n_published": run.n_published, "n_blocked": run.n_blocked, "n_failed": run.n_failed}
    return {"run_id": run.run_id, "model": run.model, **counts}


def _event(problems: tuple[Problem, ...]) -> Event:
    if not problems:
        return Event.SUCCESS
    return max((problem.event for problem in problems), key=lambda event: event is Event.FAILED)


def _problems(report: RunReport, plan: Plan) -> Iterator[Problem]:
    """Worst first. None of a good run, nor of one with nothing to do, whatever exit code was asked for."""
    found = [problem for outcome in report.outcomes for problem in _of(outcome)]
    if report.run.error:
        yield _stopped(report.run.error)
    yield from sorted(found, key=lambda problem: (problem.event is Event.BLOCKED, problem.partition))
    for entry in plan.not_ready:
        path = entry.partition.path if entry.partition else entry.label
        yield Problem(partition=path, label=entry.label, state="waiting", kind="waiting", what=entry.why)
    is_explained = found or plan.not_ready or report.run.error
    if report.exit_code and report.outcomes and not is_explained:
        what = f"exit {report.exit_code} although everything was published, as --error-on asks"
        yield Problem(partition=_WHOLE_RUN, label="", state="failed", kind="error-on", what=what)


def _of(outcome: PartitionOutcome) -> Iterator[Problem]:
    match outcome:
        case Blocked(partition=partition, label=label, verdicts=verdicts):
            suites = sorted(verdict.suite for verdict in verdicts if verdict.blocks)
            kind = " ".join(["blocked", *suites])
            what = headline(outcome) + ("; old predictions untouched" if outcome.had_predictions else "")
            yield Problem(partition=partition.path, label=label, state="blocked", kind=kind, what=what)
        case Failed(label=label, error=error) | Held(label=label, error=error):
            yield Problem(
                partition=outcome.partition.path if outcome.partition else label,
                label=label,
                state="failed" if isinstance(outcome, Failed) else "held",
                kind=type(error).__name__,
                what=error.what,
                fix=error.fix,
            )
        case _:
            return


def _stopped(error: Mapping[str, Any]) -> Problem:
    """error: as BatchScorerError.as_dict."""
    where = f" ({error['where']})" if "where" in error else ""
    return Problem(
        partition=_WHOLE_RUN,
        label="",
        state="stopped",
        kind=error["error"],
        what=error["what"] + where,
        fix=error.get("fix"),
    )


def _warnings(report: RunReport) -> Iterator[str]:
    for outcome in report.outcomes:
        for text in outcome.warnings:
            yield f"{outcome.label}: {text}"
