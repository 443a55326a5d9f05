"""Chunks on Dask workers, local processes of our own or not.

A future is released as soon as its outcome is here: a dying worker takes as little as possible with it.
"""

from __future__ import annotations

import logging
import queue
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from batch_scorer.core import collector
from batch_scorer.core.chunks import ChunkOutcome, ChunkTask
from batch_scorer.core.errors import ClusterUnavailable, ClusterUnfit, WorkerDied
from batch_scorer.execution.clusters.local_workers import LocalWorkers, start_local_workers
from batch_scorer.execution.clusters.protocol import Done
from batch_scorer.execution.clusters.remote.fleet import Fleet
from batch_scorer.execution.clusters.watch import PATIENCE, Patience, Watch, all_of, processing
from batch_scorer.execution.clusters.worker_logs import hear_all_workers, worker_logs

_log = logging.getLogger(__name__)
_RESULT_S = 10.0  # for a few hundred bytes; meanwhile the driver hears no signal
CLOSE_S = 10
_OVER_MEMORY = "worker-restart-memory"  # the topic under which nannies tell the scheduler


class Closable(Protocol):
    def close(self, timeout: float) -> object: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Out:
    """A task that is out. able: the workers that it may run on; none named: any."""

    task: ChunkTask
    future: Any
    able: frozenset[str]


class DaskCluster:
    """Runs tasks on a `distributed` client.

    own: the local workers, if they are ours. fleet: of workers that are not, which of them may score.
    closing: what to close at the end, in this order, whatever happens.
    """

    def __init__(
        self,
        client: Any,
        run: Callable[[ChunkTask], ChunkOutcome],
        own: LocalWorkers | None = None,
        *,
        fleet: Fleet | None = None,
        patience: Patience | None = None,
        closing: Sequence[Closable] = (),
    ) -> None:
        self._client = client
        self._run = run
        self._fleet = fleet
        self._closing = closing
        self._address = str(client.scheduler.address)
        self._watch = Watch(client, own, patience or PATIENCE, able=fleet.take_note if fleet else all_of)
        self._out: dict[str, _Out] = {}
        self._unplaced: deque[ChunkTask] = deque()
        self._finished: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._lost: deque[tuple[ChunkTask, WorkerDied]] = deque()
        self._has_lost_work = False
        self._n_own_threads = 0 if fleet else sum(client.nthreads().values())
        collector.has_started()  # a driver that has workers imports nothing heavy any more

    @property
    def slots(self) -> int:
        """One at least, while there is no worker: what is out waits for the first."""
        n_threads = sum(self._fleet.n_threads.values()) if self._fleet else self._n_own_threads
        return max(1, n_threads)

    def submit(self, task: ChunkTask) -> None:
        if self._client.status != "running":
            raise self._disconnected()
        if self._fleet is not None and not self._fleet.able:
            self._unplaced.append(task)
            return
        able = self._fleet.able if self._fleet else None
        # pure=False: the same chunk submitted again must run again, under a new staging name.
        future = self._client.submit(self._run, task, pure=False, retries=0, workers=able)
        self._out[future.key] = _Out(task=task, future=future, able=frozenset(able or ()))
        future.add_done_callback(lambda done: self._finished.put(done.key))

    def next_done(self, timeout_s: float) -> Done | None:
        self._look()
        if self._lost:
            task, why = self._lost.popleft()
            return Done(task=task, surprise=why)
        try:
            key = self._finished.get(timeout=timeout_s)
        except queue.Empty:
            if self._client.status != "running":
                raise self._disconnected() from None
            return None
        if key not in self._out:
            return None  # given up as lost before
        out = self._out.pop(key)
        try:
            done = self._outcome_of(out.task, out.future)
        finally:
            out.future.release()
        if self._fleet is not None and isinstance(done.surprise, WorkerDied):
            self._fleet.look_again()
        self._has_lost_work = False
        return done

    def close(self) -> None:
        """Whatever the other side does: what is left of a cluster must not hide how the run ended."""
        for part in self._closing:
            try:
                part.close(timeout=CLOSE_S)
            except Exception as error:
                _log.warning("the cluster did not close: %s", error)

    def _look(self) -> None:
        is_waiting = bool(self._out) and self._finished.empty()
        if self._watch.finds_work_lost(is_waiting):
            if self._has_lost_work:
                raise ClusterUnavailable(
                    "the cluster's workers take no work",
                    where=self._address,
                    fix="look whether they are paused, for want of memory, and at the scheduler's log",
                )
            self._has_lost_work = True
            self._take_back(tuple(self._out), _lost)
        if self._fleet is not None:
            self._follow(self._fleet)

    def _follow(self, fleet: Fleet) -> None:
        """Chunks of workers that are gone or silent go to others; those that waited for a worker go out."""
        if fleet.able:
            for _ in range(len(self._unplaced)):
                self.submit(self._unplaced.popleft())
        if fleet.known:
            stranded = (key for key, out in self._out.items() if not out.able & fleet.known)
            self._take_back(tuple(stranded), _died)
        if silent := fleet.silent():
            try:
                given = processing(self._client)
            except (OSError, TimeoutError):
                return
            held = tuple(key for address in silent for key in given.get(address, ()) if key in self._out)
            self._take_back(held, _silent)

    def _take_back(self, keys: Sequence[str], why: Callable[[], WorkerDied]) -> None:
        """Whatever still comes of them is heard no more; the attempt is fenced before it is published."""
        for key in keys:
            out = self._out.pop(key)
            out.future.release()
            self._lost.append((out.task, why()))

    def _outcome_of(self, task: ChunkTask, future: Any) -> Done:
        from distributed import KilledWorker

        if future.status == "error":
            surprise = future.exception(timeout=_RESULT_S)
            if isinstance(surprise, KilledWorker):
                surprise = self._death(surprise.last_worker)
            if isinstance(surprise, ClusterUnfit):
                raise surprise
            return Done(task=task, surprise=surprise)
        if future.status == "lost":
            return Done(task=task, surprise=_died())  # with its result, before we could fetch it
        if future.status != "finished":
            # We cancel nothing, so the scheduler has let go of our work: it died or was restarted.
            raise self._disconnected()
        try:
            return Done(task=task, outcome=future.result(timeout=_RESULT_S))
        except Exception as error:
            # The chunk is done: what failed is to fetch what it returned.
            if self._client.status != "running":
                raise self._disconnected() from error
            return Done(task=task, surprise=_died())

    def _death(self, worker: Any) -> WorkerDied:
        """worker: distributed's WorkerState, as the scheduler last knew it."""
        try:
            events = self._client.get_events(_OVER_MEMORY)
        except (OSError, TimeoutError):
            events = ()
        if any(event.get("worker") == worker.address for _, event in events):
            return _outgrew(worker.memory_limit)
        return _died()

    def _disconnected(self) -> ClusterUnavailable:
        return ClusterUnavailable(
            "the connection to the Dask scheduler was lost",
            where=self._address,
            fix="look whether it still runs, then run again: what was published stays",
        )


def local_processes(
    run: Callable[[ChunkTask], ChunkOutcome], workers: int, memory_per_worker: int, *, run_id: str
) -> DaskCluster:
    """memory_per_worker: bytes. Raises: ClusterUnavailable."""
    own = start_local_workers(workers, memory_per_worker)
    from distributed import Client

    try:
        client = Client(own.cluster)
        hear_all_workers(client, worker_logs(run_id, of_others=False))
        return DaskCluster(client, run, own=own, closing=(client, own))
    except BaseException:
        own.close(timeout=CLOSE_S)
        raise


def _died() -> WorkerDied:
    return WorkerDied(
        "the worker died while it scored this chunk",
        fix="score the chunk with --cluster inline to see a crash in native code; look for the out-of-memory "
        "killer in the kernel's log, then lower compute.chunk or raise compute.memory_per_worker",
    )


def _outgrew(memory_limit: int) -> WorkerDied:
    return WorkerDied(
        f"the worker outgrew its memory of {memory_limit / 1e6:,.0f} MB while it scored this chunk",
        fix="lower compute.chunk, or raise compute.memory_per_worker",
    )


def _silent() -> WorkerDied:
    return WorkerDied(
        "the worker went silent while it had this chunk",
        fix="look whether its machine stands still, swaps, or lost its network; score with --cluster local",
    )


def _lost() -> WorkerDied:
    return WorkerDied(
        "this chunk was lost between the scheduler and its workers",
        fix="look at the scheduler's log, or run with --cluster local",
    )
