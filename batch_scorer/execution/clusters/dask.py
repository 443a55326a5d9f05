"""Chunks on Dask workers: on local processes of our own, or on a scheduler that already runs.

A future is released as soon as its outcome is here: a dying worker takes as little as possible with it.
"""

from __future__ import annotations

import logging
import queue
from collections import deque
from collections.abc import Callable
from typing import Any

from batch_scorer.core.chunks import ChunkOutcome, ChunkTask
from batch_scorer.core.errors import ClusterUnavailable, WorkerDied
from batch_scorer.execution.clusters.local_workers import LocalWorkers, start_local_workers
from batch_scorer.execution.clusters.protocol import Done
from batch_scorer.execution.clusters.watch import PATIENCE, Watch
from batch_scorer.execution.clusters.worker_logs import hear_workers, leave_workers

_log = logging.getLogger(__name__)
_RESULT_S = 10.0  # for a few hundred bytes; meanwhile the driver hears no signal
_CLOSE_S = 10
_OVER_MEMORY = "worker-restart-memory"  # the topic under which nannies tell the scheduler


class DaskCluster:
    """Runs tasks on a `distributed` client. own: the local workers to close with it, if they are ours."""

    def __init__(
        self,
        client: Any,
        run: Callable[[ChunkTask], ChunkOutcome],
        own: LocalWorkers | None = None,
        *,
        run_id: str,
    ) -> None:
        self._client = client
        self._topic = f"batch-scorer-logs-{run_id}"
        hear_workers(client, self._topic, run_id=None if own else run_id)
        self._run = run
        self._own = own
        self._address = str(client.scheduler.address)
        self._watch = Watch(client, own, PATIENCE)
        self._out: dict[str, tuple[ChunkTask, Any]] = {}
        self._finished: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._lost: deque[ChunkTask] = deque()
        self._has_lost_work = False
        self.slots = max(1, sum(client.nthreads().values()))

    def submit(self, task: ChunkTask) -> None:
        if self._client.status != "running":
            raise self._disconnected()
        # pure=False: the same chunk submitted again must run again, under a new staging name.
        future = self._client.submit(self._run, task, pure=False, retries=0)
        self._out[future.key] = task, future
        future.add_done_callback(lambda done: self._finished.put(done.key))

    def next_done(self, timeout_s: float) -> Done | None:
        self._look()
        if self._lost:
            return Done(task=self._lost.popleft(), surprise=_lost())
        try:
            key = self._finished.get(timeout=timeout_s)
        except queue.Empty:
            if self._client.status != "running":
                raise self._disconnected() from None
            return None
        if key not in self._out:
            return None  # given up as lost before
        task, future = self._out.pop(key)
        try:
            done = self._outcome_of(task, future)
        finally:
            future.release()
        self._has_lost_work = False
        return done

    def close(self) -> None:
        """Whatever the other side does: what is left of a cluster must not hide how the run ended."""
        if self._own is None and self._client.status == "running":
            leave_workers(self._client, self._topic)
        for part in (self._client, self._own):
            try:
                if part is not None:
                    part.close(timeout=_CLOSE_S)
            except Exception as error:
                _log.warning("the cluster did not close: %s", error)

    def _look(self) -> None:
        is_waiting = bool(self._out) and self._finished.empty()
        if not self._watch.finds_work_lost(is_waiting):
            return
        if self._has_lost_work:
            raise ClusterUnavailable(
                "the cluster's workers take no work",
                where=self._address,
                fix="look whether they are paused, for want of memory, and at the scheduler's log",
            )
        self._has_lost_work = True
        for task, future in self._out.values():
            future.release()
            self._lost.append(task)
        self._out.clear()

    def _outcome_of(self, task: ChunkTask, future: Any) -> Done:
        from distributed import KilledWorker

        if future.status == "error":
            surprise = future.exception(timeout=_RESULT_S)
            if isinstance(surprise, KilledWorker):
                surprise = self._death(surprise.last_worker)
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
        return DaskCluster(Client(own.cluster), run, own=own, run_id=run_id)
    except BaseException:
        own.close(timeout=_CLOSE_S)
        raise


def connected(address: str, run: Callable[[ChunkTask], ChunkOutcome], *, run_id: str) -> DaskCluster:
    """On a scheduler that already runs. Raises: ClusterUnavailable."""
    from distributed import Client

    try:
        client = Client(address, timeout=10, set_as_default=False)
    except (OSError, TimeoutError, TypeError) as error:  # TypeError: tls:// and no certificate
        raise _no_answer(address, error) from None
    try:
        client.get_versions(check=True)
        return DaskCluster(client, run, run_id=run_id)
    except ValueError as error:
        client.close(timeout=_CLOSE_S)
        raise ClusterUnavailable(
            f"the cluster at {address} runs other versions: {error}",
            where=address,
            fix="install the same versions of dask, distributed and Python on both sides",
        ) from None
    except (OSError, TimeoutError) as error:
        client.close(timeout=_CLOSE_S)
        raise _no_answer(address, error) from None


def _no_answer(address: str, error: Exception) -> ClusterUnavailable:
    return ClusterUnavailable(
        f"no Dask scheduler answers at {address}: {error}",
        where=address,
        fix="start it, or run with --cluster local",
    )


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


def _lost() -> WorkerDied:
    return WorkerDied(
        "this chunk was lost between the scheduler and its workers",
        fix="look at the scheduler's log, or run with --cluster local",
    )
