"""The original is asked once for all chunks of a task, and nothing has a record before it has answered."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from batch_scorer.core.chunks import ChunkScored
from batch_scorer.execution import chunk, chunk_task
from batch_scorer.lake.reading.reader import read_chunk
from batch_scorer.lake.staging import workplaces
from batch_scorer.models.scoring.compiled.original import Original
from batch_scorer.models.scoring.compiled.recognising.operations import InPlace
from tests import taxi
from tests.conftest import TaxiProject

N_DAYS = 3
LONG = 900.0  # miles: no ride of the first and the third day is as long
ALONE = "--reprocess", "all"


@pytest.fixture
def project(make_project: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch) -> TaxiProject:
    """Days of one file each, which go to the worker as one task; a first run has loaded the model."""
    monkeypatch.setattr("batch_scorer.models.scoring.loader._cache", {})
    project = make_project(0, compute={"cluster": "inline", "chunk": "1MB"})
    for index in range(N_DAYS):
        write(project, index)
    assert project.cli("run", "taxi_tips").code == 0
    return project


def write(project: TaxiProject, index: int, **changes: Any) -> None:
    frame = taxi.rides(600, seed=index, first_id=index * 1_000_000).assign(**changes)
    taxi.write_day(project.lake, taxi.days(index + 1)[index], frame, n_files=1, row_group=600)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[pa.Table]:
    """The rows of each ask."""
    rows: list[pa.Table] = []
    table = Original.table

    def counted(original: Original, features: pa.Table) -> Any:
        rows.append(features)
        return table(original, features)

    monkeypatch.setattr(Original, "table", counted)
    return rows


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Of each task, what became of its chunks."""
    found: list[tuple[Any, ...]] = []
    score = chunk_task.score_chunks

    def kept(tasks: Any) -> tuple[Any, ...]:
        found.append(score(tasks))
        return found[-1]

    monkeypatch.setattr(chunk_task, "score_chunks", kept)
    return found


def scores(project: TaxiProject) -> np.ndarray:
    return np.concatenate([np.asarray(project.published(index)["score"]) for index in range(N_DAYS)])


def uncompiled(project: TaxiProject) -> np.ndarray:
    taxi.write_job(project.root, taxi.job_document(compute={"compiled": "off"}))
    assert project.cli("run", "taxi_tips", *ALONE).code == 0
    return scores(project)


def scored_by(outcome: Any) -> dict[str, int]:
    assert isinstance(outcome, ChunkScored), outcome
    return dict(outcome.cost.scored_by)


def test_a_task_asks_the_original_once_for_the_samples_of_all_its_chunks(
    project: TaxiProject, asked: list[pa.Table], outcomes: list[tuple[Any, ...]]
) -> None:
    assert project.cli("run", "taxi_tips", *ALONE).code == 0
    (task,) = outcomes
    assert [scored_by(each) for each in task] == [{"the compiled pipeline": 600}] * N_DAYS
    (ask,) = asked
    companies = {"Flash Cab", "Blue Ribbon", "Dispatch", "Taxi Affiliation", None}
    assert [set(sample.to_pylist()) for sample in ask["company"].chunks] == [companies] * N_DAYS
    compiled = scores(project)
    assert np.array_equal(compiled.view("u8"), uncompiled(project).view("u8"))


def test_a_value_that_no_chunk_before_held_is_asked_for_at_once(
    project: TaxiProject, asked: list[pa.Table], outcomes: list[tuple[Any, ...]]
) -> None:
    write(project, 1, company="Nobody knows it")
    assert project.cli("run", "taxi_tips", *ALONE).code == 0
    at_once, together = asked
    assert set(at_once["company"].to_pylist()) == {"Nobody knows it"}
    assert "Nobody knows it" not in together["company"].to_pylist()  # it was proven when it was learned
    assert [scored_by(each) for each in outcomes[0]] == [{"the compiled pipeline": 600}] * N_DAYS
    compiled = scores(project)
    assert np.array_equal(compiled.view("u8"), uncompiled(project).view("u8"))


@pytest.fixture
def wrong_where_rides_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """By one bit. Only the second day is to have such rides."""
    right = InPlace.__call__

    def call(step: InPlace, values: np.ndarray) -> np.ndarray:
        result = right(step, values)
        return np.where(values > LONG, np.nextafter(result, np.inf), result)

    monkeypatch.setattr(InPlace, "__call__", call)


@pytest.mark.usefixtures("wrong_where_rides_are_long")
def test_a_plan_that_is_wrong_in_one_chunk_is_used_for_none_of_its_task(
    project: TaxiProject, outcomes: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project, 1, trip_miles=2 * LONG)
    recorded: list[ChunkScored] = []
    record = workplaces._OnDisk.record

    def kept(place: Any, scored: ChunkScored) -> None:
        recorded.append(scored)
        record(place, scored)

    monkeypatch.setattr(workplaces._OnDisk, "record", kept)
    ran = project.cli("run", "taxi_tips", *ALONE)
    assert ran.code == 0
    assert "is not the original's; the original pipeline is used" in ran.stderr
    (task,) = outcomes
    (reason,) = {reason for each in task for reason in scored_by(each)}
    assert reason.startswith("the original pipeline: column ")
    assert [each.files for each in recorded] == [each.files for each in task]  # once each, and nothing else
    found = scores(project)
    assert np.array_equal(found.view("u8"), uncompiled(project).view("u8"))
    assert not list(project.state.rglob("staging/**/*.parquet"))


@pytest.mark.usefixtures("wrong_where_rides_are_long")
def test_under_require_a_plan_that_is_wrong_in_one_chunk_fails_every_chunk_of_its_task(
    project: TaxiProject, outcomes: list[tuple[Any, ...]]
) -> None:
    before = project.snapshot()
    taxi.write_job(
        project.root,
        taxi.job_document(compute={"cluster": "inline", "chunk": "1MB", "compiled": "require"}),
    )
    write(project, 1, trip_miles=2 * LONG)
    refused = project.cli("run", "taxi_tips", *ALONE)
    assert "cannot be scored by a compiled pipeline" in refused.stderr
    assert [type(each.error).__name__ for each in outcomes[0]] == ["NotCompilable"] * N_DAYS
    assert project.snapshot() == before


def raising_where_rides_are_long(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    table = Original.table

    def raising(original: Original, features: pa.Table) -> Any:
        if max(features["trip_miles"].to_pylist()) > LONG:
            raise error
        return table(original, features)

    monkeypatch.setattr(Original, "table", raising)


def test_a_row_that_the_original_refuses_is_no_other_chunk_s(
    project: TaxiProject, outcomes: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project, 1, trip_miles=2 * LONG)
    raising_where_rides_are_long(monkeypatch, ValueError("too long"))
    assert project.cli("run", "taxi_tips", *ALONE).code == 0
    compiled = {"the compiled pipeline": 600}
    refused = {"the original pipeline: a step raised ValueError": 600}
    assert [scored_by(each) for each in outcomes[0]] == [compiled, refused, compiled]
    found = scores(project)
    assert np.array_equal(found.view("u8"), uncompiled(project).view("u8"))


def test_a_surprise_in_the_proof_of_one_chunk_is_its_own(
    project: TaxiProject, outcomes: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project, 1, trip_miles=2 * LONG)
    raising_where_rides_are_long(monkeypatch, MemoryError())
    ran = project.cli("run", "taxi_tips", *ALONE)
    assert ran.code != 0
    assert "not enough memory for this chunk" in ran.stderr
    first, second, third = outcomes[0]
    assert isinstance(second, MemoryError)
    assert [scored_by(each) for each in (first, third)] == [{"the compiled pipeline": 600}] * 2


def test_a_chunk_that_cannot_be_read_keeps_no_other_from_being_recorded(
    project: TaxiProject, outcomes: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = read_chunk

    def failing(of: Any, *rest: Any) -> Any:
        if of.partition.label.endswith("02"):
            raise RuntimeError("a bug")
        return read(of, *rest)

    monkeypatch.setattr(chunk, "read_chunk", failing)
    assert project.cli("run", "taxi_tips", *ALONE).code != 0
    first, second, third = outcomes[0]
    assert isinstance(second, RuntimeError)
    assert [scored_by(each) for each in (first, third)] == [{"the compiled pipeline": 600}] * 2


def test_what_the_chunks_of_a_task_cost_adds_up_to_what_the_task_did(
    project: TaxiProject, outcomes: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    spent: list[float] = []
    score = chunk_task.score_chunks

    def timed(tasks: Any) -> Any:
        start = time.process_time()
        result = score(tasks)
        spent.append(time.process_time() - start)
        return result

    monkeypatch.setattr(chunk_task, "score_chunks", timed)
    assert project.cli("run", "taxi_tips", *ALONE).code == 0
    assert 0 < sum(each.cost.cpu_s for each in outcomes[0]) <= spent[0]
