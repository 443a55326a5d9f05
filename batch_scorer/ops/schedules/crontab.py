"""A job as a line of a crontab."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath

from batch_scorer.config.units import format_duration
from batch_scorer.ops.schedules.call import Call

_CRON = """\
# {job}, by batch-scorer. Add these lines with: crontab -e
# Times below are {timezone}'s. A cron that does not know CRON_TZ (see `man 5 crontab`) takes the machine's.
CRON_TZ={timezone}
# A night that did not go well prints one line, and cron mails it:
#MAILTO=you@example.com
# No flock is needed: of two runs each leaves alone what the other works on. {timeout}
# Variables that the job needs, such as those of notify, stand above as NAME=value; chmod 600 keeps them.
# Exit codes: 0 done or nothing due · 1 failed, 3 partly done: the next night tries again · 4 stopped by a
# data gate, 5 by the model gate: look · 2, 78 wrong command or job file: mend it · 6 damage: look now
# 69, 75 later · 124, 130, 143 stopped: what was published stays, the next night goes on.
{cron} {command} >> {log} 2>&1 || echo "{job}: exit $?, see {log_shown}"
"""


def render_cron(call: Call) -> dict[str, str]:
    """A crontab snippet that runs everything due, wherever cron starts it; the log is `data/<job>.log`.

    Returns: its text, by file name.
    """
    log = PurePosixPath(call.project) / "data" / f"{call.job}.log"  # cron starts in the home directory
    limit = (
        "Without compute.timeout one that hangs is never ended."
        if call.timeout is None
        else f"After {format_duration(call.timeout)} a run ends itself (124)."
    )
    text = _CRON.format(
        job=call.job,
        timezone=call.timezone,
        timeout=limit,
        cron=call.cron,
        command=_escaped(shlex.join(call.command)),
        log=_escaped(shlex.quote(str(log))),
        log_shown=f"data/{call.job}.log",
    )
    return {f"{call.unit}.crontab": text}


def _escaped(shell: str) -> str:
    """In a crontab a bare % ends the command and starts its input, quoted or not."""
    return shell.replace("%", r"\%")
