"""When Python looks for garbage that refers to itself: hardly while a program starts, as ever once it works.

Starting makes hundreds of thousands of values that stay, and a search goes through all of them: together the
searches took a sixth of a cold start, and found next to nothing.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_RARELY = 1_000_000  # more values than a start makes; as many would be 100 MB, if all of them were garbage

_is_ours = False
_usual: tuple[int, int, int] | None = None  # what holds once the program has started; None: it has


def owns_process() -> None:
    """Nobody's values but ours are in this process; in any other, nothing here has an effect."""
    global _is_ours
    _is_ours = True


@contextmanager
def starting_up() -> Iterator[None]:
    """Until `has_started` is called, or the block ends."""
    starts()
    try:
        yield
    finally:
        has_started()


def starts() -> None:
    """This process imports, and loads, and makes little that goes again."""
    global _usual
    if _is_ours and _usual is None:
        _usual = gc.get_threshold()
        gc.set_threshold(_RARELY, *_usual[1:])


def has_started() -> None:
    """From now on what it makes does go again; what is there stays, and is never looked through, not even at
    the end. To be called before a user's code is imported: some libraries complain of what did not go.

    A second call changes nothing, nor does one in a process that was never said to start.
    """
    global _usual
    if _usual is not None:
        gc.freeze()
        gc.set_threshold(*_usual)
        _usual = None


def stays() -> None:
    """What is there stays, and is never looked through: before a fork."""
    gc.freeze()
