"""A job as an entry of a scheduler."""

from __future__ import annotations

import shlex
from pathlib import Path

from batch_scorer.core.errors import UsageError

_CRON = """\
# {job}, by batch-scorer. Add these lines with: crontab -e
# Times below are {timezone}'s. A cron that does not know CRON_TZ (see `man 5 crontab`) takes the machine's.
CRON_TZ={timezone}
# A night that did not go well prints one line, and cron mails it:
#MAILTO=you@example.com
# Exit codes: 0 done or nothing due · 1 failed, 3 partly done: the next night tries again · 4 stopped by a
# data gate, 5 by the model gate: look · 2, 78 wrong command or job file: mend it · 6 damage: look now
# 69, 75 later · 124, 130, 143 stopped: what was published stays, the next night goes on.
{cron} {command} >> {log} 2>&1 || echo "{job}: exit $?, see {log_shown}"
"""


def render_cron(
    job_name: str, project_root: Path | str, cron: str, timezone: str, executable: Path | str
) -> str:
    """A crontab snippet that runs everything due, wherever cron starts it; the log is `data/<job>.log`.

    cron: five fields. executable: batch-scorer's own path, as cron has no PATH to speak of.
    Raises: UsageError when a line break would end the entry early.
    """
    root = Path(project_root).absolute()  # cron starts in the home directory
    log = root / "data" / f"{job_name}.log"
    command = [str(executable), "--project", str(root), "-v", "run", job_name]
    for part in (*command, cron, timezone):
        if "\n" in part or "\r" in part:
            raise UsageError(
                "a crontab line cannot hold a line break",
                where=repr(part),
                fix="use a path without line breaks",
            )
    return _CRON.format(
        job=job_name,
        timezone=timezone,
        cron=cron,
        command=_escaped(shlex.join(command)),
        log=_escaped(shlex.quote(str(log))),
        log_shown=f"data/{job_name}.log",
    )


def _escaped(shell: str) -> str:
    """In a crontab a bare % ends the command and starts its input, quoted or not."""
    return shell.replace("%", r"\%")
