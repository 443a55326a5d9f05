"""Late chunks on a second worker: which go there, and which of two results counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from batch_scorer.core.chunks import ChunkFailed
from batch_scorer.core.errors import StoreUnavailable, WorkerDied
from batch_scorer.execution.clusters import dask as dask_cluster
from batch_scorer.execution.clusters import pace
from batch_scorer.execution.clusters.bundles import apart, together
from batch_scorer.execution.clusters.dask import DaskCluster
from batch_scorer.execution.clusters.pace import Lateness
from batch_scorer.execution.clusters.protocol import Done
from tests.execution.test_watch import FakeClient, FakeFuture, a_worker
from tests.execution.test_window import make_task


@dataclass
class _Fleet:
    """Workers that are all there, and will all do."""

    n_threads: dict[str, int] = field(default_factory=lambda: {"a": 1, "b": 1, "c": 1})

    @property
    def able(self) -> tuple[str, ...]:
        return tuple(self.n_threads)

    @property
    def known(self) -> frozenset[str]:
        return frozenset(self.n_threads)

    def take_note(self, workers: Any) -> Any:
        return workers

    def silent(self) -> tuple[str, ...]:
        return ()

    def look_again(self) -> None: ...


@dataclass
class _Late:
    """A cluster on which whatever is out is late from the first moment."""

    client: FakeClient
    cluster: DaskCluster

    def looks(self) -> None:
        assert self.cluster.next_done(0.0) is None

    def ends(self, number: int, how: object) -> Done | None:
        """The outcome of a try, by its number, and what the driver hears."""
        future = self.client.futures[number]
        future.answer = how
        future.become("error" if isinstance(how, BaseException) else "finished")
        return self.cluster.next_done(0.0)

    @property
    def tries(self) -> list[FakeFuture]:
        return self.client.futures


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> _Late:
    monkeypatch.setattr(pace, "LATENESS", Lateness(factor=0.0, least_s=0.0, n_known=0))
    monkeypatch.setattr(pace, "median", lambda _values: 0.0)  # of none
    monkeypatch.setattr(dask_cluster, "_DOUBLE_S", -1.0)
    workers = {name: a_worker(index, executing=1) for index, name in enumerate("abc")}
    client = FakeClient(workers=workers, given={"a": ("chunk-0",)})
    fleet: Any = _Fleet()
    return _Late(client, DaskCluster(client, lambda task: None, fleet=fleet))  # type: ignore[arg-type, return-value]


def test_a_late_chunk_has_two_tries_and_never_three_and_comes_back_once(late: _Late) -> None:
    late.cluster.submit(make_task(1, 0))
    for _ in range(3):
        late.looks()
    assert [future.workers for future in late.tries] == [("a", "b", "c"), ("b",)]
    first = late.ends(1, "the second")
    assert first is not None
    told: object = first.outcome
    assert (told, first.was_doubled) == ("the second", True)
    assert late.ends(0, "the first") is None
    assert all(future.is_released for future in late.tries)


@pytest.mark.parametrize(
    "passing",
    [
        WorkerDied("gone", fix="look"),
        MemoryError("malloc"),
        ChunkFailed(chunk=make_task(1, 0).chunk, error=StoreUnavailable("away", fix="wait"), worker="a"),
    ],
)
def test_a_try_that_would_be_sent_again_counts_only_as_the_last(late: _Late, passing: object) -> None:
    for index in range(2):
        late.cluster.submit(make_task(1, index))
    late.looks()
    assert late.ends(0, passing) is None
    last = late.ends(2, passing)
    assert last is not None
    assert (last.task.chunk.index, last.was_doubled) == (0, True)
    assert passing in (last.outcome, last.surprise)


@pytest.mark.parametrize("how", [WorkerDied("gone", fix="look"), MemoryError("malloc")])
def test_a_chunk_that_may_have_killed_its_worker_is_never_on_two(late: _Late, how: Exception) -> None:
    bundle = together([make_task(1, 0), make_task(2, 0)])
    late.cluster.submit(bundle)
    assert late.ends(0, how) is None
    died = late.ends(1, how)
    assert died is not None
    for each in apart(died):
        late.cluster.submit(each.task)
        late.looks()
        assert late.ends(len(late.tries) - 1, "scored") is not None
    assert len(late.tries) == 4
    late.cluster.submit(make_task(3, 0))
    late.looks()
    assert len(late.tries) == 6  # others are


def test_a_bundle_is_doubled_as_one_and_each_of_its_chunks_says_so(late: _Late) -> None:
    tasks = [make_task(day, 0) for day in (1, 2)]
    late.cluster.submit(together(tasks))
    late.looks()
    assert len(late.tries) == 2
    done = late.ends(0, ChunkFailed(chunk=tasks[0].chunk, error=WorkerDied("x", fix="y"), worker="a"))
    assert done is not None
    assert [(each.task.chunk.partition, each.was_doubled) for each in apart(done)] == [
        (task.chunk.partition, True) for task in tasks
    ]
