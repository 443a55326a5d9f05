from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.errors import ScoringError
from batch_scorer.core.models import Method
from batch_scorer.models.scoring.calling import predict, raising_rows


class Picky:
    """Raises on negative numbers, answers what it was given otherwise."""

    def __init__(self) -> None:
        self.n_calls = 0

    def predict(self, frame: pd.DataFrame) -> Any:
        self.n_calls += 1
        if (frame["x"] < 0).any():
            raise ValueError(f"negative:   {frame['x'].min()}")
        return frame["x"].to_numpy()


def _score(values: list[float], shape: tuple[int, ...] = ()) -> np.ndarray:
    return predict(Picky(), pd.DataFrame({"x": values}), Method.PREDICT, shape)


@given(st.lists(st.sampled_from([1.0, 1.0, 1.0, -1.0]), min_size=1, max_size=10))
def test_exactly_the_raising_rows_are_found(values: list[float]) -> None:
    bad = np.flatnonzero(np.array(values) < 0).tolist()
    if not bad:
        assert _score(values).tolist() == values
        return
    with pytest.raises(ScoringError) as caught:
        _score(values)
    assert list(caught.value.error_rows) == bad
    assert f"raised on {len(bad)} of {len(values)} rows, first at batch row {bad[0]}" in caught.value.what
    assert "ValueError: negative: -1.0" in caught.value.what


def test_a_batch_on_which_all_rows_raise_is_not_searched_forever() -> None:
    model = Picky()
    with pytest.raises(ScoringError, match=r"at least \d+ of 100,000 rows, first at batch row 0"):
        predict(model, pd.DataFrame({"x": np.full(100_000, -1.0)}), Method.PREDICT, ())
    assert model.n_calls < 70


def test_the_first_raising_row_is_found_in_a_large_batch() -> None:
    values = np.ones(131_072)
    values[77_777] = -1
    with pytest.raises(ScoringError, match="raised on 1 of 131,072 rows, first at batch row 77777"):
        predict(Picky(), pd.DataFrame({"x": values}), Method.PREDICT, ())


def test_a_model_that_raises_only_on_rows_together_is_told_apart() -> None:
    class Lonely:
        def predict(self, frame: pd.DataFrame) -> np.ndarray:
            if len(frame) > 1:
                raise RuntimeError("too many")
            return np.ones(1)

    with pytest.raises(ScoringError, match="on none of its rows alone: RuntimeError: too many"):
        predict(Lonely(), pd.DataFrame({"x": [1.0, 2.0]}), Method.PREDICT, ())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_result_that_is_no_number_is_an_error_row(bad: float) -> None:
    with pytest.raises(ScoringError, match="2 of 4 rows, first at batch row 1") as caught:
        _score([1.0, bad, 2.0, bad])
    assert caught.value.error_rows == (1, 3)
    assert caught.value.n_error_rows == 2


def test_a_null_label_is_an_error_row() -> None:
    class Silent:
        def predict(self, frame: pd.DataFrame) -> np.ndarray:
            return np.array(["yes", None], dtype=object)

    with pytest.raises(ScoringError, match="1 of 2 rows, first at batch row 1: None"):
        predict(Silent(), pd.DataFrame({"x": [1, 2]}), Method.PREDICT, ())


def test_a_result_of_another_shape_than_the_signature_is_refused() -> None:
    with pytest.raises(ScoringError, match="shape"):
        _score([1.0, 2.0], shape=(2,))


def test_no_rows_give_no_predictions_without_asking_the_model() -> None:
    assert predict(Picky(), pd.DataFrame({"x": []}), Method.PREDICT_PROBA, (2,)).shape == (0, 2)


def test_running_out_of_memory_is_no_fault_of_a_row() -> None:
    class Hungry:
        def predict(self, frame: pd.DataFrame) -> np.ndarray:
            raise MemoryError

    with pytest.raises(MemoryError):
        predict(Hungry(), pd.DataFrame({"x": [1.0]}), Method.PREDICT, ())


def test_error_rows_travel_to_the_driver() -> None:
    with pytest.raises(ScoringError) as caught:
        _score([1.0, -1.0])
    copy = pickle.loads(pickle.dumps(caught.value))
    assert copy == caught.value
    assert copy.error_rows == (1,)


def test_a_search_without_limit_finds_every_row() -> None:
    frame = pd.DataFrame({"x": np.where(np.arange(50) % 3 == 0, -1.0, 1.0)})
    rows = raising_rows(Picky().predict, frame, ValueError(), max_calls=200)
    assert rows.complete
    assert list(rows.positions) == list(range(0, 50, 3))
