"""A chunk is never refused for what the compiled pipeline gave alone, and a refusal is let go of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from batch_scorer.execution import chunk_task
from batch_scorer.models.scoring.compiled import pipeline
from batch_scorer.models.scoring.compiled.recognising.operations import InPlace
from batch_scorer.models.scoring.compiled.running.table import Table
from tests import taxi
from tests.conftest import TaxiProject

ALONE = "--reprocess", "all"


@pytest.fixture
def project(make_project: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch) -> TaxiProject:
    """Two days of one file each; a first run has loaded the model."""
    monkeypatch.setattr("batch_scorer.models.scoring.loader._cache", {})
    project = make_project(0, compute={"cluster": "inline", "chunk": "1MB"})
    for index, day in enumerate(taxi.days(2)):
        frame = taxi.rides(2_000, seed=index, first_id=index * 1_000_000)
        taxi.write_day(project.lake, day, frame, n_files=1, row_group=2_000)
    assert project.cli("run", "taxi_tips").code == 0
    return project


def test_a_plan_that_gives_no_answer_where_the_original_has_one_refuses_nothing(
    project: TaxiProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, step = pipeline._answer, InPlace.__call__

    def answer(respond: Callable[[Any], Any], question: Any) -> Any:
        result = right(respond, question)
        return np.full_like(result, np.nan) if isinstance(question, Table) else result

    monkeypatch.setattr(InPlace, "__call__", lambda *given: np.nextafter(step(*given), np.inf))
    monkeypatch.setattr(pipeline, "_answer", answer)
    ran = project.cli("run", "taxi_tips", *ALONE)
    assert ran.code == 0, ran.stderr
    assert "is not the original's; the original pipeline is used" in ran.stderr
    assert np.isfinite(np.asarray(project.published(1)["score"])).all()


def test_an_error_that_is_its_own_cause_is_let_go_of() -> None:
    first, second = ValueError("one"), RuntimeError("another")
    first.__cause__ = first
    second.__context__ = first
    chunk_task._let_go(second)
    first.__cause__, second.__cause__ = second, first
    chunk_task._let_go(second)
