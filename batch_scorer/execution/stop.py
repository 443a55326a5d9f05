"""The three ways a run is told to end: Ctrl-C, SIGTERM, the clock. What was published stays published."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType

from batch_scorer.core.errors import BatchScorerError, Interrupted, RunTimedOut, Terminated


class StopRequest:
    """Looked at by the driver loop between two steps. A second Ctrl-C does not wait."""

    def __init__(self, timeout: timedelta | None) -> None:
        self._deadline = None if timeout is None else time.monotonic() + timeout.total_seconds()
        self._timeout = timeout
        self._error: BatchScorerError | None = None

    def check(self) -> None:
        """Raises: Interrupted, Terminated, RunTimedOut."""
        if self._error is not None:
            raise self._error
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise RunTimedOut(
                f"the run took longer than its timeout of {self._timeout}",
                fix="what was published stays; run again to go on, or raise compute.timeout",
            )

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._error is not None:
            raise KeyboardInterrupt
        if number == signal.SIGINT:
            self._error = Interrupted("stopped by Ctrl-C", fix="what was published stays; run again to go on")
        else:
            self._error = Terminated("stopped by SIGTERM", fix="what was published stays; run again to go on")


@contextmanager
def listening(stop: StopRequest) -> Iterator[StopRequest]:
    """Route SIGINT and SIGTERM to stop while the block runs. Outside the main thread it changes nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, stop.on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
