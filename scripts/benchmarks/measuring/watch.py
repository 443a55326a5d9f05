"""Runs one command and accounts for every process that descends from it. A program of its own: it waits for
all children of its process, also those it never started.

usage: python -c '… watch.main()' RESULT.json COMMAND…

- Wall seconds: until the command itself ends.
- Processor seconds: this process is a subreaper, so whoever loses its parent becomes its child; waiting for
  all of them gives the seconds of every process that was waited for by somebody. A parent that ignores its
  children (SIGCHLD) loses theirs: what /proc last said of each process is added up, too: the larger counts.
- Memory: the largest resident set of one process as the system keeps it, and the largest sum of proportional
  set sizes, which counts shared pages once; a sample is taken as often as costs 1/50 of one core, at most.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.measuring.tree import Usage, descendants, proportional_bytes, usage_of

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_GRACE_S = 20.0  # for what outlives the command, before it is killed
_POLL_S = 0.02
_SHARE = 50  # a sample is followed by so many times its own processor seconds of rest
_MIN_REST_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """exit_code: of the command, negative for a signal. n_killed: descendants that would not end.

    began_at: seconds since the epoch.
    """

    exit_code: int
    began_at: float
    wall_s: float
    cpu_s: float
    peak_process_bytes: int
    peak_tree_bytes: int
    n_killed: int


def main() -> None:
    result, command = Path(sys.argv[1]), sys.argv[2:]
    result.write_text(json.dumps(asdict(watched(command))))


def watched(command: list[str]) -> Accounts:
    """Raises: OSError, when the command cannot be started, or the system is not Linux."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)  # a bench that is killed leaves nothing running
    signal.signal(signal.SIGTERM, _give_up)
    sampler = Sampler(os.getpid())
    began_at, begun = time.time(), time.perf_counter()
    root = subprocess.Popen(command)
    with sampler:
        reaped = _Reaped()
        while root.pid not in reaped.exit_codes:
            reaped.add(*os.wait4(-1, 0))
        wall_s = time.perf_counter() - begun
        n_killed = _reap_the_rest(reaped)
    root.returncode = reaped.exit_codes[root.pid]
    return Accounts(
        exit_code=root.returncode,
        began_at=began_at,
        wall_s=wall_s,
        cpu_s=max(reaped.cpu_s, sampler.cpu_s),
        peak_process_bytes=reaped.peak_bytes,
        peak_tree_bytes=max(sampler.peak_bytes, reaped.peak_bytes),
        n_killed=n_killed,
    )


class Sampler:
    """Looks at the descendants of a process from a thread while it is entered."""

    def __init__(self, pid: int) -> None:
        self.peak_bytes = 0
        self._pid = pid
        self._seen: dict[tuple[int, int], Usage] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def cpu_s(self) -> float:
        """Of every process that was ever seen, without its children."""
        return sum(usage.cpu_s for usage in self._seen.values())

    def _run(self) -> None:
        rest_s = 0.0
        while not self._stop.wait(rest_s):
            begun = time.thread_time()
            self._sample()
            rest_s = max(_MIN_REST_S, _SHARE * (time.thread_time() - begun))

    def _sample(self) -> None:
        pids = descendants(self._pid)
        for usage in filter(None, map(usage_of, pids)):
            self._seen[usage.pid, usage.started] = usage
        self.peak_bytes = max(self.peak_bytes, sum(map(proportional_bytes, pids)))


class _Reaped:
    """Sums over processes that were waited for; each brings what it waited for itself."""

    def __init__(self) -> None:
        self.exit_codes: dict[int, int] = {}
        self.cpu_s = 0.0
        self.peak_bytes = 0

    def add(self, pid: int, status: int, usage: resource.struct_rusage) -> None:
        self.exit_codes[pid] = os.waitstatus_to_exitcode(status)
        self.cpu_s += usage.ru_utime + usage.ru_stime
        self.peak_bytes = max(self.peak_bytes, usage.ru_maxrss * 1024)


def _reap_the_rest(reaped: _Reaped) -> int:
    """Until nobody is left; how many had to be killed."""
    deadline = time.monotonic() + _GRACE_S
    killed: set[int] = set()
    with suppress(ChildProcessError):
        while True:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid:
                reaped.add(pid, status, usage)
                continue
            if time.monotonic() > deadline:
                killed |= set(_kill(descendants(os.getpid())))
            time.sleep(_POLL_S)
    return len(killed)


def _kill(pids: list[int]) -> list[int]:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return pids


def _give_up(*_: object) -> None:
    _kill(descendants(os.getpid()))
    os._exit(1)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option}, {value})")
