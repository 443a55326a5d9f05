"""Where chunks run: in this process, on local processes, on a Dask scheduler that already runs, or on a Dask
cluster that is started for the run.

A cluster takes tasks and gives back what became of them, in any order. How many are in flight is the
driver's decision.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from batch_scorer.config.clusters import ClusterClass
from batch_scorer.core.chunks import ChunkFailed, ChunkOutcome, ChunkTask
from batch_scorer.core.errors import BatchScorerError, WorkerDied
from batch_scorer.core.machine import usable_cpus
from batch_scorer.core.surprises import as_internal_error
from batch_scorer.execution.clusters.protocol import Cluster, Done

if TYPE_CHECKING:
    from batch_scorer.execution.clusters.remote.needs import WorkerNeeds

# Below this many rows, starting processes costs more than they save.
SMALL_PLAN_ROWS = 1_500_000


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


def choose(spec: str | ClusterClass, *, n_rows: int, n_chunks: int) -> str | ClusterClass:
    """What `auto` means for a plan of this size; any other spec is returned as it is."""
    if spec != "auto":
        return spec
    return "inline" if n_rows <= SMALL_PLAN_ROWS or n_chunks < 2 else "local"


def open_cluster(
    spec: str | ClusterClass,
    run: Callable[[ChunkTask], ChunkOutcome],
    *,
    workers: int | None,
    memory_per_worker: int,
    run_id: str,
    needs: Callable[[], WorkerNeeds],
    check_stop: Callable[[], None],
) -> Cluster:
    """spec: inline, local, tcp://host:port or a class. run_id: workers log for it.

    needs: what workers that are not ours must have; asked for only if there are any. check_stop: raises when
    the run is to end. Raises: ClusterUnavailable, ClusterUnfit, ConfigInvalid, and what these two raise.
    """
    if spec == "inline":
        return InlineCluster(run)
    import batch_scorer.execution.clusters.dask_start  # noqa: F401 (before whatever imports Dask)

    if spec == "local":
        from batch_scorer.execution.clusters.dask import local_processes

        return local_processes(run, workers or usable_cpus(), memory_per_worker, run_id=run_id)
    from batch_scorer.execution.clusters.remote.enlisting import connected, of_class

    if isinstance(spec, ClusterClass):
        return of_class(spec, run, workers=workers, needs=needs, run_id=run_id, check_stop=check_stop)
    return connected(spec, run, needs=needs, run_id=run_id)


def failure_of(task: ChunkTask, surprise: BaseException) -> ChunkFailed:
    """What nobody expected of a chunk: a dead worker or too little memory is the chunk's, the rest a bug."""
    chunk = task.chunk
    first, last = chunk.row_groups[0], chunk.row_groups[-1]
    groups = f"row group {first}" if first == last else f"row groups {first}–{last}"
    where = f"{chunk.file.path}, {groups}"
    error: BatchScorerError
    if isinstance(surprise, WorkerDied):
        surprise.where = where
        error = surprise
    elif isinstance(surprise, MemoryError):  # Arrow's and NumPy's are among them
        error = WorkerDied(
            f"there was not enough memory for this chunk: {surprise or type(surprise).__name__}",
            where=where,
            fix="lower compute.chunk, or raise compute.memory_per_worker",
        )
    else:
        error = as_internal_error(surprise, where=where)
    return ChunkFailed(chunk=chunk, error=error, worker="?")
