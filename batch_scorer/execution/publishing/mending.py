"""`repair`, `unlock`, `cancel`: set right what runs left behind, or stop one that goes on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from batch_scorer.core.errors import LockHeld, UsageError
from batch_scorer.core.leases import BEAT_S, SILENCE_S, Holder
from batch_scorer.core.processes import Fate, fate_of
from batch_scorer.core.records import GenerationRecord, RunRecord, RunState
from batch_scorer.core.whoami import user_name
from batch_scorer.execution.parts import JobParts
from batch_scorer.execution.publishing.leases import at_work, silence
from batch_scorer.execution.publishing.recovery import recover
from batch_scorer.ledger.ledger import Ledger

_MISSED_BEATS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A holder and what it holds. verdict: alive, dead, silent, or unknown (of another host)."""

    holder: Holder
    partitions: tuple[str, ...]
    verdict: str

    @property
    def is_gone(self) -> bool:
        return self.verdict in ("dead", "silent")


def repair(parts: JobParts) -> tuple[str, ...]:
    """What every run does first, and nothing else. Raises: DamageFound, OutputError, StoreUnavailable."""
    with at_work(parts.ledger, parts.places.presence, job=parts.job.name, verb="repair") as leases:
        return recover(parts, leases)


def unfinished(parts: JobParts) -> tuple[str, ...]:
    """What `repair` would look at; reads only."""
    job = parts.job.name
    found = holdings(parts)
    gone = {each.holder.run_id for each in found if each.is_gone}
    living = {each.holder.run_id for each in found if not each.is_gone}
    return (
        *(f"{r.partition}: generation {r.number} is half published" for r in _mine(parts, living)),
        *(
            f"run {run.run_id} on {run.host}, pid {run.pid}, {'died' if run.run_id in gone else 'is gone'}"
            for run in parts.ledger.unfinished_runs()
            if run.job == job and run.run_id not in living
        ),
    )


def holdings(parts: JobParts) -> tuple[Held, ...]:
    """Who is at work on the job, longest first; reads only."""
    job = parts.job.name
    leases = parts.ledger.leases(job)
    return tuple(
        Held(
            holder=holder,
            partitions=tuple(lease.partition.path for lease in leases if lease.token == holder.token),
            verdict=_verdict(holder),
        )
        for holder in parts.ledger.holders(job)
    )


def unlock(parts: JobParts, *, force: bool) -> tuple[Held, ...]:
    """Take the leases of those who are gone. force: of those on other hosts, too, who missed their beats.

    Who is known to live keeps its leases in any case; what the others left half-way is settled.
    Raises: LockHeld, naming the first who lives; DamageFound, OutputError.
    """
    found = holdings(parts)
    kept = [each for each in found if not (each.is_gone or (force and _missed_beats(each)))]
    if kept:
        raise _still_held(parts.job.name, kept[0], force=force)
    silence_s = _MISSED_BEATS * BEAT_S if force else None
    with at_work(
        parts.ledger, parts.places.presence, job=parts.job.name, verb="unlock", silence_s=silence_s
    ) as leases:
        recover(parts, leases)  # who is silent may be in the middle of a publish
    return found


def cancel(ledger: Ledger, run: RunRecord) -> Holder:
    """Ask a run to stop as after a SIGTERM, wherever it runs. Raises: UsageError, when it does not run."""
    holder = cancellable(ledger, run)
    ledger.request_cancel(holder.token, user_name())
    return holder


def cancellable(ledger: Ledger, run: RunRecord) -> Holder:
    """Raises: UsageError, when it has ended or died."""
    holder = next((h for h in ledger.holders(run.job) if h.run_id == run.run_id), None)
    if holder is not None and fate_of(holder.process) is not Fate.DEAD:
        if holder.verb != "run":
            raise UsageError(
                f"a {holder.verb} cannot be cancelled: it ends by itself in a moment",
                next_command=f"batch-scorer show {run.run_id}",
            )
        return holder
    ended = run.state is RunState.FINISHED
    how = f"it ended with exit code {run.exit_code}" if ended else "its process is gone"
    raise UsageError(
        f"run {run.run_id} does not run any more: {how}",
        fix=None if ended else "the next run settles what it left; or do it now",
        next_command=f"batch-scorer {'show ' + run.run_id if ended else 'repair ' + run.job}",
    )


def _mine(parts: JobParts, living: set[str | None]) -> list[GenerationRecord]:
    return [r for r in parts.ledger.unfinished_publishes(parts.job.name) if r.run_id not in living]


def _verdict(holder: Holder) -> str:
    fate = fate_of(holder.process)
    if fate is Fate.DEAD:
        return "dead"
    if datetime.now(UTC) - holder.heartbeat_at > silence():
        return "silent"
    return "alive" if fate is Fate.ALIVE else "unknown"


def _missed_beats(each: Held) -> bool:
    """Or beats that are yet to come: a clock is wrong, and says nothing of whether it lives."""
    quiet = abs(datetime.now(UTC) - each.holder.heartbeat_at)
    return each.verdict == "unknown" and quiet > timedelta(seconds=_MISSED_BEATS * BEAT_S)


def _still_held(job: str, each: Held, *, force: bool) -> LockHeld:
    now = datetime.now(UTC)
    quiet_s = max(0.0, (now - each.holder.heartbeat_at).total_seconds())
    lives = "it is alive" if each.verdict == "alive" else "nobody can tell from here whether it is alive"
    return LockHeld(
        f"{job} is held by {each.holder.words(now)}: {lives}; its last sign of life is {quiet_s:.0f} s old",
        where=", ".join(each.partitions[:3]) or "no partition at the moment",
        fix="cancel it, and wait until it has ended"
        if force or each.verdict == "alive"
        else f"wait {SILENCE_S:.0f} s; or, when you know that its host is gone, unlock with --force",
        next_command=f"batch-scorer cancel {each.holder.run_id}" if each.holder.run_id else None,
    )
