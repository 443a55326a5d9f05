"""Several short chunks as one task of a cluster, and what became of each.

The cluster sees a task like any other. What a bundle's worker dies of is not known to be any one of its
chunks: each comes back as lost, and goes out again alone, as the window decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from batch_scorer.core.chunks import ChunksDone, ChunkTask
from batch_scorer.execution.clusters.protocol import Done


def together(tasks: Sequence[ChunkTask]) -> ChunkTask:
    """tasks: at least one, none of them a bundle."""
    first, *others = tasks
    return replace(first, along=tuple(others)) if others else first


def members(task: ChunkTask) -> tuple[ChunkTask, ...]:
    """The tasks that were put together; of one that is no bundle, itself."""
    return (replace(task, along=()), *task.along) if task.along else (task,)


def apart(done: Done) -> tuple[Done, ...]:
    """For each member what became of it."""
    tasks = members(done.task)
    match done.outcome:
        case ChunksDone(outcomes=outcomes):
            return tuple(
                replace(done, task=task, outcome=outcome)
                for task, outcome in zip(tasks, outcomes, strict=True)
            )
        case _:
            return tuple(replace(done, task=task) for task in tasks)
