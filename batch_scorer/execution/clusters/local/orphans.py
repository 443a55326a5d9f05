"""The fork server ends with the driver, and the workers with the fork server, however the driver ended.

After `kill -9` of the driver they would import on, each for a second or more, and hold its stdout meanwhile:
whoever reads that would wait. By themselves they look at the driver's pipes only once they have started.
Importing this changes the process it is imported in, and those forked from it.
"""

import ctypes
import os
import signal
import sys

_DRIVER = "_BATCH_SCORER_DRIVER"  # its pid, from `start_fork_server`
_EVERY_S = 0.05
_PR_SET_PDEATHSIG = 1  # of <sys/prctl.h>

_server = os.getpid()
_driver = int(os.environ.pop(_DRIVER, 0)) or os.getppid()
_prctl = getattr(ctypes.CDLL(None), "prctl", None) if sys.platform == "linux" else None


def _end_with_the_driver(*_: object) -> None:
    """A clock and not the kernel, which would end it with the *thread* that started it."""
    if os.getppid() != _driver:
        os._exit(1)


def _end_with_the_server() -> None:
    """In a worker: forked from the main thread, and that is there as long as the server. Not in what a worker
    forks, from a thread that may end.
    """
    if _prctl is not None and os.getppid() == _server:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != _server:  # it ended just before
            os._exit(1)


signal.signal(signal.SIGALRM, _end_with_the_driver)
signal.siginterrupt(signal.SIGALRM, False)  # no library that is imported has to know of it
signal.setitimer(signal.ITIMER_REAL, _EVERY_S, _EVERY_S)  # not inherited by who is forked
os.register_at_fork(after_in_child=_end_with_the_server)
_end_with_the_driver()
