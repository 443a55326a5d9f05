"""What the driver asks of whatever runs chunks.

A cluster takes tasks and gives back what became of them, in any order. How many are in flight is the
driver's decision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from batch_scorer.core.chunks import ChunkOutcome, ChunkTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """outcome: what the task returned. surprise: what it raised instead, WorkerDied included.

    was_doubled: it ran on a second worker as well, because the first was late; one of them may still write.
    """

    task: ChunkTask
    outcome: ChunkOutcome | None = None
    surprise: BaseException | None = None
    was_doubled: bool = False


class Cluster(Protocol):
    @property
    def slots(self) -> int:
        """How many chunks run at the same time now: workers come and go."""

    def submit(self, task: ChunkTask) -> None:
        """Raises: ClusterUnavailable."""

    def next_done(self, timeout_s: float) -> Done | None:
        """The next finished task, or None when the time is over. Raises: ClusterUnavailable.

        Every task submitted comes back once, even if whoever had it is gone.
        """

    def close(self) -> None: ...
