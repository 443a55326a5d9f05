"""Which process is this, and does that other one still live? Standard library and /proc only.

A pid alone names nobody: it is given again. Host, boot, pid namespace and start time together do.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_PROC = Path("/proc")


class Fate(StrEnum):
    """What can be said of a process from here."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"  # of another host or container: only its heartbeat tells


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessIdentity:
    """boot: of the kernel and the pid namespace, as pids mean something within one of them only.

    started: when the process began, in the kernel's own ticks; empty where /proc does not tell.
    """

    host: str
    boot: str
    pid: int
    started: str


def this_process() -> ProcessIdentity:
    pid = os.getpid()
    return ProcessIdentity(host=socket.gethostname(), boot=_boot(), pid=pid, started=_started(pid) or "")


def fate_of(process: ProcessIdentity) -> Fate:
    """A stopped process is alive: only its heartbeat shows that it does not work."""
    if (process.host, process.boot) != (socket.gethostname(), _boot()) or not process.boot:
        return Fate.UNKNOWN
    try:
        os.kill(process.pid, 0)  # asks whether it exists, and sends nothing
    except ProcessLookupError:
        return Fate.DEAD
    except PermissionError:
        pass  # it is somebody else's
    started = _started(process.pid)
    if started is None:
        return Fate.UNKNOWN  # /proc hides other people's processes here
    return Fate.ALIVE if started == process.started else Fate.DEAD


def _boot() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {(_PROC / 'self/ns/pid').stat().st_ino}"
    except OSError:  # not Linux: nothing is known of other processes
        return ""


def _started(pid: int) -> str | None:
    """Field 22 of stat, empty for a zombie, which is dead; None where it cannot be read.

    The name before it may hold anything, blanks and brackets too.
    """
    try:
        fields = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return "" if fields[0] in ("Z", "X") else fields[19]
