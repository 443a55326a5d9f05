"""Two predictions at once in one worker: the one that ends first takes nothing back from the other."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sklearn.linear_model  # noqa: F401 (brings a BLAS)
from threadpoolctl import ThreadpoolController

from batch_scorer.core.models import Compiled, Method, Takes
from batch_scorer.models.scoring.calling import caller
from batch_scorer.models.scoring.scorer import FEWEST_ROWS, Scorer, Uncompiled, scorer_for
from batch_scorer.models.scoring.together import one_thread
from tests.patience import WAIT_S


def _overlapping(first: Callable[[], AbstractContextManager[object]], look: Callable[[], object]) -> object:
    """What look finds while another thread is still inside, after this one has left."""
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with first():
            inside.set()
            leave.wait(WAIT_S)

    other = threading.Thread(target=stay)
    with first():
        other.start()
        assert inside.wait(WAIT_S)
    found = look()
    leave.set()
    other.join(WAIT_S)
    return found


def test_the_limit_of_blas_lasts_until_the_last_has_left() -> None:
    controller = ThreadpoolController()
    blas = controller.select(user_api="blas")

    def limits() -> set[int]:
        return {library["num_threads"] for library in blas.info()}

    with blas.limit(limits=2):
        assert _overlapping(lambda: one_thread(controller), limits) == {1}
        with one_thread(controller):
            assert limits() == {1}


class _Waiting:
    """Two calls that overlap: the first to come is the last to go."""

    def __init__(self) -> None:
        self.is_second = False
        self.is_in, self.may_go = threading.Event(), threading.Event()

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        if self.is_second:
            return np.zeros(len(frame))
        self.is_second = True
        self.is_in.set()
        assert self.may_go.wait(WAIT_S)
        return np.zeros(len(frame))


def test_stdout_and_warnings_are_as_they_were_after_two_predictions_that_overlapped() -> None:
    estimator, frame = _Waiting(), pd.DataFrame({"x": [1.0]})
    call = caller(estimator, Method.PREDICT, Takes.FRAME)
    before = sys.stdout, list(warnings.filters)
    long = threading.Thread(target=call, args=(frame,))
    long.start()
    assert estimator.is_in.wait(WAIT_S)
    call(frame)
    assert sys.stdout is sys.stderr  # the other one still predicts
    estimator.may_go.set()
    long.join(WAIT_S)
    assert (sys.stdout, list(warnings.filters)) == before


class _CompiledWaiting:
    """A compiled chunk of which the first call leaves while the second is still at work."""

    def __init__(self) -> None:
        self.is_in, self.may_go = threading.Event(), threading.Event()

    def score(self, features: pa.Table) -> np.ndarray:
        if threading.current_thread() is not threading.main_thread():
            self.is_in.set()
            self.may_go.wait(WAIT_S)
        return np.zeros(features.num_rows)


def test_compiled_chunks_in_two_threads_share_the_limit_of_blas() -> None:
    controller = ThreadpoolController()
    blas = controller.select(user_api="blas")
    signature = SimpleNamespace(outputs={Method.PREDICT: ()})
    model: Any = SimpleNamespace(threads=controller, manifest=SimpleNamespace(signature=signature))
    waiting = _CompiledWaiting()
    features = pa.table({"miles": np.zeros(FEWEST_ROWS)})

    def scorer() -> Scorer:
        scorer = Scorer(model, Method.PREDICT, Uncompiled(reason="to be replaced"))
        scorer._way = waiting  # type: ignore[assignment]
        return scorer

    with blas.limit(limits=2):
        other = threading.Thread(target=scorer().predict, args=(features,))
        with one_thread(controller):
            other.start()
            assert waiting.is_in.wait(WAIT_S)
        assert {library["num_threads"] for library in blas.info()} == {1}
        waiting.may_go.set()
        other.join(WAIT_S)


def test_a_plan_that_another_thread_found_wrong_stays_unused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Uncompiled(reason="it differs", differed=True)
    signature = SimpleNamespace(outputs={Method.PREDICT: ()})
    model: Any = SimpleNamespace(manifest=SimpleNamespace(signature=signature), ways={}, label="taxi@1")

    def way(*_: Any) -> Uncompiled:
        model.ways[Method.PREDICT] = found  # as the other thread does, while this one compiles
        return Uncompiled(reason="compiled in vain")

    monkeypatch.setattr("batch_scorer.models.scoring.scorer._way", way)
    assert scorer_for(model, Method.PREDICT, Compiled.AUTO).warnings == (
        "taxi@1: it differs; the original pipeline is used",
    )
