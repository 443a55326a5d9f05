"""What travels to a worker, by name: importing it costs nothing, running it imports what scoring needs.

So a driver with worker processes never pays for pandas and scikit-learn itself.
"""

from __future__ import annotations

from batch_scorer.core.chunks import ChunkOutcome, ChunkTask
from batch_scorer.ops.logs import logging_task


def run_chunk(task: ChunkTask) -> ChunkOutcome:
    """Score one chunk, here and now; see `execution.chunk`."""
    from batch_scorer.execution.chunk import score_chunk

    with logging_task(task.output.run_id):
        return score_chunk(task)
