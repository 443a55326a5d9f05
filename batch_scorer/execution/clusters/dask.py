"""Chunks on Dask workers, local processes of our own or not.

A future is released as soon as its outcome is here: a dying worker takes as little as possible with it.
"""

from __future__ import annotations

import logging
import queue
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from batch_scorer.core import collector
from batch_scorer.core.chunks import ChunkFailed, ChunkOutcome, ChunkTask
from batch_scorer.core.errors import ClusterUnavailable, ClusterUnfit, WorkerDied
from batch_scorer.core.partitions import Partition
from batch_scorer.execution.clusters import deaths
from batch_scorer.execution.clusters.bundles import members
from batch_scorer.execution.clusters.local.workers import LocalWorkers, start_local_workers
from batch_scorer.execution.clusters.pace import Pace
from batch_scorer.execution.clusters.protocol import Done
from batch_scorer.execution.clusters.remote.fleet import Fleet
from batch_scorer.execution.clusters.watch import PATIENCE, Patience, Watch, all_of, processing
from batch_scorer.execution.clusters.worker_logs import hear_all_workers, worker_logs

_log = logging.getLogger(__name__)
_RESULT_S = 10.0  # for a few hundred bytes; meanwhile the driver hears no signal
CLOSE_S = 10
_DOUBLE_S = 1.0  # between two looks for workers without work
_OVER_MEMORY = "worker-restart-memory"  # the topic under which nannies tell the scheduler


class Closable(Protocol):
    def close(self, timeout: float) -> object: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Out:
    """A task that is out. able: the workers that it may run on; none named: any. sent_at: time.monotonic().

    twin: the key of its other try, where it was late and went to a second worker as well.
    """

    task: ChunkTask
    future: Any
    able: frozenset[str]
    sent_at: float
    twin: str | None = None


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
        self._lost: deque[Done] = deque()
        self._has_lost_work = False
        self._pace = Pace()
        self._doubled_at = time.monotonic()
        self._suspects: set[tuple[Partition, int]] = set()
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
        self._send(task, self._fleet.able if self._fleet else None)

    def next_done(self, timeout_s: float) -> Done | None:
        self._look()
        if self._lost:
            return self._noted(self._lost.popleft())
        try:
            key = self._finished.get(timeout=timeout_s)
        except queue.Empty:
            if self._client.status != "running":
                raise self._disconnected() from None
            return None
        if key not in self._out:
            return None  # given up as lost before, or its other try was faster
        out = self._out.pop(key)
        try:
            done = self._outcome_of(out.task, out.future)
        finally:
            out.future.release()
        if self._fleet is not None and isinstance(done.surprise, WorkerDied):
            self._fleet.look_again()
        self._has_lost_work = False
        if out.twin in self._out:
            if _may_pass(done):
                return None  # its other try is the one that comes after
            self._out.pop(out.twin).future.release()
        if done.surprise is None:
            self._pace.took(time.monotonic() - out.sent_at, _n_rows(out.task))
        return self._noted(replace(done, was_doubled=out.twin is not None))

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
            self._take_back(tuple(self._out), deaths.lost)
        if self._fleet is not None:
            self._follow(self._fleet)

    def _follow(self, fleet: Fleet) -> None:
        """Chunks of workers that are gone or silent go to others; those that waited for a worker go out."""
        if fleet.able:
            for _ in range(len(self._unplaced)):
                self.submit(self._unplaced.popleft())
        if fleet.known:
            stranded = (key for key, out in self._out.items() if not out.able & fleet.known)
            self._take_back(tuple(stranded), deaths.died)
        if silent := fleet.silent():
            try:
                given = processing(self._client)
            except (OSError, TimeoutError):
                return
            held = tuple(key for address in silent for key in given.get(address, ()) if key in self._out)
            self._take_back(held, deaths.silent)
        self._double_late(fleet)

    def _noted(self, done: Done) -> Done:
        if _may_have_killed(done):
            self._suspects.update(_keys(done.task))
        return done

    def _double_late(self, fleet: Fleet) -> None:
        """Late chunks go to workers that have nothing to do as well; who is back first counts.

        But never one that may have killed its worker: it must be alone, for two of it may be too much for a
        machine that has room for one.
        """
        now = time.monotonic()
        if len(self._out) >= self.slots or now - self._doubled_at < _DOUBLE_S:
            return
        late = [
            key
            for key, out in self._out.items()
            if out.twin is None
            and self._suspects.isdisjoint(_keys(out.task))
            and self._pace.is_late(now - out.sent_at, _n_rows(out.task))
        ]
        if not late:
            return
        self._doubled_at = now
        try:
            given = processing(self._client)
        except (OSError, TimeoutError):
            return
        idle = (address for address in fleet.able if not given.get(address))
        for key, address in zip(late, idle, strict=False):
            self._double(key, address)

    def _double(self, key: str, address: str) -> None:
        late = self._out[key]
        chunk = late.task.chunk
        _log.warning("chunk %s of %s is late: it runs on %s as well", chunk.index, chunk.partition, address)
        self._out[key] = replace(late, twin=self._send(late.task, (address,), twin=key))

    def _send(self, task: ChunkTask, able: Sequence[str] | None, twin: str | None = None) -> str:
        """able: the workers that may have it; None: any. Returns: its key."""
        # pure=False: the same chunk submitted again must run again, under a new staging name.
        future = self._client.submit(self._run, task, pure=False, retries=0, workers=able)
        self._out[future.key] = _Out(
            task=task, future=future, able=frozenset(able or ()), sent_at=time.monotonic(), twin=twin
        )
        future.add_done_callback(lambda done: self._finished.put(done.key))
        return str(future.key)

    def _take_back(self, keys: Sequence[str], why: Callable[[], WorkerDied]) -> None:
        """Whatever still comes of them is heard no more; the attempt is fenced before it is published."""
        for key in keys:
            out = self._out.pop(key)
            out.future.release()
            if out.twin not in self._out:
                was_doubled = out.twin is not None
                self._lost.append(Done(task=out.task, surprise=why(), was_doubled=was_doubled))

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
            return Done(task=task, surprise=deaths.died())  # with its result, before we could fetch it
        if future.status != "finished":
            # We cancel nothing, so the scheduler has let go of our work: it died or was restarted.
            raise self._disconnected()
        try:
            return Done(task=task, outcome=future.result(timeout=_RESULT_S))
        except Exception as error:
            # The chunk is done: what failed is to fetch what it returned.
            if self._client.status != "running":
                raise self._disconnected() from error
            return Done(task=task, surprise=deaths.died())

    def _death(self, worker: Any) -> WorkerDied:
        """worker: distributed's WorkerState, as the scheduler last knew it."""
        try:
            events = self._client.get_events(_OVER_MEMORY)
        except (OSError, TimeoutError):
            events = ()
        if any(event.get("worker") == worker.address for _, event in events):
            return deaths.outgrew(worker.memory_limit)
        return deaths.died()

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


def _may_pass(done: Done) -> bool:
    """What became of one try need not become of another."""
    if isinstance(done.outcome, ChunkFailed):
        return done.outcome.error.retryable
    return _may_have_killed(done)


def _may_have_killed(done: Done) -> bool:
    """Its worker died, or had not enough memory for it: from now on it is a suspect."""
    return isinstance(done.surprise, WorkerDied | MemoryError)


def _keys(task: ChunkTask) -> Iterator[tuple[Partition, int]]:
    return ((member.chunk.partition, member.chunk.index) for member in members(task))


def _n_rows(task: ChunkTask) -> int:
    return sum(member.chunk.n_rows for member in members(task))
