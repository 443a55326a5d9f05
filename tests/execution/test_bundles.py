"""Short chunks that go to a worker together: each has an outcome of its own."""

from __future__ import annotations

import json
from collections.abc import Callable

import pandas as pd
import pytest

from batch_scorer.core.chunks import ChunkCost, ChunkFailed, ChunkOutcome, ChunksDone, ChunkTask
from batch_scorer.core.errors import FileUnreadable, InternalError, WorkerDied
from batch_scorer.execution import chunk_task
from batch_scorer.execution.chunk import Written
from batch_scorer.execution.clusters.bundles import apart, members, together
from batch_scorer.execution.clusters.protocol import Done
from batch_scorer.execution.clusters.task import run_chunk
from batch_scorer.execution.tempo import Tempo
from tests.conftest import TaxiProject
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


Sent = list[tuple[tuple[str, int], ...]]
_OF_ITS_RUN = ["_run_id", "_scored_at"]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """The (day, chunk) of each task that runs from now on, in this process."""
    tasks: Sent = []

    def noted(task: ChunkTask) -> ChunkOutcome:
        tasks.append(tuple((each.chunk.partition.label, each.chunk.index) for each in members(task)))
        return run_chunk(task)

    monkeypatch.setattr("batch_scorer.execution.run.run_chunk", noted)
    return tasks


@pytest.fixture
def eight_days(make_project: Callable[..., TaxiProject]) -> TaxiProject:
    """Of two files, each a chunk."""
    return make_project(8, compute={"chunk": "1KB"})


def _predictions(project: TaxiProject) -> list[pd.DataFrame]:
    return [project.published(index).drop(columns=_OF_ITS_RUN) for index in range(8)]


def test_once_one_is_back_short_chunks_go_together_those_of_one_partition_too(
    eight_days: TaxiProject, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    took = Tempo.took
    short = ChunkCost(cpu_s=0.05)
    monkeypatch.setattr(Tempo, "took", lambda self, _cost, n_rows: took(self, short, n_rows))
    assert eight_days.cli("run", "taxi_tips").code == 0
    assert [len(task) for task in sent[:2]] == [1, 1], "nobody knew how long they take"
    assert max(map(len, sent)) > 2
    assert any(len({day for day, _ in task}) < len(task) for task in sent)
    chunks = [chunk for task in sent for chunk in task]
    assert len(chunks) == len(set(chunks)), "none is scored twice"


def test_long_chunks_go_alone_and_the_result_is_the_same(
    eight_days: TaxiProject, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert eight_days.cli("run", "taxi_tips").code == 0
    assert max(map(len, sent)) > 1
    together, n_together = _predictions(eight_days), len(sent)
    sent.clear()
    monkeypatch.setattr(Tempo, "seconds", lambda _self, _n_rows: 5.0)
    again = eight_days.cli("run", "taxi_tips", "--reprocess", "all", "--json")
    assert again.code == 0
    assert set(map(len, sent)) == {1}
    assert len(sent) > n_together
    assert json.loads(again.stdout.splitlines()[-1])["n_published"] == 8
    for before, after in zip(together, _predictions(eight_days), strict=True):
        pd.testing.assert_frame_equal(before, after)
