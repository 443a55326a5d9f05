"""SIGTERM and Ctrl-C while no run listens to them: before one begins, and once it has ended.

The first thing that a command imports, so of the standard library only what Python needs anyway. Nothing here
has an effect in a process that is not ours alone: only who owns it calls `remember` and `listen`.
"""

from __future__ import annotations

import atexit
import os
import signal

TYPE_CHECKING = False  # typing takes as long to import as all that is here
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from batch_scorer.core.errors import BatchScorerError

_BOTH = (signal.SIGINT, signal.SIGTERM)
_noted: int | None = None  # came before anybody listened
_outcome: int | None = None  # the exit code that no signal changes any more
_is_hurried = False  # one came since then
_was_signalled: Callable[[], bool] | None = None  # the same, of who heard signals instead of us


class Stopped(BaseException):
    """By SIGTERM: no `except Exception` takes it for a failure, and click not for a Ctrl-C."""


def remember() -> None:
    """A signal is only noted until `listen`: imports that it broke off leave modules that are half there.

    A second one ends the process, as it would a program that knows of no signals.
    """
    _handle(_BOTH, _note)


def listen(*, for_sigterm: bool) -> None:
    """From now on a signal breaks off what is done. for_sigterm: else that one ends the process at once.

    Raises: KeyboardInterrupt or Stopped, now if one has come, or whenever one comes.
    """
    if signal.getsignal(signal.SIGTERM) is _note:  # else it is as whoever started us wants it
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _handle(_BOTH if for_sigterm else _BOTH[:1], _break_off)
    atexit.register(_handle, _BOTH, signal.SIG_IGN)  # last of all: Python itself would let them end it
    if _noted is not None:
        _break_off(_noted, None)


def outcome_stands(code: int, was_signalled: Callable[[], bool] | None = None) -> None:
    """What came of the command is decided, and recorded where that is done: no signal makes the process end
    with another exit code. The first lets it say the rest, the second ends it at once.

    was_signalled: whether the first came already, to a run that hears signals instead of us.
    """
    global _outcome, _was_signalled
    _was_signalled = was_signalled or _was_signalled
    _outcome = code


def in_words(stopped: BaseException) -> BatchScorerError:
    """stopped: Stopped, or what a Ctrl-C raises."""
    from batch_scorer.core.errors import Interrupted, Terminated

    if isinstance(stopped, Stopped):
        return Terminated("stopped by SIGTERM")
    return Interrupted("stopped by Ctrl-C")


def _handle(numbers: tuple[int, ...], handler: object) -> None:
    for number in numbers:
        if signal.getsignal(number) is not signal.SIG_IGN:  # whoever started us wants it so
            signal.signal(number, handler)  # type: ignore[arg-type]


def _note(number: int, _frame: FrameType | None) -> None:
    global _noted
    if _noted is not None:
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
    _noted = number


def _break_off(number: int, _frame: FrameType | None) -> None:
    """A handler. Raises: KeyboardInterrupt, Stopped."""
    global _is_hurried
    if _outcome is None:
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        signal.signal(number, signal.SIG_DFL)  # a second one does not wait
        raise Stopped
    if _is_hurried or (_was_signalled is not None and _was_signalled()):
        os._exit(_outcome)
    _is_hurried = True
