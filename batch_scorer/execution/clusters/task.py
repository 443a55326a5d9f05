"""What travels to a worker, by name: importing it costs nothing, running it imports what scoring needs.

So a driver with worker processes never pays for pandas and scikit-learn itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from batch_scorer.core import collector
from batch_scorer.core.chunks import (
    ChunkChecked,
    ChunkFailed,
    ChunkOutcome,
    ChunkScored,
    ChunksDone,
    ChunkTask,
)
from batch_scorer.execution.clusters.bundles import members
from batch_scorer.ops.logs import logging_task


def run_chunk(task: ChunkTask) -> ChunkOutcome:
    """Score one chunk, and those that go along with it, here and now; see `execution.chunk_task`."""
    with logging_task(task.output.run_id):
        tasks = members(task)
        results = _run(tasks)
        if task.along:
            return ChunksDone(outcomes=tuple(map(_one_of_several, tasks, results)))
        (result,) = results
        if isinstance(result, Exception):
            raise result
        return result


def _run(tasks: Sequence[ChunkTask]) -> Sequence[ChunkScored | ChunkChecked | ChunkFailed | Exception]:
    import batch_scorer.models.scipy_start  # noqa: F401 (before scikit-learn)
    from batch_scorer.execution.chunk_task import score_chunks

    collector.has_started()
    return score_chunks(tasks)


def _one_of_several(
    task: ChunkTask, result: ChunkScored | ChunkChecked | ChunkFailed | Exception
) -> ChunkScored | ChunkChecked | ChunkFailed:
    """A surprise is that of its own chunk: the others have theirs."""
    if not isinstance(result, Exception):
        return result
    from batch_scorer.execution.clusters.choice import failure_of

    return failure_of(task, result)
