"""How long a test waits for what must come: a machine that has much else to do is no mistake of ours."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

# Only something that hangs takes so long; pytest ends a test after 600.
WAIT_S = 240.0


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def wait_until_stopped(pid: int) -> None:
    """Until a process has come to where its faults say `stop`; it fails when the process ends before."""
    wait_for(lambda: _state(pid) in "TZ")
    assert _state(pid) == "T", "it ended, and never came to where it was to stop"


def _state(pid: int) -> str:
    """One letter, as `ps` shows it."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
