"""The partitions in hand: prepared, and without an outcome yet; and which of their chunks go out next."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from batch_scorer.core.chunks import ChunkCost, ChunkTask
from batch_scorer.core.partitions import Partition
from batch_scorer.execution.clusters.bundles import together
from batch_scorer.execution.tempo import Tempo
from batch_scorer.execution.work import PartitionWork
from batch_scorer.planning.bundles import goes_along

# Unless told, or as many short ones as fill so many bundles: scored and waiting for their suites; more would
# only fill the staging disk.
_MOST = 6


class Hand:
    """Mutable, and owned by the driver loop alone."""

    def __init__(self, max_parallel: int | None) -> None:
        self._max_parallel = max_parallel
        self._works: dict[Partition, PartitionWork] = {}
        self._tempo = Tempo()

    def __len__(self) -> int:
        return len(self._works)

    def __iter__(self) -> Iterator[PartitionWork]:
        """In the order they were taken."""
        return iter(self._works.values())

    def __getitem__(self, partition: Partition) -> PartitionWork:
        return self._works[partition]

    @property
    def has_room(self) -> bool:
        """For one more partition."""
        if self._max_parallel is not None:
            return len(self) < self._max_parallel
        return sum(work.size(self._tempo) for work in self) < _MOST

    def take(self, work: PartitionWork) -> None:
        self._works[work.prepared.partition] = work

    def let_go(self, work: PartitionWork) -> None:
        del self._works[work.prepared.partition]

    def took(self, cost: ChunkCost, n_rows: int) -> None:
        """What a chunk took: those to come are bundled by it."""
        self._tempo.took(cost, n_rows)

    def fresh_task(
        self, take_next: Callable[[], bool], n_queued: Callable[[], int], slots: int
    ) -> ChunkTask | None:
        """The next chunk that was never out, of a partition in hand or of one more; short ones together.

        take_next: takes one more in hand, if it can. n_queued: partitions that are not in hand yet.
        """
        tasks: list[ChunkTask] = []
        filled = 0.0
        while (work := self._next_work(take_next)) is not None:
            more = work.share(self._tempo)
            n_left = len(tasks) + n_queued() + sum(each.n_waiting for each in self)
            if not goes_along(len(tasks), filled, more, n_left=n_left, slots=slots):
                break
            tasks.append(work.next_task())
            filled += more
        return together(tasks) if tasks else None

    def _next_work(self, take_next: Callable[[], bool]) -> PartitionWork | None:
        """A partition that has a chunk to send, taken in hand if need be."""
        while True:
            work = next((work for work in self if work.has_more), None)
            if work is not None or not take_next():
                return work
