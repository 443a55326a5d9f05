"""The worker processes that a run starts for itself, forked from one preloaded process, and brings back."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager, suppress
from typing import Any

from batch_scorer.core.errors import ClusterUnavailable

_log = logging.getLogger(__name__)
# A worker starts in about a second; one that takes longer than this hangs.
_START_S = 30
# Dask remembers so many of everything it sent, tasks with all that is in them: a thousand unless told.
_LAST_MESSAGES = 20
# Between two questions of a nanny whether its worker is there, which everybody waits for. Dask's own: 0.05.
_ASK_S = 0.005
# For how long a thread of the driver may keep another one waiting. The scheduler is a thread, and a chunk
# comes to its worker by a dozen of its steps: while partitions are prepared, each would wait Python's 0.005.
_SWITCH_S = 0.0005
_SETTINGS: Mapping[str, Any] = {
    "distributed.worker.multiprocessing-method": None,  # the fork server below
    "distributed.worker.profile.enabled": False,
    # A chunk's memory is its own, nothing in it can be spilled, and a paused worker waits for ever.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.scheduler.work-stealing": False,  # chunks are coarse; a steal moves a model load
    "distributed.scheduler.allowed-failures": 0,  # the driver decides about retries
    "distributed.scheduler.active-memory-manager.start": False,  # no result waits for another task
    # Scheduler, nannies and workers ask themselves how they are more often than anybody looks.
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.admin.low-level-log-length": _LAST_MESSAGES,
    "distributed.scheduler.http.routes": [],  # nobody asks, and each process would import them
    "distributed.worker.http.routes": [],
    "distributed.admin.log-format": "%(name)s %(levelname)s %(message)s",
}
# What the fork server imports, in this order.
_PRELOADED = (
    "batch_scorer.execution.clusters.local.apart",
    "batch_scorer.execution.clusters.local.orphans",
    "batch_scorer.execution.clusters.local.one_pool",
    "batch_scorer.execution.clusters.local.kept_heap",
    "batch_scorer.models.scipy_start",
    "batch_scorer.execution.clusters.local.preload",
)
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_DRIVER = "_BATCH_SCORER_DRIVER"  # as `orphans` reads it, which is not imported here
_set_by_us: set[str] = set()  # of these, while there is a fork server


class LocalWorkers:
    """A LocalCluster of our own.

    Its nannies start a worker that died again, as long as they can: one that fails while it starts a
    worker, or whose worker stays away for long, is given up for good, and nobody takes its place.
    """

    def __init__(self, cluster: Any, n_workers: int, switch_s: float) -> None:
        """switch_s: between two threads of this process, once there is no cluster in it any more."""
        self.cluster = cluster
        self.n_workers = n_workers
        self._switch_s = switch_s

    def replace_lost(self, alive: Set[Any]) -> None:
        """Start new workers for those given up. alive: names of the workers that the scheduler knows."""
        lost = set(self.cluster.worker_spec) - alive
        _log.warning("%s of %s workers stayed away: new ones are started", len(lost), self.n_workers)
        for name in lost:
            del self.cluster.worker_spec[name]
        self.cluster.scale(self.n_workers)  # closes what the names belonged to, and starts under new ones

    def close(self, timeout: float) -> None:
        self.cluster.close(timeout=timeout)
        sys.setswitchinterval(self._switch_s)


def start_local_workers(n_workers: int, memory_per_worker: int) -> LocalWorkers:
    """One thread each. memory_per_worker: bytes. Raises: ClusterUnavailable."""
    try:
        start_fork_server()
    except OSError as error:
        raise _unavailable(n_workers, error) from error
    import dask
    from distributed import LocalCluster
    from distributed.nanny import WorkerProcess

    dask.config.set(_SETTINGS)
    WorkerProcess._init_msg_interval = _ASK_S
    switch_s = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    try:
        cluster = LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            memory_limit=memory_per_worker,
            death_timeout=_START_S,
            dashboard_address=None,
            # Any free port for what it serves all the same: two runs on one machine are no accident.
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
            silence_logs=40,
        )
    except (RuntimeError, OSError, TimeoutError) as error:
        sys.setswitchinterval(switch_s)
        raise _unavailable(n_workers, error) from error
    return LocalWorkers(cluster, n_workers, switch_s)


def _unavailable(n_workers: int, error: Exception) -> ClusterUnavailable:
    return ClusterUnavailable(
        f"the {n_workers} local workers did not start: {error}",
        fix="look for limits of memory and processes, or run with --cluster inline",
    )


def start_fork_server() -> None:
    """Start the process that workers are forked from, preloaded, while the driver does other things.

    Must come before the driver itself imports `distributed`, which would set its own preload list. A second
    call changes nothing. Raises: OSError, and nothing is set.
    """
    import multiprocessing as mp
    from multiprocessing import forkserver, resource_tracker

    for name in _ONE_THREAD:
        if name not in os.environ:
            os.environ[name] = "1"
            _set_by_us.add(name)
    mp.set_start_method("forkserver", force=True)
    mp.set_forkserver_preload(list(_PRELOADED))
    try:
        resource_tracker.ensure_running()  # it unblocks what the next line blocks
        os.environ[_DRIVER] = str(os.getpid())
        with _signals_blocked():
            forkserver.ensure_running()
    except OSError:
        _undo()
        raise
    finally:
        os.environ.pop(_DRIVER, None)  # nobody else's child is told of it


def has_begun() -> bool:
    """Whether there is one."""
    if "multiprocessing.forkserver" not in sys.modules:
        return False
    from multiprocessing import forkserver

    server: Any = forkserver._forkserver
    return server._forkserver_pid is not None


def stop_fork_server() -> None:
    """End it where no worker was needed after all, in the middle of its imports perhaps.

    Everything is as it was before: what scores in this process is not told of it.
    """
    if not has_begun():
        return
    from multiprocessing import forkserver

    server: Any = forkserver._forkserver
    with _signals_blocked():  # one in the middle of it would leave half a server
        with suppress(ProcessLookupError):
            os.kill(server._forkserver_pid, signal.SIGKILL)
        with suppress(ChildProcessError):  # whoever started us ignores SIGCHLD, and so do we: nobody waits
            server._stop()
        server._forkserver_pid = None
        _undo()


def _undo() -> None:
    """What was set for it."""
    import multiprocessing as mp

    mp.set_forkserver_preload(["__main__"])  # as Python has it
    mp.set_start_method(None, force=True)
    while _set_by_us:
        os.environ.pop(_set_by_us.pop(), None)


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """For a process that is started or ended meanwhile; ours has them delivered afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
