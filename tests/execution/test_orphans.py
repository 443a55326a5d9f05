"""Nothing that a run started holds its stdout once the run was killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_LONG_S = 300  # what is started would take as long
_FAR_LESS_S = 60  # and ends at once; a machine may be slow

_WORK = """
import signal

def tells():
    handler = signal.getsignal(signal.SIGALRM)
    print(signal.getitimer(signal.ITIMER_REAL), handler is signal.SIG_DFL, flush=True)
"""
_SERVED = """
import multiprocessing, os, signal, sys
from batch_scorer.execution.clusters.local import workers

if __name__ == "__main__":
    workers._PRELOADED = (*workers._PRELOADED[:-1], {preloaded!r})
    workers.start_fork_server()
    {then}
"""
_KILL = "os.kill(os.getpid(), signal.SIGKILL)"


def _output(directory: Path, *, then: str, preloaded: str = "work") -> str:
    """What somebody reads from a driver that starts a fork server and does this. Raises: TimeoutExpired."""
    (directory / "work.py").write_text(_WORK)
    (directory / "imports.py").write_text(f"import time; time.sleep({_LONG_S})")
    driver = directory / "driver.py"
    driver.write_text(_SERVED.format(preloaded=preloaded, then=then))
    path = os.pathsep.join([str(directory), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, str(driver)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        timeout=_FAR_LESS_S, cwd=directory, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    return done.stdout


@pytest.mark.parametrize("wait_s", [0, 1.5])
def test_a_fork_server_in_the_middle_of_an_import_ends_with_a_driver_that_was_killed(
    tmp_path: Path, wait_s: float
) -> None:
    """And before its first import too, when nobody there has looked who its parent is."""
    _output(tmp_path, preloaded="imports", then=f"import time; time.sleep({wait_s}); {_KILL}")


def test_a_worker_has_neither_the_clock_nor_what_it_calls(tmp_path: Path) -> None:
    joins = "import work; one = multiprocessing.Process(target=work.tells); one.start(); one.join()"
    assert _output(tmp_path, then=joins) == "(0.0, 0.0) True\n"


def test_nothing_that_the_driver_starts_later_is_told_of_the_driver(tmp_path: Path) -> None:
    assert _output(tmp_path, then="print([name for name in os.environ if 'DRIVER' in name])") == "[]\n"


def test_the_clock_stops_when_python_ends_and_handles_no_signal_any_more() -> None:
    """Else the process would end by SIGALRM while it tidies up."""
    command = """
import atexit, signal, batch_scorer.execution.clusters.local.orphans
assert signal.getitimer(signal.ITIMER_REAL) != (0.0, 0.0)
atexit._run_exitfuncs()
print(signal.getitimer(signal.ITIMER_REAL))
"""
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == "(0.0, 0.0)\n"
