"""Who is told how a run goes, each in a thread of its own: none can fail a run, or delay it for long."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextvars import copy_context

from batch_scorer.core.errors import BatchScorerError
from batch_scorer.core.plans import Plan
from batch_scorer.core.records import RunRecord
from batch_scorer.core.runs import RunObserver, RunReport
from batch_scorer.core.surprises import as_internal_error, level_of_what_is_shown

_log = logging.getLogger(__name__)

PATIENCE_S = 5.0  # for all observers together, at each of a run's moments


class Observers:
    """The observers of one run."""

    def __init__(self, observers: Iterable[RunObserver], patience_s: float = PATIENCE_S) -> None:
        self._observers = tuple(observers)
        self._patience_s = patience_s
        self._calls: list[_Call] = []

    def started(self, run: RunRecord, plan: Plan) -> None:
        """Does not wait: the run has begun."""
        self._tell(lambda observer: observer.started(run, plan))

    def ended(self, report: RunReport, plan: Plan) -> tuple[str, ...]:
        """Returns: one line for each observer that did not make it, now or at the start."""
        early = self._wait()  # the end must not arrive before the beginning
        self._tell(lambda observer: observer.ended(report, plan))
        return tuple(dict.fromkeys((*early, *self._wait())))

    def refused(self, error: BatchScorerError) -> tuple[str, ...]:
        """Returns: as ended."""
        self._tell(lambda observer: observer.refused(error))
        return self._wait()

    def _tell(self, what: Callable[[RunObserver], None]) -> None:
        self._calls = [_Call(observer, what, self._patience_s) for observer in self._observers]

    def _wait(self) -> tuple[str, ...]:
        calls, self._calls = self._calls, []
        try:
            problems = [problem for call in calls if (problem := call.wait())]
        except KeyboardInterrupt:  # a second Ctrl-C: whoever is there does not want to wait for this
            return ()
        for problem in problems:
            _log.log(level_of_what_is_shown(logging.WARNING), "%s", problem)
        return tuple(problems)


class _Call:
    """One observer being told of one moment, from now on."""

    def __init__(self, observer: RunObserver, tell: Callable[[RunObserver], None], patience_s: float) -> None:
        self._observer = observer
        self._patience_s = patience_s
        self._deadline = time.monotonic() + patience_s
        self._problem: str | None = None
        # Copied, so that log lines from within name the run. Daemons: one that hangs ends with the process.
        self._thread = threading.Thread(target=copy_context().run, args=(self._run, tell), daemon=True)
        self._thread.start()

    def wait(self) -> str | None:
        """Returns: what went wrong, in one line."""
        self._thread.join(max(0.0, self._deadline - time.monotonic()))
        problem = f"no answer in {self._patience_s:g} s" if self._thread.is_alive() else self._problem
        return problem and f"{self._observer.name}: {problem}"

    def _run(self, tell: Callable[[RunObserver], None]) -> None:
        try:
            tell(self._observer)
        except BatchScorerError as error:
            self._problem = error.what
        except Exception as surprise:
            self._problem = as_internal_error(surprise).what
