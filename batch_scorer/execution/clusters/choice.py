"""Where chunks run: in this process, on local processes, or on a Dask scheduler that already runs.

A cluster takes tasks and gives back what became of them, in any order. How many are in flight is the
driver's decision.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable

from batch_scorer.core.chunks import ChunkFailed, ChunkOutcome, ChunkTask
from batch_scorer.core.errors import BatchScorerError, WorkerDied
from batch_scorer.core.surprises import as_internal_error
from batch_scorer.execution.clusters.protocol import Cluster, Done

# Below this many rows, starting processes costs more than they save.
SMALL_PLAN_ROWS = 1_500_000
_SCHEDULER = re.compile(r"[a-z]+://(\[[0-9a-fA-F:.%]+\]|[^\s:/@]+):[0-9]{1,5}/?")


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
    run_id: str,
) -> Cluster:
    """spec: inline, local or tcp://host:port. run_id: workers log for it. Raises: ClusterUnavailable."""
    if spec == "inline":
        return InlineCluster(run)
    from batch_scorer.execution.clusters.dask import connected, local_processes

    if spec == "local":
        return local_processes(run, workers or os.cpu_count() or 1, memory_per_worker, run_id=run_id)
    return connected(spec, run, run_id=run_id)


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
