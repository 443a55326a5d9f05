"""While the fork server imports, it ends with the driver, however that one ended.

After `kill -9` of the driver it would import on for a second or more, and hold the driver's stdout meanwhile:
whoever reads that would wait. Once it has imported it looks at the driver's pipe itself, and so do workers.
Importing this changes the process it is imported in; nothing is left of it in those forked from it.
"""

import atexit
import os
import signal

_DRIVER = "_BATCH_SCORER_DRIVER"  # its pid, from `start_fork_server`
_EVERY_S = 0.05

_driver = int(os.environ.pop(_DRIVER, 0)) or os.getppid()


def _end_with_the_driver(*_: object) -> None:
    if os.getppid() != _driver:
        os._exit(1)


def _stop_looking() -> None:
    """In a worker: its parent is another one, and SIGALRM is the model's. Clocks are not inherited."""
    if signal.getsignal(signal.SIGALRM) is _end_with_the_driver:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


# A clock and not the kernel's PR_SET_PDEATHSIG, which would end it with the *thread* that started it.
signal.signal(signal.SIGALRM, _end_with_the_driver)
signal.siginterrupt(signal.SIGALRM, False)  # no library that is imported has to know of it
signal.setitimer(signal.ITIMER_REAL, _EVERY_S, _EVERY_S)
atexit.register(signal.setitimer, signal.ITIMER_REAL, 0)  # when Python ends it handles signals no more
os.register_at_fork(after_in_child=_stop_looking)
_end_with_the_driver()  # it may have ended before anybody looked
