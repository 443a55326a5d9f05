"""The three ways a run is told to end: Ctrl-C, SIGTERM, the clock. What was published stays published."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from types import FrameType

from batch_scorer.core.errors import BatchScorerError, Interrupted, RunTimedOut, Terminated

_FIX = "what was published stays; run again to go on"
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Looked at between two steps of a run. A second signal does not wait, nor does one `at_once`."""

    def __init__(self, timeout: timedelta | None) -> None:
        self._deadline = None if timeout is None else time.monotonic() + timeout.total_seconds()
        self._timeout = timeout
        self._error: BatchScorerError | None = None
        self._at_once = False
        self._is_too_late = False
        self._may_break_off = False

    def check(self) -> None:
        """Raises: Interrupted, Terminated, RunTimedOut."""
        if self._error is not None:
            raise self._error
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise RunTimedOut(
                f"the run took longer than its timeout of {self._timeout}",
                fix="what was published stays; run again to go on, or raise compute.timeout",
            )

    @property
    def signalled(self) -> BatchScorerError:
        """What the first signal asked for: a KeyboardInterrupt does not know that it was a SIGTERM."""
        return self._error or _stop_for(signal.SIGINT)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """A signal breaks off the block where it is: only for what reads and never writes.

        Raises: as `check`, before and after the block; KeyboardInterrupt within it.
        """
        self._at_once = True
        try:
            self.check()
            yield
        finally:
            self._at_once = False
        self.check()

    def too_late(self) -> None:
        """How the run ended is recorded: signals change nothing any more."""
        self._is_too_late = True

    @contextmanager
    def unless_hurried(self) -> Iterator[None]:
        """What is not waited for when a second signal comes, and no harm if it is broken off."""
        with suppress(KeyboardInterrupt):
            self._may_break_off = True
            yield
            self._may_break_off = False

    def cancel(self, by: str) -> None:
        """`batch-scorer cancel`, from anywhere: as a SIGTERM, told apart by its words."""
        if self._error is None:
            self._error = Terminated(f"cancelled by {by}", fix=_FIX)

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        is_first = self._error is None
        if is_first:
            self._error = _stop_for(number)
        if self._is_too_late:
            if is_first or not self._may_break_off:
                return
            self._may_break_off = False
        elif is_first and not self._at_once:
            return
        raise KeyboardInterrupt


def _stop_for(number: int) -> BatchScorerError:
    if number == signal.SIGINT:
        return Interrupted("stopped by Ctrl-C", fix=_FIX)
    return Terminated("stopped by SIGTERM", fix=_FIX)


@contextmanager
def listening(stop: StopRequest) -> Iterator[StopRequest]:
    """Route SIGINT and SIGTERM to stop while the block runs. Outside the main thread it changes nothing.

    Raises: Interrupted or Terminated, where a signal broke the block off.
    """
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, stop.on_signal) for number in _SIGNALS}
    try:
        yield stop
    except KeyboardInterrupt:
        raise stop.signalled from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
