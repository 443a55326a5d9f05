"""Whether the nightly run that the job file speaks of really runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from batch_scorer.config.cron import last_time, next_time
from batch_scorer.core.errors import BatchScorerError
from batch_scorer.execution.parts import JobParts

_GRACE = timedelta(minutes=10)  # for a start that is late, and for one that doctor meets


def kept(parts: JobParts, now: datetime) -> str:
    """Raises: BatchScorerError, when no run began since the last time that cron should have begun one."""
    job = parts.job
    cron, timezone = job.schedule.cron or "", job.schedule.timezone
    upcoming = next_time(cron, timezone, now)
    if upcoming is None:
        raise BatchScorerError(
            f'schedule.cron "{cron}" never comes', where=f"jobs/{job.name}.yml, schedule.cron",
            fix='write a time that exists, such as "30 4 * * *"',
        )  # fmt: skip
    runs = parts.ledger.runs(job.name, limit=1)
    if not runs:
        return f"no run yet; the next is meant for {_moment(upcoming)}"
    due = last_time(cron, timezone, now - _GRACE)
    began = runs[0].started_at
    if due is not None and began < due - _GRACE:
        raise BatchScorerError(
            f"a run should have begun at {_moment(due)}, but the newest began at {_moment(began)}: "
            "is it scheduled?",
            where=f"jobs/{job.name}.yml, schedule.cron",
            fix="look at the scheduler and its log; this prints what to install",
            next_command=f"batch-scorer schedule render cron {job.name}",
        )
    return f"the newest run began in time; the next is meant for {_moment(upcoming)}"


def _moment(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
