"""What a chunk costs its worker."""

from __future__ import annotations

import resource
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from batch_scorer.core.batches import SmallerBatches, smallest
from batch_scorer.core.chunks import ChunkCost
from batch_scorer.lake.reading.reader import Batch


class Clock:
    """Wall seconds by stage, and CPU seconds while it runs. A stage within another counts as itself.

    Of the chunks of one task one clock runs at a time, so that together they tell what the task cost.
    """

    def __init__(self) -> None:
        self._spent_s: dict[str, Any] = defaultdict(float)  # by stage
        self._smaller: SmallerBatches | None = None
        self._within_s = 0.0  # spent in stages within the one that goes on
        self._cpu_s = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        start = time.process_time()
        try:
            yield
        finally:
            self._cpu_s += time.process_time() - start

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start, outer = time.perf_counter(), self._within_s
        self._within_s = 0.0
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            self._spent_s[name] += spent - self._within_s
            self._within_s = outer + spent

    def drawn_from(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Iterate, counting the time spent inside the iterator as reading."""
        while True:
            with self.stage("read_s"):
                batch = next(batches, None)
            if batch is None:
                return
            self._smaller = smallest((self._smaller, batch.smaller))
            yield batch

    def cost(self) -> ChunkCost:
        """Of all stages and runs that have ended."""
        peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        cost = ChunkCost(cpu_s=self._cpu_s, peak_bytes=peak_kib * 1024, smaller=self._smaller)
        return replace(cost, **self._spent_s)
