"""The three ways a run is told to end: Ctrl-C, SIGTERM, the clock. What was published stays published."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from types import FrameType
from typing import Any

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
        self._was_signalled = False
        self._is_too_late = False
        self._outcome_stands = False
        self._may_break_off = False
        self._before: dict[int, Any] = {}

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

    def outcome_stands(self) -> None:
        """Who heard signals before the run knows how it ended as well. From now on a second one, and whatever
        comes after it, is theirs: it must not wait for what is left to do.
        """
        self._outcome_stands = True

    def was_signalled(self) -> bool:
        """Whether the first signal has come, so that the next is the second to whoever hears it."""
        return self._was_signalled

    @contextmanager
    def unless_hurried(self) -> Iterator[None]:
        """What is not waited for when a second signal comes, and no harm if it is broken off."""
        with suppress(KeyboardInterrupt):
            self._may_break_off = True
            try:
                yield
            finally:
                self._may_break_off = False

    def cancel(self, by: str) -> None:
        """`batch-scorer cancel`, from anywhere: as a SIGTERM, told apart by its words."""
        if self._error is None:
            self._error = Terminated(f"cancelled by {by}", fix=_FIX)

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        is_first = self._error is None
        if is_first:
            self._error = _stop_for(number)
        is_hurried, self._was_signalled = self._was_signalled, True
        if self._may_break_off and not is_first:
            self._may_break_off = False
            raise KeyboardInterrupt
        if not self._is_too_late and (self._at_once or not is_first):
            raise KeyboardInterrupt
        if self._outcome_stands and is_hurried:
            self.let_go()
            signal.raise_signal(number)

    def listen(self) -> None:
        """In the main thread. What whoever started us ignores stays ignored, as in a script's background."""
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self.on_signal)

    def let_go(self) -> None:
        """Signals go where they went before `listen`."""
        for number, handler in self._before.items():
            signal.signal(number, handler)


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
    stop.listen()
    try:
        yield stop
    except KeyboardInterrupt:
        raise stop.signalled from None
    finally:
        stop.let_go()
