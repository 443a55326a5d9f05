"""This process, as the ledger and other runs see it: it takes partitions, says that it lives, and leaves."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ulid import ULID

from batch_scorer.core.errors import BatchScorerError, LeaseLost, LockHeld
from batch_scorer.core.faults import setting
from batch_scorer.core.leases import BEAT_S, SILENCE_S, Holder
from batch_scorer.core.partitions import Partition, typed
from batch_scorer.core.processes import Fate, fate_of, this_process
from batch_scorer.core.whoami import user_name
from batch_scorer.execution.publishing.presence import present
from batch_scorer.ledger.ledger import Ledger

_log = logging.getLogger(__name__)
_LOOK_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A lease that is ours. may_live: whether who had it before may still be at work, silently."""

    partition: Partition
    over: Holder | None = None
    may_live: bool = False
    was_ours: bool = False


class Leases:
    """What this process may work on. One of them a run, or a verb that changes what is published."""

    def __init__(self, ledger: Ledger, holder: Holder, silence: timedelta) -> None:
        self.token = holder.token
        self.holder = holder
        self._ledger = ledger
        self._silence = silence

    def take(self, partition: Partition) -> Taken | Holder:
        """The lease of a partition, or who holds it. A holder that is gone is no holder."""
        while not self._take(partition, instead_of=None):  # nearly always it is nobody's
            lease = self._ledger.lease(self.holder.job, partition)
            if lease is None:
                continue
            if lease.token == self.token:
                return Taken(partition=partition, was_ours=True)
            over = lease.holder
            if over is not None and not self.is_gone(over):
                return over
            # Who is known to be dead publishes nothing any more; of anybody else who knows?
            may_live = over is None or fate_of(over.process) is not Fate.DEAD
            if self._take(partition, instead_of=lease.token):
                return Taken(partition=partition, over=over, may_live=may_live)
        return Taken(partition=partition, may_live=True)

    def _take(self, partition: Partition, *, instead_of: str | None) -> bool:
        now = datetime.now(UTC)
        return self._ledger.take_lease(self.holder.job, partition, self.token, now, instead_of=instead_of)

    def take_or_refuse(self, partition: Partition) -> Taken:
        """Raises: LockHeld, naming who works on it."""
        taken = self.take(partition)
        if isinstance(taken, Holder):
            raise held(partition, taken)
        return taken

    def lost(self, partition: Partition) -> LeaseLost:
        """What to say of a partition that was taken from us, when who took it has left already."""
        return LeaseLost(
            f"the lease of {partition} was lost to another run",
            where=f"job {self.holder.job}",
            fix="this run published nothing of it: it was silent for so long that it was taken for dead",
            next_command=f"batch-scorer show {typed(self.holder.job, partition.path)}",
        )

    def check(self, partition: Partition) -> None:
        """Raises: LeaseLost, when the lease is not ours any more."""
        lease = self._ledger.lease(self.holder.job, partition)
        if lease is None or lease.token != self.token:
            raise self.lost(partition)

    def give_back(self, partition: Partition) -> None:
        self._ledger.release_lease(self.holder.job, partition, self.token)

    def is_gone(self, other: Holder) -> bool:
        return other.is_gone(fate_of(other.process), datetime.now(UTC), self._silence)


@contextmanager
def at_work(
    ledger: Ledger,
    presence_file: Path,
    *,
    job: str,
    verb: str,
    run_id: str | None = None,
    silence_s: float | None = None,
    on_cancel: Callable[[str], None] = lambda _by: None,
) -> Iterator[Leases]:
    """Enter the ledger, say so every few seconds, and leave. on_cancel: called with who asked for it.

    silence_s: after which a holder that we cannot look at is taken for gone.

    Raises: StoreUnavailable, OutputError; LockHeld, while the ledger is being rebuilt.
    """
    now = datetime.now(UTC)
    holder = Holder(
        token=str(ULID()),
        job=job,
        verb=verb,
        process=this_process(),
        user=user_name(),
        since=now,
        heartbeat_at=now,
        run_id=run_id,
    )
    silence_s = silence_s or silence().total_seconds()
    with present(presence_file):
        ledger.enter(holder)
        heart = _Heart(ledger, holder.token, min(BEAT_S, silence_s / 4), on_cancel)
        heart.start()
        try:
            yield Leases(ledger, holder, timedelta(seconds=silence_s))
        finally:
            heart.stop()
            _leave(ledger, holder.token)


def silence() -> timedelta:
    """After which a holder is taken for dead."""
    return timedelta(seconds=float(setting("lease_s") or SILENCE_S))


def held(partition: Partition, by: Holder) -> LockHeld:
    return LockHeld(
        f"{partition} is held by {by.words(datetime.now(UTC))}",
        where=f"job {by.job}",
        fix="wait for it, or give --wait-lock 10m; who is dead on this host is taken over at once",
        next_command=f"batch-scorer unlock {by.job} --dry-run",
    )


class _Heart(threading.Thread):
    """A thread of its own: scoring must not keep it from beating."""

    def __init__(self, ledger: Ledger, token: str, every_s: float, on_cancel: Callable[[str], None]) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self._ledger = ledger
        self._token = token
        self._every_s = every_s
        self._on_cancel = on_cancel
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(self._every_s):
            try:
                self._beat()
            except Exception as error:  # what publishes next will find the ledger away, and say so
                _log.warning("the ledger did not take our sign of life: %s", error)

    def _beat(self) -> None:
        seen = self._ledger.beat(self._token, datetime.now(UTC))
        if seen is None:
            _log.warning("this run was taken for dead: what it holds may be taken over")
            self._ended.set()
        elif seen.cancelled_by is not None:
            self._on_cancel(seen.cancelled_by)

    def stop(self) -> None:
        self._ended.set()
        self.join()


def _leave(ledger: Ledger, token: str) -> None:
    """A ledger that is away must not hide how the run ended; the next run finds us gone by our pid.

    In a thread of its own: a SQLite that waits for a lock would keep signals from us, for 30 s perhaps.
    """
    errors: list[Exception] = []

    def leave() -> None:
        try:
            ledger.leave(token)
        except Exception as error:
            errors.append(error)

    leaving = threading.Thread(target=copy_context().run, args=(leave,), name="leave", daemon=True)
    leaving.start()
    while leaving.is_alive():  # a signal that comes just before a wait begins would be heard at its end only
        leaving.join(_LOOK_S)
    for error in errors:
        if not isinstance(error, BatchScorerError):
            raise error
        _log.warning("the leases could not be given back: %s", error)
