"""`compute.compiled` in real jobs: what is published, what the record says, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from batch_scorer.models.scoring import scorer
from batch_scorer.models.scoring.compiled import sampling
from batch_scorer.models.scoring.compiled.compiling import compile_pipeline
from batch_scorer.models.scoring.compiled.finals.boosted import Boosted
from batch_scorer.models.scoring.loader import LoadedModel
from tests import taxi
from tests.conftest import TaxiProject

COMPILED = "600 rows by the compiled pipeline"


@pytest.fixture(autouse=True)
def _loaded_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batch_scorer.models.scoring.loader._cache", {})


def _scores(project: TaxiProject) -> np.ndarray:
    return np.asarray(project.published(0).sort_values("ride_id")["score"])


@pytest.mark.parametrize("model", ["linear", "boosted", "forest"])
def test_the_same_bits_are_published_compiled_or_not(
    make_project: Callable[..., TaxiProject], model: str
) -> None:
    project = make_project(1, model=model)
    first = project.cli("run", "taxi_tips")
    assert first.code == 0, first.stderr
    assert COMPILED in project.cli("show", "last").stdout
    compiled = _scores(project)
    taxi.write_job(project.root, taxi.job_document(compute={"compiled": "off"}))
    assert "0 to score" in project.cli("plan", "taxi_tips").stdout  # it changes no value
    second = project.cli("run", "taxi_tips", "--reprocess", "all")
    assert second.code == 0, second.stderr
    shown = project.cli("show", "last").stdout
    assert "scored: 600 rows by the original pipeline: compute.compiled is off" in shown
    assert np.array_equal(compiled.view("u8"), _scores(project).view("u8"))


def test_the_record_says_how_rows_were_scored(make_project: Callable[..., TaxiProject]) -> None:
    project = make_project(1)
    told = project.cli("--json", "run", "taxi_tips").lines
    done = next(line for line in told if line["message_type"] == "partition_done")
    assert done["scored_by"] == {"the compiled pipeline": 600}


@pytest.mark.usefixtures("row_groups_apart")
def test_small_batches_are_left_to_the_original(
    make_project: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batch_scorer.models.scoring.scorer.FEWEST_ROWS", 150)
    project = make_project(1)  # its files have row groups of 200 and 100 rows
    assert project.cli("run", "taxi_tips").code == 0
    shown = project.cli("show", "last").stdout
    assert "scored: 400 rows by the compiled pipeline" in shown
    assert "scored: 200 rows by the original pipeline: batches of fewer than 150 rows" in shown


def _never(*_: Any) -> Any:
    raise AssertionError("the original was asked")


def test_require_scores_a_pipeline_that_is_known(make_project: Callable[..., TaxiProject]) -> None:
    project = make_project(1, compute={"compiled": "require"})
    assert project.cli("run", "taxi_tips").code == 0
    assert COMPILED in project.cli("show", "last").stdout


def test_require_refuses_a_pipeline_that_is_not_known_before_anything_is_scored(
    make_project: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(1, compute={"compiled": "require"})
    monkeypatch.setattr("batch_scorer.models.scoring.compiled.recognising.following._KNOWN", {})
    monkeypatch.setattr(LoadedModel, "predict", _never)
    refused = project.cli("run", "taxi_tips")
    assert refused.code == 5
    assert 'taxi_tips@1 cannot be scored by a compiled pipeline: step "prep" is a ColumnTransformer' in (
        refused.stderr
    )
    assert "compute.compiled: auto" in refused.stderr
    assert not project.snapshot()


def test_auto_scores_a_pipeline_that_is_not_known_with_the_original(
    make_project: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(1)
    monkeypatch.setattr("batch_scorer.models.scoring.compiled.recognising.following._KNOWN", {})
    ran = project.cli("run", "taxi_tips")
    assert ran.code == 0
    assert "not known" not in ran.stderr
    shown = project.cli("show", "last").stdout
    assert (
        '600 rows by the original pipeline: step "prep" is a ColumnTransformer, which is not known' in shown
    )


class _WrongLater:
    """Right when it is loaded, and in the first batches; wrong by one bit once it has seen so many."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, n_right: int) -> None:
        self.n_calls = 0
        right = Boosted.score

        def score(final: Boosted, table: Any) -> np.ndarray:
            self.n_calls += 1
            result = right(final, table)
            return result if self.n_calls <= n_right else np.nextafter(result, 2)

        def compiled(*ingredients: Any) -> Any:
            found = compile_pipeline(*ingredients)
            monkeypatch.setattr(Boosted, "score", score)
            return found

        monkeypatch.setattr(scorer, "compile_pipeline", compiled)


def _always_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each batch of a chunk shows something new."""
    sampled = sampling.Sampler.rows

    def rows(sampler: Any, sources: Any) -> np.ndarray:
        sampler.patterns.clear()
        return sampled(sampler, sources)

    monkeypatch.setattr(sampling.Sampler, "rows", rows)


@pytest.mark.usefixtures("row_groups_apart")
@pytest.mark.parametrize("n_right", [0, 1])
def test_a_difference_in_a_batch_scores_its_chunk_and_the_rest_with_the_original(
    make_project: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch, n_right: int
) -> None:
    """The first or the second batch is wrong."""
    project = make_project(1, model="boosted")
    assert project.cli("run", "taxi_tips").code == 0
    right = _scores(project)
    monkeypatch.setattr("batch_scorer.models.scoring.loader._cache", {})
    _WrongLater(monkeypatch, n_right)
    _always_looked_at(monkeypatch)
    ran = project.cli("run", "taxi_tips", "--reprocess", "all")
    assert ran.code == 0
    assert "a compiled predict_proba is not the original's; the original pipeline is used" in ran.stderr
    assert np.array_equal(right.view("u8"), _scores(project).view("u8"))
    shown = project.cli("show", "last").stdout
    assert "600 rows by the original pipeline: a compiled predict_proba is not the original's" in shown
    assert "the compiled pipeline\n" not in shown


def test_a_difference_under_require_ends_the_run(
    make_project: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(1, model="boosted", compute={"compiled": "require"})
    _WrongLater(monkeypatch, 0)
    refused = project.cli("run", "taxi_tips")
    assert "cannot be scored by a compiled pipeline: a compiled predict_proba is not" in refused.stderr
    assert not project.snapshot()
