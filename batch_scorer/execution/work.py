"""One partition on its way through a run: which chunks are out, what came back, what is still awaited."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future

from batch_scorer.core.chunks import (
    NO_ROWS,
    Accounting,
    ChunkCost,
    ChunkFailed,
    ChunkScored,
    ChunkTask,
)
from batch_scorer.core.errors import BatchScorerError
from batch_scorer.core.validation import SuiteVerdict
from batch_scorer.execution.prepare import Prepared


class PartitionWork:
    """Mutable, and owned by the driver loop alone."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.checks: list[Future[SuiteVerdict]] | None = None  # sent when all its chunks are in
        self._waiting = deque(prepared.tasks)
        self._n_out = 0
        self._scored = {scored.chunk.index: scored for scored in prepared.reused}
        self._failures: dict[int, BatchScorerError] = {}

    @property
    def has_more(self) -> bool:
        return bool(self._waiting)

    def next_task(self) -> ChunkTask:
        self._n_out += 1
        return self._waiting.popleft()

    def drop(self, n_chunks: int) -> None:
        """So many of those that are out will not come back: the partition has failed without them."""
        self._n_out -= n_chunks

    def take_scored(self, outcome: ChunkScored) -> None:
        self._n_out -= 1
        self._scored[outcome.chunk.index] = outcome

    def take_failed(self, failed: ChunkFailed) -> None:
        """A failed chunk fails its partition: what has not started need not."""
        self._n_out -= 1
        self._failures[failed.chunk.index] = failed.error
        self._waiting.clear()

    @property
    def is_scored(self) -> bool:
        """Nothing of it is running or waiting to."""
        return self._n_out == 0 and not self._waiting

    @property
    def error(self) -> BatchScorerError | None:
        """Of the first chunk that failed, in row order, so that it does not depend on luck."""
        return self._failures[min(self._failures)] if self._failures else None

    @property
    def chunks(self) -> tuple[ChunkScored, ...]:
        """In row order, whatever order they arrived in."""
        return tuple(self._scored[index] for index in sorted(self._scored))

    @property
    def rows(self) -> Accounting:
        return sum((chunk.rows for chunk in self.chunks), NO_ROWS)

    @property
    def cost(self) -> ChunkCost:
        return sum((chunk.cost for chunk in self.chunks), ChunkCost())

    @property
    def is_checked(self) -> bool:
        return self.checks is not None and all(check.done() for check in self.checks)

    def verdicts(self) -> tuple[SuiteVerdict, ...]:
        return tuple(check.result() for check in self.checks or ())

    def forget_checks(self) -> None:
        for check in self.checks or ():
            check.cancel()
