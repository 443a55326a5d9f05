"""One run per job at a time on one state directory, and a message that names the holder."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from batch_scorer.core.durable import writing
from batch_scorer.core.errors import LockHeld

_SLICE_S = 0.2


@contextmanager
def job_lock(
    path: Path, *, job: str, run_id: str, wait: timedelta, check: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Hold the job's lock; the kernel lets it go when the process dies, however it dies.

    check: called again and again while it waits, and ends the wait by raising.
    Raises: LockHeld, naming run, host, pid and age of the holder, after waiting for `wait`;
    OutputUnwritable, DiskFull, where no lock file can be made.
    """
    holder = path.with_suffix(".holder.json")
    lock = FileLock(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not _acquired(lock, wait.total_seconds(), check):
            raise _held(holder, job)
    try:
        with writing(holder):
            holder.write_text(json.dumps(_myself(run_id)))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _acquired(lock: FileLock, wait_s: float, check: Callable[[], None]) -> bool:
    """In short slices: a signal handler only takes a note, and the lock would wait on."""
    deadline = time.monotonic() + wait_s
    while True:
        check()
        left_s = max(0.0, deadline - time.monotonic())
        try:
            lock.acquire(timeout=min(_SLICE_S, left_s))
        except Timeout:
            if not left_s:
                return False
        else:
            return True


def _myself(run_id: str) -> dict[str, str | int]:
    return {
        "run_id": run_id,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _held(holder: Path, job: str) -> LockHeld:
    try:
        by = json.loads(holder.read_text())
        age = datetime.now(UTC) - datetime.fromisoformat(by["since"])
        who = f"run {by['run_id']} on {by['host']}, pid {by['pid']}, for {_words(age)}"
    except (OSError, ValueError, KeyError, TypeError):
        who = "another run that did not say who it is"
    return LockHeld(
        f"job {job} is being run by {who}",
        where=str(holder.parent),
        fix="wait for it, or give --wait-lock 10m",
        next_command="batch-scorer runs",
    )


def _words(age: timedelta) -> str:
    minutes, seconds = divmod(int(age.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
