"""SIGTERM and Ctrl-C before a run is there that listens to them: nothing has begun, and all ends at once."""

from __future__ import annotations

import signal
from types import FrameType
from typing import NoReturn

from batch_scorer.core.errors import BatchScorerError, Interrupted, Terminated


class Stopped(BaseException):
    """By SIGTERM: no `except Exception` takes it for a failure, and click not for a Ctrl-C."""


def end_early(number: int, _frame: FrameType | None) -> NoReturn:
    """A handler of SIGTERM. Raises: Stopped."""
    signal.signal(number, signal.SIG_DFL)  # a second one does not wait
    raise Stopped


def in_words(stopped: BaseException) -> BatchScorerError:
    """stopped: Stopped, or what a Ctrl-C raises."""
    if isinstance(stopped, Stopped):
        return Terminated("stopped by SIGTERM")
    return Interrupted("stopped by Ctrl-C")
