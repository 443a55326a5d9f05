"""A cluster that says nothing more: who looks after it notices, whatever Dask itself would wait for."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from batch_scorer.core.errors import ClusterUnavailable, WorkerDied
from batch_scorer.execution.clusters import dask as dask_cluster
from batch_scorer.execution.clusters.dask import DaskCluster
from batch_scorer.execution.clusters.local.workers import LocalWorkers
from batch_scorer.execution.clusters.watch import Patience, Watch
from tests.execution.test_window import make_task


@dataclass
class FakeFuture:
    key: str
    status: str = "pending"
    workers: tuple[str, ...] = ()
    answer: Any = None
    is_released: bool = False
    callbacks: list[Any] = field(default_factory=list)

    def add_done_callback(self, callback: Any) -> None:
        self.callbacks.append(callback)

    def become(self, status: str) -> None:
        self.status = status
        for callback in self.callbacks:
            callback(self)

    def result(self, timeout: float) -> Any:
        return self.answer

    def exception(self, timeout: float) -> Any:
        return self.answer

    def release(self) -> None:
        self.is_released = True


@dataclass
class FakeClient:
    """What of a distributed.Client we use. workers and given: as the scheduler would tell them."""

    workers: dict[str, dict[str, Any]] = field(default_factory=dict)
    given: dict[str, tuple[str, ...]] = field(default_factory=dict)
    futures: list[FakeFuture] = field(default_factory=list)
    status: str = "running"

    @property
    def scheduler(self) -> Any:
        return SimpleNamespace(
            address="tcp://a:1",
            identity=lambda: {"workers": self.workers},
            processing=lambda: self.given,
        )

    def sync(self, ask: Any, callback_timeout: float) -> Any:
        return ask()

    def nthreads(self) -> dict[str, int]:
        return dict.fromkeys(self.workers, 1)

    def submit(self, *_: Any, workers: Any = None, **__: Any) -> FakeFuture:
        self.futures.append(FakeFuture(f"chunk-{len(self.futures)}", workers=tuple(workers or ())))
        return self.futures[-1]


def a_worker(name: int = 0, *, status: str = "running", executing: int = 0) -> dict[str, Any]:
    return {"name": name, "status": status, "metrics": {"task_counts": {"executing": executing}}}


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _looks(watch: Watch, clock: _Clock, seconds: int, *, is_waiting: bool = True) -> list[bool]:
    """One look every second."""
    found = []
    for _ in range(seconds):
        clock.now += 1.0
        found.append(watch.finds_work_lost(is_waiting))
    return found


def test_a_cluster_without_workers_is_away_after_its_limit_and_not_before() -> None:
    clock = _Clock()
    watch = Watch(FakeClient(), None, Patience(no_workers_s=10), clock)
    _looks(watch, clock, 10)
    with pytest.raises(ClusterUnavailable, match="no worker answered for 10 s"):
        _looks(watch, clock, 1)


def test_workers_that_come_back_in_time_start_the_count_anew() -> None:
    clock, client = _Clock(), FakeClient()
    watch = Watch(client, None, Patience(no_workers_s=10), clock)
    for _ in range(3):
        client.workers = {}
        _looks(watch, clock, 9)
        client.workers = {"a": a_worker(executing=1)}
        _looks(watch, clock, 1)


def test_time_in_which_nobody_looked_counts_for_little() -> None:
    clock = _Clock()
    watch = Watch(FakeClient(), None, Patience(no_workers_s=10), clock)
    clock.now = 3600.0  # the driver was publishing
    assert not watch.finds_work_lost(is_waiting=True)


class _Own(LocalWorkers):
    def __init__(self) -> None:
        super().__init__(None, 2, switch_s=0.005)
        self.seen: list[Any] = []

    def replace_lost(self, alive: Any) -> None:
        self.seen.append(alive)


def test_our_own_cluster_gets_new_workers_when_some_stay_away_even_while_others_work() -> None:
    clock, client, own = _Clock(), FakeClient(workers={"a": a_worker(7, executing=1)}), _Own()
    watch = Watch(client, own, Patience(lost_worker_s=5), clock)
    _looks(watch, clock, 5)
    assert own.seen == []
    _looks(watch, clock, 1)
    assert own.seen == [{7}]
    client.workers["b"] = a_worker(8, executing=1)
    _looks(watch, clock, 20)
    assert len(own.seen) == 1


@pytest.mark.parametrize(
    ("workers", "given", "is_lost"),
    [
        ({"a": a_worker()}, {"a": ()}, True),
        ({"a": a_worker(status="paused")}, {"a": ("chunk-0",)}, True),
        ({"a": a_worker(status="paused", executing=1)}, {"a": ("chunk-0",)}, False),
        ({"a": a_worker()}, {"a": ("chunk-0",)}, False),
        ({"a": a_worker(), "b": a_worker(1, executing=1)}, {"a": ()}, False),
    ],
)
def test_work_is_lost_when_it_is_out_and_nobody_works(
    workers: dict[str, Any], given: dict[str, Any], is_lost: bool
) -> None:
    clock = _Clock()
    watch = Watch(FakeClient(workers=workers, given=given), None, Patience(idle_s=5), clock)
    assert not any(_looks(watch, clock, 20, is_waiting=False))
    assert _looks(watch, clock, 5) == [False] * 5
    assert _looks(watch, clock, 1) == [is_lost]


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    """One worker that takes no work, and a watch that notices at its first look."""
    monkeypatch.setattr(dask_cluster, "PATIENCE", Patience(idle_s=0.0, look_s=0.0))
    return FakeClient(workers={"a": a_worker()})


def test_lost_chunks_come_back_as_dead_and_a_second_loss_is_the_cluster_s(client: FakeClient) -> None:
    cluster = DaskCluster(client, lambda task: None)  # type: ignore[arg-type, return-value]
    for index in range(2):
        cluster.submit(make_task(1, index))
    for index in range(2):
        done = cluster.next_done(0.0)
        assert done is not None
        assert done.task.chunk.index == index
        assert isinstance(done.surprise, WorkerDied)
    assert all(future.is_released for future in client.futures)
    client.futures[0].become("finished")  # too late
    assert cluster.next_done(0.0) is None
    cluster.submit(make_task(1, 0))
    with pytest.raises(ClusterUnavailable, match="take no work"):
        cluster.next_done(0.0)


def test_a_result_lost_with_its_worker_is_a_death_and_a_cancelled_chunk_a_lost_scheduler(
    client: FakeClient,
) -> None:
    cluster = DaskCluster(client, lambda task: None)  # type: ignore[arg-type, return-value]
    cluster.submit(make_task(1, 0))
    client.futures[0].become("lost")
    done = cluster.next_done(0.0)
    assert done is not None
    assert isinstance(done.surprise, WorkerDied)
    cluster.submit(make_task(1, 0))
    client.futures[1].become("cancelled")
    with pytest.raises(ClusterUnavailable, match="connection to the Dask scheduler was lost"):
        cluster.next_done(0.0)
