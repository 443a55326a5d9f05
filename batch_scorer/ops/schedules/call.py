"""What a scheduler calls, and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from batch_scorer.config.job import Job
from batch_scorer.core.errors import UsageError

# As CLI.md's table of exit codes has it: what another try may mend, and what only a person can.
TRY_AGAIN = (3, 69, 75, 124, 130, 141, 143)
DO_NOT_TRY_AGAIN = (1, 2, 4, 5, 6, 78)
# Between our own time limit (exit 124, all in order) and the scheduler's, for a process that hangs.
GRACE = timedelta(minutes=5)
# For what was begun to be put away after SIGTERM.
STOP_S = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """executable, project: absolute paths. cron: five fields, in `timezone`. timeout: None: no limit.

    Raises: UsageError when a part holds a line break, which every one of these files would end a line at.
    """

    job: str
    executable: str
    project: str
    cron: str
    timezone: str
    target: str | None = None
    timeout: timedelta | None = None

    def __post_init__(self) -> None:
        for part in (*self.command, self.cron, self.timezone):
            if "\n" in part or "\r" in part:
                raise UsageError(
                    "a schedule cannot hold a line break",
                    where=repr(part),
                    fix="use a path without line breaks",
                )

    @property
    def command(self) -> tuple[str, ...]:
        return (self.executable, *self.arguments(self.project))

    @property
    def unit(self) -> str:
        """What its files are called: `batch-scorer-taxi_tips`, or `…-taxi_tips-prod` with a target."""
        return "-".join(["batch-scorer", self.job, *([self.target] if self.target else [])])

    def arguments(self, project: str) -> tuple[str, ...]:
        target = ("--target", self.target) if self.target else ()
        return ("--project", project, *target, "-v", "run", self.job)


def call_of(job: Job, *, executable: str, project: str, target: str | None) -> Call:
    """Raises: UsageError, when the job file does not say when it runs."""
    if job.schedule.cron is None:
        raise UsageError(
            f"jobs/{job.name}.yml has no schedule.cron", fix='add e.g. `cron: "30 4 * * *"` under schedule:'
        )
    return Call(
        job=job.name,
        executable=executable,
        project=project,
        cron=job.schedule.cron,
        timezone=job.schedule.timezone,
        target=target,
        timeout=job.compute.timeout,
    )


def in_lines(codes: tuple[int, ...]) -> str:
    return " ".join(map(str, codes))


def about_timeout(call: Call) -> Iterator[str]:
    """One line for a comment."""
    if call.timeout is None:
        yield "compute.timeout is not set: a run that hangs hangs for ever. Set it, and render again."
    else:
        yield "compute.timeout ends a run in good order (exit 124); the limit here is for one that hangs."
