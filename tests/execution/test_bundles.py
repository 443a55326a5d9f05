"""Small chunks that go to a worker together: each has an outcome of its own."""

from __future__ import annotations

import pytest

from batch_scorer.core.chunks import ChunkFailed, ChunksDone, ChunkTask
from batch_scorer.core.errors import FileUnreadable, InternalError, WorkerDied
from batch_scorer.execution import chunk_task
from batch_scorer.execution.chunk import Written
from batch_scorer.execution.clusters.bundles import apart, members, together
from batch_scorer.execution.clusters.protocol import Done
from batch_scorer.execution.clusters.task import run_chunk
from tests.execution.test_window import make_task


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> list[ChunkTask]:
    """Of three days: the first cannot be read, the second meets a bug, the third needs too much memory."""

    def fail(scorer_of: object, task: ChunkTask, *_: object) -> Written:
        match task.chunk.partition.label:
            case "2024-01-02":
                raise RuntimeError("a bug")
            case "2024-01-03":
                raise MemoryError
        raise FileUnreadable("it is no Parquet", where=task.chunk.file.path, fix="write it again")

    monkeypatch.setattr(chunk_task, "written_by", fail)
    return [make_task(day, 0) for day in (1, 2, 3)]


def test_what_goes_wrong_with_one_of_a_bundle_is_its_own_and_the_others_go_on(tasks: list[ChunkTask]) -> None:
    bundle = together(tasks)
    outcome = run_chunk(bundle)
    assert isinstance(outcome, ChunksDone)
    done = apart(Done(task=bundle, outcome=outcome))
    assert [each.task for each in done] == tasks
    errors = [each.outcome.error for each in done if isinstance(each.outcome, ChunkFailed)]
    assert [type(error) for error in errors] == [FileUnreadable, InternalError, WorkerDied]


def test_a_chunk_that_went_alone_raises_what_it_meets(tasks: list[ChunkTask]) -> None:
    with pytest.raises(RuntimeError, match="a bug"):
        run_chunk(tasks[1])


def test_the_death_of_a_bundle_s_worker_comes_back_for_each_of_its_chunks(tasks: list[ChunkTask]) -> None:
    bundle, died = together(tasks), WorkerDied("the worker died", fix="look")
    assert members(bundle) == tuple(tasks)
    assert [(each.task, each.surprise) for each in apart(Done(task=bundle, surprise=died))] == [
        (task, died) for task in tasks
    ]
