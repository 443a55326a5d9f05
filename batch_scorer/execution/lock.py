"""One run per job at a time on one state directory, and a message that names the holder."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from batch_scorer.core.errors import LockHeld


@contextmanager
def job_lock(path: Path, *, job: str, run_id: str, wait: timedelta) -> Iterator[None]:
    """Hold the job's lock; the kernel lets it go when the process dies, however it dies.

    Raises: LockHeld, naming run, host, pid and age of the holder, after waiting for `wait`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = path.with_suffix(".holder.json")
    lock = FileLock(path, timeout=wait.total_seconds())
    try:
        lock.acquire()
    except Timeout:
        raise _held(holder, job) from None
    try:
        holder.write_text(json.dumps(_myself(run_id)))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


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
