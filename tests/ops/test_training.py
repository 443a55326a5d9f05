"""The example's model learns something, from rides that are older than what it scores."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline

from batch_scorer.ops.scaffold.rides import FIRST_DAY, rides_of_day
from batch_scorer.ops.scaffold.training import CATEGORIES, NUMBERS, train, training_frame


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return training_frame(7)


@pytest.fixture(scope="module")
def model(frame: pd.DataFrame) -> Pipeline:
    return train(frame)


def test_training_rides_end_before_the_lake_begins(frame: pd.DataFrame) -> None:
    assert len(frame) >= 30_000
    assert frame["ride_id"].is_unique
    assert frame["started_at"].max() < pd.Timestamp(FIRST_DAY)


def test_the_model_tells_big_tips_apart_on_rides_it_never_saw(model: Pipeline) -> None:
    rides = rides_of_day(FIRST_DAY + dt.timedelta(days=3), 5_000, seed=7).to_pandas()
    big_tip = rides["tips"] > 0.2 * rides["fare"]
    score = model.predict_proba(rides[NUMBERS + CATEGORIES])[:, 1]
    assert roc_auc_score(big_tip, score) > 0.9
    assert score.mean() == pytest.approx(big_tip.mean(), abs=0.02)
    by_card = rides["payment_type"] == "Credit Card"
    assert roc_auc_score(big_tip[by_card], score[by_card]) > 0.6  # more than the payment type alone


def test_the_model_survives_skops_with_no_type_beyond_a_dtype(model: Pipeline, frame: pd.DataFrame) -> None:
    stored = skops.io.dumps(model)
    assert set(skops.io.get_untrusted_types(data=stored)) <= {"numpy.dtype"}
    loaded = skops.io.loads(stored, trusted=["numpy.dtype"])
    features = frame[NUMBERS + CATEGORIES]
    assert np.array_equal(loaded.predict_proba(features), model.predict_proba(features))


def test_the_same_seed_trains_the_same_model(model: Pipeline) -> None:
    again = train(training_frame(7))
    assert np.array_equal(again[-1].coef_, model[-1].coef_)
