"""Where chunks run: in this process, on local processes, or on a Dask scheduler that already runs.

A cluster takes tasks and gives back what became of them, in any order. How many are in flight is the
driver's decision; a future is released as soon as its outcome is here, so that a dying worker
takes as little as possible with it.
"""

from __future__ import annotations

import logging
import os
import queue
import re
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from batch_scorer.core.chunks import ChunkOutcome, ChunkTask
from batch_scorer.core.errors import ClusterUnavailable, WorkerDied

_log = logging.getLogger(__name__)
# Below this many rows, starting processes costs more than they save.
SMALL_PLAN_ROWS = 1_500_000
_NO_WORKERS_S = 60.0
_ANSWER_S = 5.0
_RESULT_S = 60.0
_SCHEDULER = re.compile(r"[a-z]+://(\[[0-9a-fA-F:.%]+\]|[^\s:/@]+):[0-9]{1,5}/?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """outcome: what the task returned. surprise: what it raised instead, WorkerDied included."""

    task: ChunkTask
    outcome: ChunkOutcome | None = None
    surprise: BaseException | None = None


class Cluster(Protocol):
    """slots: how many chunks run at the same time."""

    slots: int

    def submit(self, task: ChunkTask) -> None:
        """Raises: ClusterUnavailable."""

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
        self._address = str(client.scheduler.address)
        self._done: queue.SimpleQueue[tuple[ChunkTask, Any]] = queue.SimpleQueue()
        self._alone_since: float | None = None
        self.slots = max(1, sum(client.nthreads().values()))

    def submit(self, task: ChunkTask) -> None:
        if self._client.status != "running":
            raise self._lost()
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
            return self._outcome_of(task, future)
        finally:
            future.release()

    def close(self) -> None:
        """Whatever the other side does: what is left of a cluster must not hide how the run ended."""
        for part in (self._client, self._own):
            try:
                if part is not None:
                    part.close(timeout=10)
            except Exception as error:
                _log.warning("the cluster did not close: %s", error)

    def _outcome_of(self, task: ChunkTask, future: Any) -> Done:
        from distributed import KilledWorker

        if future.status == "error":
            surprise = future.exception(timeout=_RESULT_S)
            return Done(
                task=task, surprise=_worker_died() if isinstance(surprise, KilledWorker) else surprise
            )
        if future.status != "finished":
            # We cancel nothing, so the scheduler has let go of our work: it died or was restarted.
            raise self._lost()
        try:
            return Done(task=task, outcome=future.result(timeout=_RESULT_S))
        except Exception as error:
            # The chunk is done: what failed is to fetch what it returned.
            if self._client.status != "running":
                raise self._lost() from error
            return Done(task=task, surprise=_worker_died())

    def _lost(self) -> ClusterUnavailable:
        return ClusterUnavailable(
            "the connection to the Dask scheduler was lost",
            where=self._address,
            fix="look whether it still runs, then run again: what was published stays",
        )

    def _watch_workers(self) -> None:
        """A cluster that lost its last worker never finishes anything: say so instead of waiting."""
        if self._client.status != "running":
            raise self._lost()
        if self._has_workers():
            self._alone_since = None
            return
        now = time.monotonic()
        self._alone_since = self._alone_since or now
        if now - self._alone_since > _NO_WORKERS_S:
            raise ClusterUnavailable(
                f"no worker answered for {_NO_WORKERS_S:.0f} s",
                where=self._address,
                fix="look at the workers' logs, or run with --cluster inline",
            )

    def _has_workers(self) -> bool:
        try:
            return bool(self._client.nthreads(callback_timeout=_ANSWER_S))
        except (OSError, TimeoutError):  # a scheduler that hangs
            return False


def _worker_died() -> WorkerDied:
    return WorkerDied(
        "the worker died while it scored this chunk",
        fix="look for the out-of-memory killer; lower compute.chunk or raise compute.memory_per_worker",
    )


def choose(spec: str, *, n_rows: int, n_chunks: int) -> str:
    """What `auto` means for a plan of this size; any other spec is returned as it is."""
    if spec != "auto":
        return spec
    return "inline" if n_rows <= SMALL_PLAN_ROWS or n_chunks < 2 else "local"


def check_address(spec: str) -> None:
    """Nothing is looked up. Raises: ValueError, when spec has a `://` and no host and port."""
    if "://" not in spec:
        return
    if not _SCHEDULER.fullmatch(spec):
        raise ValueError(f'"{spec}" is no scheduler address: it needs a host and a port, tcp://host:port')


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
    from multiprocessing import forkserver, resource_tracker

    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    mp.set_start_method("forkserver", force=True)
    mp.set_forkserver_preload(["batch_scorer.execution.apart", "batch_scorer.execution.preload"])
    resource_tracker.ensure_running()  # it unblocks what the next line blocks
    with _signals_blocked():
        forkserver.ensure_running()


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """For a process that is started meanwhile; ours has them delivered afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


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
    try:
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=memory_per_worker,
            dashboard_address=None,
            silence_logs=40,
        )
    except (RuntimeError, OSError, TimeoutError) as error:
        raise ClusterUnavailable(
            f"the {workers} local workers did not start: {error}",
            fix="look for limits of memory and processes, or run with --cluster inline",
        ) from error
    try:
        return DaskCluster(Client(cluster), run, own=cluster)
    except BaseException:
        cluster.close(timeout=10)
        raise


def _running_scheduler(address: str, run: Callable[[ChunkTask], ChunkOutcome]) -> Cluster:
    from distributed import Client

    try:
        client = Client(address, timeout=10, set_as_default=False)
    except (OSError, TimeoutError, TypeError) as error:  # TypeError: tls:// and no certificate
        raise _no_answer(address, error) from None
    try:
        client.get_versions(check=True)
        return DaskCluster(client, run)
    except ValueError as error:
        client.close(timeout=10)
        raise ClusterUnavailable(
            f"the cluster at {address} runs other versions: {error}",
            where=address,
            fix="install the same versions of dask, distributed and Python on both sides",
        ) from None
    except (OSError, TimeoutError) as error:
        client.close(timeout=10)
        raise _no_answer(address, error) from None


def _no_answer(address: str, error: Exception) -> ClusterUnavailable:
    return ClusterUnavailable(
        f"no Dask scheduler answers at {address}: {error}",
        where=address,
        fix="start it, or run with --cluster local",
    )
