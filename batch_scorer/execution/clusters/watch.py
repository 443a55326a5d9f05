"""Looks after a Dask cluster while chunks are out: workers that stay away, work that nobody does.

Dask itself waits for ever: for a first worker to come, for a paused one to go on, for a task that was lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batch_scorer.core.errors import ClusterUnavailable
from batch_scorer.execution.clusters.local.workers import LocalWorkers

ANSWER_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds until something is done about it.

    no_workers_s: then the cluster is away. lost_worker_s: then a local worker is replaced. idle_s: work is
    out, workers are there and none of them works: then the work is lost. look_s: between two looks.
    """

    no_workers_s: float = 60.0
    lost_worker_s: float = 15.0
    idle_s: float = 20.0
    look_s: float = 1.0


PATIENCE = Patience()


def all_of(workers: Mapping[str, Any]) -> Mapping[str, Any]:
    return workers


class Watch:
    """own: the local workers, if they are ours to replace. able: those of all workers that may score."""

    def __init__(
        self,
        client: Any,
        own: LocalWorkers | None,
        patience: Patience,
        clock: Callable[[], float] = time.monotonic,
        able: Callable[[Mapping[str, Any]], Mapping[str, Any]] = all_of,
    ) -> None:
        self._client = client
        self._own = own
        self._patience = patience
        self._clock = clock
        self._able = able
        self._looked_at = clock()
        self._without_workers_s = self._with_fewer_s = self._idle_s = 0.0

    def finds_work_lost(self, is_waiting: bool) -> bool:
        """One look, if it is time for one. is_waiting: work is out, and no result has come since.

        Returns: whether what is out must be sent again. Raises: ClusterUnavailable.
        """
        now = self._clock()
        if now - self._looked_at < self._patience.look_s:
            return False
        # The driver may have been away for long, publishing: of that time we know nothing.
        elapsed_s = min(now - self._looked_at, self._patience.look_s + ANSWER_S)
        self._looked_at = now
        workers = self._able(self._workers())
        self._without_workers_s = 0.0 if workers else self._without_workers_s + elapsed_s
        if self._without_workers_s > self._patience.no_workers_s:
            raise self._no_workers()
        self._replace_lost(workers, elapsed_s)
        is_idle = is_waiting and bool(workers) and not self._is_busy(workers)
        self._idle_s = self._idle_s + elapsed_s if is_idle else 0.0
        if self._idle_s <= self._patience.idle_s:
            return False
        self._idle_s = 0.0
        return True

    def _replace_lost(self, workers: Mapping[str, Any], elapsed_s: float) -> None:
        if self._own is None:
            return
        is_short = len(workers) < self._own.n_workers
        self._with_fewer_s = self._with_fewer_s + elapsed_s if is_short else 0.0
        if self._with_fewer_s > self._patience.lost_worker_s:
            self._with_fewer_s = 0.0
            self._own.replace_lost({worker["name"] for worker in workers.values()})

    def _workers(self) -> Mapping[str, Any]:
        """By address; none when the scheduler does not answer."""
        try:
            return workers_of(self._client)
        except (OSError, TimeoutError):  # a scheduler that hangs
            return {}

    def _is_busy(self, workers: Mapping[str, Any]) -> bool:
        """Whether any worker has something to do, ours or others', and is in a state to do it."""
        if any(_n_executing(worker) for worker in workers.values()):
            return True
        try:
            given = processing(self._client)
        except (OSError, TimeoutError):
            return True  # nothing is known
        return any(given.get(name) and worker.get("status") != "paused" for name, worker in workers.items())

    def _no_workers(self) -> ClusterUnavailable:
        return ClusterUnavailable(
            f"no worker answered for {self._patience.no_workers_s:.0f} s",
            where=str(self._client.scheduler.address),
            fix="look at the workers' logs, or run with --cluster inline",
        )


def workers_of(client: Any) -> Mapping[str, Any]:
    """By address, as the scheduler knows them. Raises: OSError, TimeoutError."""
    # `Client.scheduler_info` would wait for ever.
    workers: Mapping[str, Any] = client.sync(client.scheduler.identity, callback_timeout=ANSWER_S)["workers"]
    return workers


def processing(client: Any) -> Mapping[str, Sequence[str]]:
    """Keys of tasks by the worker that has them. Raises: OSError, TimeoutError."""
    given: Mapping[str, Sequence[str]] = client.sync(client.scheduler.processing, callback_timeout=ANSWER_S)
    return given


def _n_executing(worker: Mapping[str, Any]) -> int:
    """As of its last heartbeat."""
    return int(worker.get("metrics", {}).get("task_counts", {}).get("executing", 0))
