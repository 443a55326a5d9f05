"""How long a chunk takes in a worker, by what those that came back took there."""

from __future__ import annotations

from collections import deque
from statistics import median

from batch_scorer.core.chunks import ChunkCost

_REMEMBERED = 9  # the newest: the first of a worker take longer, and are forgotten soon


# What a chunk waits for, a disk or a machine with others on it, makes no task dearer beside its chunks; but
# nobody should wait for a task's results many times as long as it works.
_WAITING = 3.0


class Tempo:
    """Of one run: chunks of a job differ in their rows, hardly in what a row costs."""

    def __init__(self) -> None:
        self._known: deque[float] = deque(maxlen=_REMEMBERED)
        self._usual: float | None = None  # seconds a row

    def took(self, cost: ChunkCost, n_rows: int) -> None:
        """Loading a model is no part of it: each worker does it once."""
        seconds = cost.read_s + cost.validate_s + cost.score_s + cost.write_s
        self._known.append(max(cost.cpu_s - cost.load_s, seconds / _WAITING) / max(1, n_rows))
        self._usual = median(self._known)

    def seconds(self, n_rows: int) -> float | None:
        """That a chunk of so many rows will keep a processor busy, or a third of what it will last, if that
        is more; None before any came back.
        """
        return None if self._usual is None else self._usual * n_rows
