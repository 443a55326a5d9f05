"""This machine's clock against its disks, the input and the ledger: a wrong one scores days too early."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from batch_scorer.core.errors import BatchScorerError, StoreUnavailable
from batch_scorer.core.plans import Plan
from batch_scorer.execution.parts import JobParts

_TOLERANCE = timedelta(seconds=60)  # hosts that keep time differ by less
_FIX = "set the clocks by NTP, of this machine and of the one that wrote it"


def sane(parts: JobParts, plan: Plan | None, now: datetime) -> str:
    """Raises: StoreUnavailable, BatchScorerError, saying which of two clocks is ahead."""
    off = _file_system_ahead(parts, now)
    if abs(off) > _TOLERANCE:
        which = "ahead of" if off > timedelta() else "behind"
        raise StoreUnavailable(
            f"the file system of output.state is {_seconds(off)} {which} this machine's clock",
            where=str(parts.places.state),
            fix="set the clocks by NTP, of this machine and of the file server",
        )
    _refuse_future_input(plan, now)
    for run in parts.ledger.runs(parts.job.name, limit=1):
        if run.started_at - now > _TOLERANCE:
            raise BatchScorerError(
                f"run {run.run_id} on {run.host} began {_seconds(run.started_at - now)} from now", fix=_FIX
            )
    return "this machine, its file systems, the input and the ledger agree"


def _file_system_ahead(parts: JobParts, now: datetime) -> timedelta:
    from batch_scorer.lake.storage.preflight import written_at

    before = datetime.now(UTC)
    return written_at(parts.places.state) - max(before, now)


def _refuse_future_input(plan: Plan | None, now: datetime) -> None:
    found = [entry.found for entry in plan.entries if entry.found] if plan else []
    newest = max(found, key=lambda each: each.newest_mtime_ns, default=None)
    if newest is None:
        return
    ahead = timedelta(microseconds=newest.newest_mtime_ns // 1000 - int(now.timestamp() * 1_000_000))
    if ahead > _TOLERANCE:
        raise BatchScorerError(
            f"a file of {newest.partition.label} was written {_seconds(ahead)} from now: it waits for ever "
            "with ready.min_age, and hides later changes",
            where=newest.directory,
            fix=_FIX,
        )


def _seconds(span: timedelta) -> str:
    return f"{abs(span.total_seconds()):,.0f} s"
