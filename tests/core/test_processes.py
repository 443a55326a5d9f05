"""A process is told by more than its pid."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace

from batch_scorer.core.processes import Fate, ProcessIdentity, fate_of, this_process

_TELL = (
    "from batch_scorer.core.processes import this_process; print(repr(this_process()), flush=True); input()"
)


def test_we_are_alive_and_nobody_else_is_us() -> None:
    me = this_process()
    assert fate_of(me) is Fate.ALIVE
    assert fate_of(replace(me, started="1")) is Fate.DEAD  # the pid was given again
    assert fate_of(replace(me, host="elsewhere")) is Fate.UNKNOWN
    assert fate_of(replace(me, boot="another boot, or another container")) is Fate.UNKNOWN


def test_a_stopped_process_is_alive_and_a_killed_one_is_dead_even_as_a_zombie() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _TELL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    identity = eval(child.stdout.readline(), {"ProcessIdentity": ProcessIdentity})
    assert identity.pid == child.pid
    child.send_signal(signal.SIGSTOP)
    assert fate_of(identity) is Fate.ALIVE
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie now
    assert fate_of(identity) is Fate.DEAD
    child.communicate()
    assert fate_of(identity) is Fate.DEAD
