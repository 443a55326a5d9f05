"""Which chunk goes out next, so that the death of a worker names the chunk that caused it.

Normally a bounded number of chunks is in flight. A worker that dies takes down all it held, running or
queued, and any of them may have killed it: they become *suspects*. Suspects go out again one at a time, with
nothing else in flight anywhere: the machine's memory is shared, so a greedy chunk can cost its
neighbour's worker, too. One that comes back is innocent; only a death while alone counts against it.

No clock, no cluster, no I/O: whoever owns a window says what time it is and what came back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from batch_scorer.core.chunks import ChunkTask
from batch_scorer.core.partitions import Partition
from batch_scorer.execution.clusters.bundles import members

# Each costs the whole cluster the time until the worker dies. Three in a row, all alone, are no accident.
MAX_DEATHS_FORGIVEN = 2
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 30.0
_PER_SLOT = 2  # one that runs and one that waits, so that no worker waits for us

_Key = tuple[Partition, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A chunk that goes out again. not_before: on the owner's clock. is_suspect: only alone."""

    task: ChunkTask
    not_before: float
    is_suspect: bool


class Window:
    """slots: chunks that run at the same time. retries: how often an error that may pass is forgiven.

    Every task that `next` gave, and every one along with it, comes back exactly once by itself: as settled,
    died or failed. Times are in seconds.
    """

    def __init__(self, *, slots: int, retries: int) -> None:
        self._size = _PER_SLOT * slots
        self._retries = retries
        self._deaths_forgiven = min(retries, MAX_DEATHS_FORGIVEN)
        self._in_flight: dict[_Key, _Key] = {}  # each chunk, and the one it went out along with, or itself
        self._alone: _Key | None = None
        self._held: list[_Held] = []
        self._deaths_alone: Counter[_Key] = Counter()
        self._errors: Counter[_Key] = Counter()

    def resize(self, slots: int) -> None:
        """The cluster grew or shrank. What is out already stays out."""
        self._size = _PER_SLOT * slots

    @property
    def n_in_flight(self) -> int:
        """Chunks, in however many tasks."""
        return len(self._in_flight)

    def next(self, now: float, fresh: Callable[[], ChunkTask | None]) -> ChunkTask | None:
        """The task to send now, if any. fresh: gives one that was never out, perhaps with others that go
        along; asked only where it may go. What goes out again goes by itself.
        """
        if self._alone is not None:
            return None
        due = [held for held in self._held if held.not_before <= now]
        suspect = next((held for held in due if held.is_suspect), None)
        if suspect is not None:
            return None if self._in_flight else self._send_again(suspect)
        if len(set(self._in_flight.values())) >= self._size:
            return None
        if due:
            return self._send_again(due[0])
        task = fresh()
        if task is not None:
            self._in_flight.update((_key(member), _key(task)) for member in members(task))
        return task

    def wait_s(self, now: float) -> float | None:
        """How long until the first pause ends; None when nothing is held back."""
        return max(0.0, min(held.not_before for held in self._held) - now) if self._held else None

    def settled(self, task: ChunkTask) -> None:
        """Scored, or failed for good: nothing is remembered of it."""
        self._take_back(task)
        self._deaths_alone.pop(_key(task), None)
        self._errors.pop(_key(task), None)

    def died(self, task: ChunkTask, now: float) -> bool:
        """Its worker died, or it was lost on the way. Returns: whether it goes out again; if not, it is
        the one to blame, and settled.
        """
        if self._take_back(task):
            self._deaths_alone[_key(task)] += 1
        if self._deaths_alone[_key(task)] > self._deaths_forgiven:
            self.settled(task)
            return False
        # Last: innocents are acquitted first, and what else ails the machine has time to pass.
        self._held.append(_Held(task=task, not_before=now, is_suspect=True))
        return True

    def failed(self, task: ChunkTask, now: float) -> bool:
        """It met an error that may pass. Returns: whether it goes out again, after a growing pause."""
        is_suspect = self._take_back(task)
        self._errors[_key(task)] += 1
        n_errors = self._errors[_key(task)]
        if n_errors > self._retries:
            self.settled(task)
            return False
        pause_s = min(_FIRST_PAUSE_S * 2.0 ** min(n_errors - 1, 32), _LONGEST_PAUSE_S)
        self._held.append(_Held(task=task, not_before=now + pause_s, is_suspect=is_suspect))
        return True

    def forget(self, partition: Partition) -> int:
        """The partition has failed. Returns: how many of its chunks were held, and will not go out."""
        held = [held for held in self._held if held.task.chunk.partition == partition]
        for each in held:
            self._held.remove(each)
            self.settled(each.task)
        return len(held)

    def _send_again(self, held: _Held) -> ChunkTask:
        self._held.remove(held)
        self._in_flight[_key(held.task)] = _key(held.task)
        if held.is_suspect:
            self._alone = _key(held.task)
        return held.task

    def _take_back(self, task: ChunkTask) -> bool:
        """Returns: whether nothing else was in flight while it was."""
        self._in_flight.pop(_key(task), None)
        was_alone = self._alone == _key(task)
        if was_alone:
            self._alone = None
        return was_alone


def _key(task: ChunkTask) -> _Key:
    return task.chunk.partition, task.chunk.index
