"""Runs share a lock file, and `ledger rebuild` wants it alone: a ledger must not be told anew while somebody
writes to the old one. The kernel gives the lock back however a process dies.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from batch_scorer.core.durable import writing
from batch_scorer.core.errors import LockHeld


@contextmanager
def present(path: Path) -> Iterator[None]:
    """At work, together with others. Raises: LockHeld, while a ledger is being rebuilt; OutputError."""
    yield from _locked(path, fcntl.LOCK_SH, "its ledger is being rebuilt")


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Raises: LockHeld, while anybody is at work; OutputError."""
    yield from _locked(path, fcntl.LOCK_EX, "a run of it is going on")


def _locked(path: Path, kind: int, why_not: str) -> Iterator[None]:
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    with file:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockHeld(
                f"job {path.stem} is in use: {why_not}",
                where=str(path),
                fix="wait for it to end, then run again",
                next_command=f"batch-scorer unlock {path.stem} --dry-run",
            ) from None
        yield
