"""What travels to a worker, by name: importing it costs nothing, running it imports what scoring needs.

So a driver with worker processes never pays for pandas and scikit-learn itself.
"""

from __future__ import annotations

from batch_scorer.core import collector
from batch_scorer.core.chunks import (
    ChunkChecked,
    ChunkFailed,
    ChunkOutcome,
    ChunkScored,
    ChunksDone,
    ChunkTask,
)
from batch_scorer.core.errors import BatchScorerError
from batch_scorer.execution.clusters.bundles import members
from batch_scorer.ops.logs import logging_task


def run_chunk(task: ChunkTask) -> ChunkOutcome:
    """Score one chunk, and those that go along with it, here and now; see `execution.chunk`."""
    with logging_task(task.output.run_id):
        if task.along:
            return ChunksDone(outcomes=tuple(map(_one_of_several, members(task))))
        return _run(task)


def _run(task: ChunkTask) -> ChunkScored | ChunkChecked | ChunkFailed:
    import batch_scorer.models.scipy_start  # noqa: F401 (before scikit-learn)
    from batch_scorer.execution.chunk import score_chunk

    collector.has_started()
    return score_chunk(task)


def _one_of_several(task: ChunkTask) -> ChunkScored | ChunkChecked | ChunkFailed:
    """A surprise is that of its own chunk: the others have theirs."""
    try:
        return _run(task)
    except BatchScorerError:
        raise  # an expected failure would have come back as data: this one is the worker's
    except Exception as surprise:
        from batch_scorer.execution.clusters.choice import failure_of

        return failure_of(task, surprise)
