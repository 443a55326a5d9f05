"""Where chunks run: in this process, on local processes, or on a Dask scheduler that already runs.

A cluster takes tasks and gives back what became of them, in any order. How many are in flight is the
driver's decision; a future is released as soon as its outcome is here, so that a dying worker
takes as little as possible with it.
"""

from __future__ import annotations

import os
import queue
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from batch_scorer.core.chunks import ChunkOutcome, ChunkTask
from batch_scorer.core.errors import ClusterUnavailable

# Below this many rows, starting processes costs more than they save.
SMALL_PLAN_ROWS = 1_500_000
_NO_WORKERS_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """outcome: what the task returned. surprise: what it raised instead, a dead worker included."""

    task: ChunkTask
    outcome: ChunkOutcome | None = None
    surprise: BaseException | None = None


class Cluster(Protocol):
    """slots: how many chunks run at the same time."""

    slots: int

    def submit(self, task: ChunkTask) -> None: ...

    def next_done(self, timeout_s: float) -> Done | None:
        """The next finished task, or None when the time is over. Raises: ClusterUnavailable."""

    def close(self) -> None: ...


class InlineCluster:
    """Runs each task in the calling thread when its outcome is asked for."""

    slots = 1

    def __init__(self, run: Callable[[ChunkTask], ChunkOutcome]) -> None:
        self._run = run
        self._waiting: deque[ChunkTask] = deque()

    def submit(self, task: ChunkTask) -> None:
        self._waiting.append(task)

    def next_done(self, timeout_s: float) -> Done | None:  # noqa: ARG002 (it never waits)
        if not self._waiting:
            return None
        task = self._waiting.popleft()
        try:
            return Done(task=task, outcome=self._run(task))
        except Exception as surprise:
            return Done(task=task, surprise=surprise)

    def close(self) -> None:
        self._waiting.clear()


class DaskCluster:
    """Runs tasks on a `distributed` client. own: the LocalCluster to close with it, if it is ours."""

    def __init__(self, client: Any, run: Callable[[ChunkTask], ChunkOutcome], own: Any | None = None) -> None:
        self._client = client
        self._run = run
        self._own = own
        self._done: queue.SimpleQueue[tuple[ChunkTask, Any]] = queue.SimpleQueue()
        self._alone_since: float | None = None
        self.slots = max(1, sum(client.nthreads().values()))

    def submit(self, task: ChunkTask) -> None:
        # pure=False: the same chunk submitted again must run again, under a new staging name.
        future = self._client.submit(self._run, task, pure=False, retries=0)
        future.add_done_callback(lambda done: self._done.put((task, done)))

    def next_done(self, timeout_s: float) -> Done | None:
        try:
            task, future = self._done.get(timeout=timeout_s)
        except queue.Empty:
            self._watch_workers()
            return None
        self._alone_since = None
        try:
            return Done(task=task, outcome=future.result(timeout=60))
        except Exception as surprise:
            return Done(task=task, surprise=surprise)
        finally:
            future.release()

    def close(self) -> None:
        self._client.close(timeout=10)
        if self._own is not None:
            self._own.close(timeout=10)

    def _watch_workers(self) -> None:
        """A cluster that lost its last worker never finishes anything: say so instead of waiting."""
        if self._client.status == "running" and self._client.nthreads():
            self._alone_since = None
            return
        now = time.monotonic()
        self._alone_since = self._alone_since or now
        if now - self._alone_since > _NO_WORKERS_S:
            raise ClusterUnavailable(
                f"no worker answered for {_NO_WORKERS_S:.0f} s",
                where=str(self._client),
                fix="look at the workers' logs, or run with --cluster inline",
            )


def choose(spec: str, *, n_rows: int, n_chunks: int) -> str:
    """What `auto` means for a plan of this size; any other spec is returned as it is."""
    if spec != "auto":
        return spec
    return "inline" if n_rows <= SMALL_PLAN_ROWS or n_chunks < 2 else "local"


def open_cluster(
    spec: str,
    run: Callable[[ChunkTask], ChunkOutcome],
    *,
    workers: int | None,
    memory_per_worker: int,
) -> Cluster:
    """spec: inline, local or tcp://host:port. Raises: ClusterUnavailable."""
    if spec == "inline":
        return InlineCluster(run)
    if spec == "local":
        return _local_processes(run, workers or os.cpu_count() or 1, memory_per_worker)
    return _running_scheduler(spec, run)


def start_fork_server() -> None:
    """Start the process that workers are forked from, preloaded, while the driver does other things.

    Must come before the driver itself imports `distributed`, which would set its own preload list.
    """
    import multiprocessing as mp
    from multiprocessing import forkserver

    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    mp.set_start_method("forkserver", force=True)
    mp.set_forkserver_preload(["batch_scorer.execution.preload"])
    forkserver.ensure_running()


def _local_processes(
    run: Callable[[ChunkTask], ChunkOutcome], workers: int, memory_per_worker: int
) -> Cluster:
    start_fork_server()
    import dask
    from distributed import Client, LocalCluster

    dask.config.set(
        {
            "distributed.worker.multiprocessing-method": None,  # the fork server above
            "distributed.worker.profile.enabled": False,
            "distributed.scheduler.work-stealing": False,  # chunks are coarse; a steal moves a model load
            "distributed.scheduler.allowed-failures": 0,  # the driver decides about retries
            "distributed.admin.log-format": "%(name)s %(levelname)s %(message)s",
        }
    )
    cluster = LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        memory_limit=memory_per_worker,
        dashboard_address=None,
        silence_logs=40,
    )
    return DaskCluster(Client(cluster), run, own=cluster)


def _running_scheduler(address: str, run: Callable[[ChunkTask], ChunkOutcome]) -> Cluster:
    from distributed import Client

    try:
        client = Client(address, timeout=10, set_as_default=False)
        client.get_versions(check=True)
    except (OSError, TimeoutError) as error:
        raise ClusterUnavailable(
            f"no Dask scheduler answers at {address}: {error}",
            where=address,
            fix="start it, or run with --cluster local",
        ) from None
    except ValueError as error:
        raise ClusterUnavailable(
            f"the cluster at {address} runs other versions: {error}",
            where=address,
            fix="install the same versions of dask, distributed and Python on both sides",
        ) from None
    return DaskCluster(client, run)
