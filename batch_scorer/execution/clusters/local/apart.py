"""First thing in the fork server: leave the process group that a signal from the terminal reaches, and say
that it starts.

Only the driver decides how a run ends; workers that a signal kills while they start look like a defect.
Importing this changes the process it is imported in.
"""

import os
import signal

from batch_scorer.core import collector

os.setpgid(0, 0)
# They came blocked from `start_fork_server`, so that there is no moment before this line.
for _number in (signal.SIGINT, signal.SIGTERM):
    _before = signal.signal(_number, signal.SIG_IGN)  # forgets one that came meanwhile: the driver has it too
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {_number})
    signal.signal(_number, _before)

collector.owns_process()
collector.starts()  # and every worker with it, until its first chunk
