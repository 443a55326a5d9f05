"""One partition on its way through a run: which chunks are out, what came back, what is still awaited."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from dataclasses import replace

from batch_scorer.core.chunks import (
    NO_ROWS,
    Accounting,
    ChunkChecked,
    ChunkCost,
    ChunkFailed,
    ChunkScored,
    ChunkTask,
)
from batch_scorer.core.errors import BatchScorerError
from batch_scorer.core.validation import NONE_ASIDE, SetAside, SuiteVerdict
from batch_scorer.execution.foregone import Foregone
from batch_scorer.execution.prepare import Prepared
from batch_scorer.execution.tempo import Tempo
from batch_scorer.planning.bundles import share


class PartitionWork:
    """Mutable, and owned by the driver loop alone."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.checks: list[Future[SuiteVerdict]] | None = None  # sent when all its chunks are in
        self.all_in_at = 0.0  # when that was, in seconds of time.perf_counter
        self._waiting = deque(prepared.tasks)
        self._most_rows = max((task.chunk.n_rows for task in prepared.tasks), default=0)
        self._n_out = 0
        self.foregone: str | None = prepared.foregone
        chunks = [task.chunk for task in prepared.tasks] + [scored.chunk for scored in prepared.reused]
        self._counts = Foregone(prepared.decisive, sum(chunk.n_rows for chunk in chunks))
        self._checked: dict[int, ChunkChecked] = {}
        self._scored = {scored.chunk.index: scored for scored in prepared.reused}
        self._failures: dict[int, BatchScorerError] = {}
        self._own_cost = ChunkCost()

    def share(self, tempo: Tempo) -> float:
        """How much of a bundle each of its chunks fills, by the largest; see planning.bundles."""
        return share(
            seconds=tempo.seconds(self._most_rows),
            n_bytes=self.prepared.found.n_bytes,
            n_chunks=len(self.prepared.tasks),
        )

    def size(self, tempo: Tempo) -> float:
        """How much of a bundle all of it fills, at most one; with nothing left to score it fills one, too."""
        return min(1.0, len(self.prepared.tasks) * self.share(tempo)) or 1.0

    @property
    def n_waiting(self) -> int:
        """Chunks that have not gone out."""
        return len(self._waiting)

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
        self._look_ahead(outcome)

    def take_checked(self, outcome: ChunkChecked) -> None:
        self._n_out -= 1
        self._checked[outcome.chunk.index] = outcome

    def _look_ahead(self, outcome: ChunkScored) -> None:
        """Once a rule is certain to block, what has not started is validated only."""
        rule = self._counts.take(outcome.scanned)
        if rule is not None and self.foregone is None:
            self.foregone = rule
            self._waiting = deque(replace(task, only_checks=True) for task in self._waiting)

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
    def scanned(self) -> tuple[ChunkScored | ChunkChecked, ...]:
        """Every chunk, in row order."""
        both: dict[int, ChunkScored | ChunkChecked] = {**self._scored, **self._checked}
        return tuple(both[index] for index in sorted(both))

    @property
    def n_read(self) -> int:
        return self.rows.n_read + sum(chunk.n_read for chunk in self._checked.values())

    @property
    def accounted(self) -> Accounting | None:
        """Where every row went; None when some were not scored because it would have been in vain."""
        return None if self._checked else self.rows

    @property
    def rows(self) -> Accounting:
        return sum((chunk.rows for chunk in self.chunks), NO_ROWS)

    @property
    def set_aside(self) -> dict[str, SetAside]:
        """By suite."""
        total: dict[str, SetAside] = {}
        for chunk in self.chunks:
            for suite, found in chunk.set_aside.items():
                total[suite] = total.get(suite, NONE_ASIDE) + found
        return total

    @property
    def cost(self) -> ChunkCost:
        """Of its chunks, and of what the driver did for it."""
        return sum((chunk.cost for chunk in self.scanned), self._own_cost)

    def add_cost(self, cost: ChunkCost) -> None:
        self._own_cost += cost

    @property
    def is_checked(self) -> bool:
        return self.checks is not None and all(check.done() for check in self.checks)

    def verdicts(self) -> tuple[SuiteVerdict, ...]:
        return tuple(check.result() for check in self.checks or ())

    def forget_checks(self) -> None:
        for check in self.checks or ():
            check.cancel()
