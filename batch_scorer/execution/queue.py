"""What a run has still to do, and whose turn it is: a partition is worked on only under its lease."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, replace
from itertools import islice

from batch_scorer.core.errors import BatchScorerError
from batch_scorer.core.faults import FaultPoint, fault_point
from batch_scorer.core.footing import Footing
from batch_scorer.core.leases import Holder
from batch_scorer.core.outcomes import Held, Overtaken, PartitionOutcome, Published
from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import PartitionPlan
from batch_scorer.execution.publishing.leases import held
from batch_scorer.execution.publishing.recovery import take_settled
from batch_scorer.execution.survey import hashed
from batch_scorer.execution.under_way import RunUnderWay

_AGAIN_S = 1.0
# What is hashed ahead of its turn is in the system's cache until it is read, and one that waits for a result
# of a worker waits no longer than ten milliseconds for it.
_AHEAD, _AHEAD_BYTES = 32, 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A partition whose lease we have, and what was known of it when we took it."""

    entry: PartitionPlan
    footing: Footing


class Queue:
    """From now on partitions that others hold are asked for again as long as --wait-lock says."""

    def __init__(self, run: RunUnderWay) -> None:
        self._parts = run.parts
        self._leases = run.leases
        self._todo = deque(run.plan.to_score)
        self._wait_until = time.monotonic() + run.options.wait_lock.total_seconds()
        self._not_before: dict[Partition, float] = {}
        self._waits_since: dict[Partition, float] = {}
        self._looked_at: set[Partition] = set()

    def __len__(self) -> int:
        return len(self._todo)

    def clear(self) -> None:
        self._todo.clear()

    def next(self) -> Turn | Held | Overtaken | None:
        """One whose lease we now have, one that is left to others, or None: all wait for others."""
        for _ in range(len(self._todo)):
            entry = self._todo.popleft()
            assert entry.partition is not None  # noqa: S101 (only partitions are scored)
            if self._not_before.get(entry.partition, 0.0) > time.monotonic():
                self._todo.append(entry)
                continue
            taken = take_settled(self._parts, self._leases, entry.partition)
            if not isinstance(taken, Holder):
                return self._begin(entry, taken)
            if time.monotonic() >= self._wait_until:
                error = held(entry.partition, taken)
                return Held(partition=entry.partition, label=entry.label, error=error)
            self._waits_since.setdefault(entry.partition, time.monotonic())
            self._not_before[entry.partition] = time.monotonic() + _AGAIN_S
            self._todo.append(entry)
        return None

    def look_ahead(self) -> bool:
        """Hash the files of one that comes soon, for a driver that has nothing else to do.

        Returns: whether there was one. What keeps its files from being hashed is told when it is its turn.
        """
        for index, entry in enumerate(islice(self._todo, _AHEAD)):
            found = entry.found
            if entry.partition is None or found is None or entry.partition in self._looked_at:
                continue
            self._looked_at.add(entry.partition)
            if found.n_bytes > _AHEAD_BYTES:
                continue
            try:
                files = hashed(self._parts, found.files, found.files)
            except BatchScorerError:
                return True
            self._todo[index] = replace(entry, found=replace(found, files=files))
            return True
        return False

    def waited_s(self, partition: Partition | None) -> float:
        """How long ago others were first found to hold it; 0.0 when nobody did."""
        since = self._waits_since.get(partition) if partition else None
        return 0.0 if since is None else time.monotonic() - since

    def unless_lost(self, outcome: PartitionOutcome, partition: Partition) -> PartitionOutcome:
        """Who took the partition over also took our staging away: what failed then is no failure."""
        if isinstance(outcome, Published | Held | Overtaken):
            return outcome
        lease = self._parts.ledger.lease(self._parts.job.name, partition)
        if lease is not None and lease.token == self._leases.token:
            return outcome
        by = lease.holder if lease else None
        error = held(partition, by) if by else self._leases.lost(partition)
        return Held(partition=partition, label=outcome.label, error=error)

    def _begin(self, entry: PartitionPlan, footing: Footing) -> Turn | Overtaken:
        fault_point(FaultPoint.LEASE_TAKEN)
        current = footing.current
        number = current.number if current else None
        if number == entry.base_generation:
            return Turn(entry=entry, footing=footing)
        self._leases.give_back(footing.partition)
        by = f" by run {current.run_id}" if current else ""
        why = f"generation {number} was published{by} since the plan was made"
        return Overtaken(partition=footing.partition, label=entry.label, why=why)
