"""Which chunk goes out next: the poison is named, the innocent go free, and nothing waits for ever."""

from __future__ import annotations

import datetime as dt
from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.chunks import Chunk, ChunkTask, OutputSpec, ReadSpec
from batch_scorer.core.lakefiles import FileStamp, LakeFile
from batch_scorer.core.models import Method, ModelFormat, ModelPin, Signature
from batch_scorer.core.partitions import Partition
from batch_scorer.execution.clusters.bundles import members, together
from batch_scorer.execution.clusters.window import MAX_DEATHS_FORGIVEN, Window

_MODEL = ModelPin(
    name="tips", version=1, alias=None, directory="models/tips/1", artefact="model.skops",
    format=ModelFormat.SKOPS, sha256="0" * 64, manifest_sha256="0" * 64,
    signature=Signature(columns=(), outputs={}), files={}, n_golden_rows=0,
)  # fmt: skip
_OUTPUT = OutputSpec(
    staging="s", run_id="r", carried=(), outputs=(), model_version="tips@1", max_file_bytes=1
)
_FILE = LakeFile(path="part-0.parquet", stamp=FileStamp(size=1, mtime_ns=1, ctime_ns=1, inode=1))


def make_task(day: int, index: int) -> ChunkTask:
    partition = Partition(names=("ds",), values=(dt.date(2024, 1, day),))
    chunk = Chunk(
        partition=partition, file=_FILE, row_groups=(index,), index=index, n_rows=1, row_offset=index
    )
    return ChunkTask(
        chunk=chunk, read=ReadSpec(root="r", features=(), carried=()), model=_MODEL,
        method=Method.PREDICT, output=_OUTPUT,
    )  # fmt: skip


@dataclass
class _Simulation:
    """A driver and its workers without processes: a worker runs the first it holds, and dies with all of it.

    poison: chunks that kill their worker every time. dies: whether a worker is killed from outside at a step.
    """

    tasks: list[ChunkTask]
    n_together: int = field(default=1, kw_only=True)
    n_workers: int
    retries: int
    poison: set[tuple[int, int]] = field(default_factory=set)
    dies: deque[bool] = field(default_factory=deque)
    scored: list[tuple[int, int]] = field(default_factory=list)
    blamed: list[tuple[int, int]] = field(default_factory=list)
    n_poisonous_deaths_alone: int = 0

    def run(self) -> None:
        window = Window(slots=self.n_workers, retries=self.retries)
        waiting = deque(self.tasks)
        workers: list[list[ChunkTask]] = [[] for _ in range(self.n_workers)]
        steps = 0
        while True:
            while (task := window.next(0.0, lambda: self._fresh(waiting))) is not None:
                min(workers, key=len).extend(members(task))
            held = [worker for worker in workers if worker]
            assert window.n_in_flight == sum(map(len, held)) <= 2 * self.n_workers * self.n_together
            if not held:
                return
            self._step(window, waiting, held[steps % len(held)], alone=window.n_in_flight == 1)
            steps += 1
            assert steps < 50 * (len(self.tasks) + len(self.dies)), "it never ends"

    def _fresh(self, waiting: deque[ChunkTask]) -> ChunkTask | None:
        tasks = [waiting.popleft() for _ in range(min(self.n_together, len(waiting)))]
        return together(tasks) if tasks else None

    def _step(
        self, window: Window, waiting: deque[ChunkTask], worker: list[ChunkTask], *, alone: bool
    ) -> None:
        is_killed = bool(self.dies) and self.dies.popleft()
        if not is_killed and _name(worker[0]) not in self.poison:
            task = worker.pop(0)
            window.settled(task)
            self.scored.append(_name(task))
            return
        self.n_poisonous_deaths_alone += alone
        for task in worker:
            if not window.died(task, 0.0):
                self.blamed.append(_name(task))
                window.forget(task.chunk.partition)
                for other in [other for other in waiting if other.chunk.partition == task.chunk.partition]:
                    waiting.remove(other)
        worker.clear()


def _name(task: ChunkTask) -> tuple[int, int]:
    day = task.chunk.partition.values[0]
    assert isinstance(day, dt.date)
    return day.day, task.chunk.index


_SHAPES = st.lists(st.integers(1, 6), min_size=1, max_size=6)  # chunks per partition
_CHUNKS = st.sets(st.tuples(st.integers(1, 6), st.integers(0, 5)), max_size=4)


@given(
    shape=_SHAPES, poison=_CHUNKS, n_workers=st.integers(1, 4), retries=st.integers(0, 4),
    n_together=st.integers(1, 5),
)  # fmt: skip
def test_exactly_the_partitions_with_a_poison_chunk_lose_one_chunk_and_all_others_are_scored_once(
    shape: list[int], poison: set[tuple[int, int]], n_workers: int, retries: int, n_together: int
) -> None:
    tasks = [make_task(day, index) for day, n in enumerate(shape, 1) for index in range(n)]
    poison &= {_name(task) for task in tasks}
    simulation = _Simulation(
        tasks=tasks, n_workers=n_workers, retries=retries, poison=poison, n_together=n_together
    )
    simulation.run()
    bad_days = {day for day, _ in poison}
    assert set(simulation.blamed) <= poison
    assert {day for day, _ in simulation.blamed} == bad_days
    assert len(simulation.scored) == len(set(simulation.scored))
    innocent = {_name(task) for task in tasks if _name(task)[0] not in bad_days}
    assert innocent <= set(simulation.scored)


@given(
    shape=_SHAPES, dies=st.lists(st.booleans(), max_size=40), n_workers=st.integers(1, 4),
    retries=st.integers(0, 4),
)  # fmt: skip
def test_with_deaths_from_outside_every_chunk_is_scored_once_or_its_partition_blamed(
    shape: list[int], dies: list[bool], n_workers: int, retries: int
) -> None:
    tasks = [make_task(day, index) for day, n in enumerate(shape, 1) for index in range(n)]
    simulation = _Simulation(tasks=tasks, n_workers=n_workers, retries=retries, dies=deque(dies))
    simulation.run()
    blamed_days = {day for day, _ in simulation.blamed}
    assert len(simulation.scored) == len(set(simulation.scored))
    assert {_name(task) for task in tasks if _name(task)[0] not in blamed_days} <= set(simulation.scored)
    # Nobody is blamed for deaths that it shared: each verdict took so many deaths with nothing beside it.
    assert len(simulation.blamed) * (1 + min(retries, MAX_DEATHS_FORGIVEN)) <= (
        simulation.n_poisonous_deaths_alone
    )


def test_a_suspect_waits_until_nothing_is_in_flight_and_nothing_goes_out_beside_it() -> None:
    window = Window(slots=2, retries=3)
    first, second, third = (make_task(1, index) for index in range(3))
    fresh = deque([first, second])
    assert window.next(0.0, fresh.popleft) is first
    assert window.next(0.0, fresh.popleft) is second
    assert window.died(first, 0.0)
    assert window.next(0.0, lambda: third) is None  # second may still be running
    window.settled(second)
    assert window.next(0.0, lambda: third) is first
    assert window.next(0.0, lambda: third) is None
    window.settled(first)
    assert window.next(0.0, lambda: third) is third


def test_a_poison_chunk_may_die_alone_once_more_than_is_forgiven_whatever_retries_says() -> None:
    for retries, n_deaths in ((0, 1), (1, 2), (2, 3), (3, 3), (1000, 3)):
        window = Window(slots=1, retries=retries)
        task = make_task(1, 0)
        assert window.next(0.0, lambda: task) is task  # noqa: B023
        assert window.died(task, 0.0)  # not alone for certain: it does not count
        deaths = []
        while window.next(0.0, lambda: None) is task:
            deaths.append(window.died(task, 0.0))
        assert deaths == [True] * (n_deaths - 1) + [False]


def test_an_error_that_may_pass_pauses_longer_each_time_and_holds_up_nobody() -> None:
    window = Window(slots=1, retries=2)
    task, other = make_task(1, 0), make_task(1, 1)
    assert window.next(0.0, lambda: task) is task
    assert window.failed(task, 10.0)
    assert window.wait_s(10.0) == pytest.approx(0.2)
    assert window.next(10.1, lambda: other) is other
    assert window.next(10.3, lambda: None) is task
    assert window.failed(task, 11.0)
    assert window.wait_s(11.0) == pytest.approx(0.4)
    assert window.next(11.5, lambda: None) is task
    assert not window.failed(task, 12.0)
    assert window.wait_s(12.0) is None


def test_a_suspect_that_meets_an_error_that_may_pass_is_still_one_but_holds_up_nobody_while_it_pauses() -> (
    None
):
    window = Window(slots=1, retries=2)
    task, other = make_task(1, 0), make_task(1, 1)
    assert window.next(0.0, lambda: task) is task
    assert window.died(task, 0.0)
    assert window.next(0.0, lambda: other) is task
    assert window.failed(task, 0.0)
    assert window.next(0.1, lambda: other) is other
    assert window.next(0.3, lambda: None) is None  # due, and other is in flight
    window.settled(other)
    assert window.next(0.3, lambda: None) is task


def test_what_is_held_of_a_failed_partition_never_goes_out_again() -> None:
    window = Window(slots=2, retries=3)
    tasks = [make_task(1, 0), make_task(1, 1), make_task(2, 0)]
    fresh = deque(tasks)
    for _ in tasks:
        window.next(0.0, fresh.popleft)
    for task in tasks:
        assert window.died(task, 0.0)
    assert window.forget(tasks[0].chunk.partition) == 2
    assert window.next(0.0, lambda: None) is tasks[2]
    window.settled(tasks[2])
    assert window.next(0.0, lambda: None) is None
