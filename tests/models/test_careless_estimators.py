"""Estimators that write into what they are handed, look at their neighbours, print, or need more threads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from threadpoolctl import threadpool_limits

from batch_scorer.core.errors import BatchScorerError, SignatureInvalid
from batch_scorer.core.models import Method
from batch_scorer.models import register
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.scoring.loader import load_model
from tests.models.conftest import make_rides

RIDES = make_rides(300, seed=5).dropna()
FEATURES = RIDES[["trip_miles", "fare"]]


def logged_in_place(frame: pd.DataFrame) -> pd.DataFrame:
    """As many notebooks have it: the caller's own frame is changed."""
    frame["fare"] = np.log1p(frame["fare"])
    frame.loc[:, "trip_miles"] = frame["trip_miles"] * 2
    return frame


def ranked(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.rank()


def summed_up(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.cumsum()


class Careless(GaussianNB):  # type: ignore[misc]
    """Classes by naive Bayes; `answers` says what else."""

    answers: Any = None

    def predict(self, X: pd.DataFrame) -> Any:  # noqa: N803
        return self.answers(X) if self.answers is not None else super().predict(X)


def talking(frame: pd.DataFrame) -> np.ndarray:
    print("scoring", len(frame))
    return np.ones(len(frame))


def nothing(frame: pd.DataFrame) -> np.ndarray:
    return np.empty((len(frame), 0))


def half_characters(frame: pd.DataFrame) -> np.ndarray:
    return np.array(["\ud800"] * len(frame), dtype=object)


def careless(answers: Any) -> Careless:
    model: Careless = Careless().fit(FEATURES, RIDES.big_tip)
    model.answers = answers
    return model


def test_every_method_is_asked_about_the_rows_as_they_are(tmp_path: Path) -> None:
    """A pipeline that writes into its input once gave predict_proba the rows that predict had changed."""
    model = make_pipeline(FunctionTransformer(logged_in_place), LogisticRegression())
    model.fit(FEATURES.copy(), RIDES.big_tip)
    added = register(model, name="m", reference=RIDES, registry=tmp_path, allow_pickle=True)
    inputs = pq.read_table(added.path / "golden_input.parquet").to_pandas()
    outputs = pq.read_table(added.path / "golden_output.parquet")
    expected = model.predict_proba(inputs.copy())[:, 1]
    np.testing.assert_array_equal(outputs["predict_proba[1]"].to_numpy(), expected)
    loaded = load_model(FileRegistry(tmp_path).resolve("m@1"))
    table = pq.read_table(added.path / "golden_input.parquet")
    np.testing.assert_array_equal(loaded.predict(table, Method.PREDICT_PROBA)[:, 1], expected)


@pytest.mark.parametrize("neighbourly", [ranked, summed_up])
def test_a_model_that_looks_at_other_rows_is_refused(tmp_path: Path, neighbourly: Any) -> None:
    model = make_pipeline(FunctionTransformer(neighbourly), Ridge()).fit(FEATURES, RIDES.fare)
    with pytest.raises(SignatureInvalid, match="depends on the other rows of its batch") as caught:
        register(model, name="m", reference=RIDES, registry=tmp_path, allow_pickle=True)
    assert "in parts" in str(caught.value.fix)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_a_model_of_wide_products_is_registered_where_there_are_several_threads(tmp_path: Path) -> None:
    """Workers score with one thread; two add in another order, and its golden rows did not repeat."""
    model = MLPRegressor(hidden_layer_sizes=(300, 300), max_iter=2, random_state=0).fit(FEATURES, RIDES.fare)
    with threadpool_limits(2):
        added = register(model, name="m", reference=RIDES, registry=tmp_path)
    assert added.version == 1


def test_a_forest_that_told_of_its_training_is_silent_when_it_scores(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = RandomForestClassifier(3, random_state=0).fit(FEATURES, RIDES.big_tip).set_params(verbose=2)
    register(model, name="m", reference=RIDES, registry=tmp_path)
    assert capfd.readouterr() == ("", "")


def test_what_a_model_prints_is_not_among_the_results_on_stdout(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = careless(talking)
    register(model, name="m", reference=RIDES, registry=tmp_path, allow_pickle=True)
    said = capfd.readouterr()
    assert said.out == ""
    assert "scoring" in said.err


def test_a_method_that_gives_no_columns_is_left_out(tmp_path: Path) -> None:
    added = register(careless(nothing), name="m", reference=RIDES, registry=tmp_path, allow_pickle=True)
    assert Method.PREDICT not in added.manifest.signature.outputs
    assert "predict is left out" in added.manifest.notes


def test_text_that_is_no_unicode_is_told(tmp_path: Path) -> None:
    with pytest.raises(BatchScorerError, match="predict gives values that no column can hold"):
        register(careless(half_characters), name="m", reference=RIDES, registry=tmp_path, allow_pickle=True)
