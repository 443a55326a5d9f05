"""What is not known is not compiled, and the reason names the step or column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor, VotingRegressor
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from batch_scorer.core.models import Method, Signature, Takes
from batch_scorer.models.scoring.compiled.comparing import same_bits
from batch_scorer.models.scoring.compiled.compiling import compile_pipeline
from batch_scorer.models.scoring.compiled.plan import tracks_of
from batch_scorer.models.scoring.compiled.reasons import NotCompiled, Unusual
from batch_scorer.models.scoring.compiled.recognising.anatomy import anatomy
from batch_scorer.models.scoring.compiled.recognising.operations import Fill, InPlace
from batch_scorer.models.signature.columns import columns_from_frame
from tests.models import pipelines

FRAME = pipelines.frame(300, seed=1, nulls=0.0)
TARGET = (FRAME["fare"] > 14).to_numpy()
AMOUNTS = ["miles", "fare"]


def _signature(frame: pd.DataFrame, takes: Takes = Takes.FRAME) -> Signature:
    columns = columns_from_frame(object(), frame, where="here", names=tuple(frame.columns))
    return Signature(columns=columns, outputs={Method.PREDICT: ()}, takes=takes)


def _reason(*steps: Any, columns: list[str] = AMOUNTS, fitted_on: Any = None) -> str:
    frame = FRAME[columns]
    pipeline = make_pipeline(*steps, DecisionTreeClassifier(max_depth=2))
    pipeline.fit(frame if fitted_on is None else fitted_on, TARGET)
    with pytest.raises(NotCompiled) as caught:
        compile_pipeline(pipeline, _signature(frame), Method.PREDICT, None)
    return str(caught.value)


class OwnScaler(StandardScaler):  # type: ignore[misc]
    """A subclass may do anything."""


def _doubled(table: Any) -> Any:
    return table * 2


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (Normalizer(), 'step "normalizer" is a Normalizer, which is not known'),
        (PolynomialFeatures(), 'step "polynomialfeatures" is a PolynomialFeatures, which is not known'),
        (KNNImputer(), 'step "knnimputer" is a KNNImputer, which is not known'),
        (OwnScaler(), 'step "ownscaler" is a OwnScaler, which is not known'),
        (
            FunctionTransformer(_doubled),
            'step "functiontransformer": _doubled is no NumPy function of one number',
        ),
        (
            FunctionTransformer(np.tanh, kw_args={"dtype": np.float64}),
            'step "functiontransformer": its function has arguments',
        ),
        (
            StandardScaler().set_output(transform="pandas"),
            'step "standardscaler" gives data frames (set_output)',
        ),
        (SimpleImputer(missing_values=-1.0), 'step "simpleimputer": it fills -1.0, not NaN'),
        (SimpleImputer(strategy=np.nanmin), 'step "simpleimputer": its strategy is a function'),
        (
            ColumnTransformer([("a", StandardScaler(), AMOUNTS)], transformer_weights={"a": 2.0}),
            'step "columntransformer": it weighs its transformers',
        ),
        (
            FeatureUnion([("a", StandardScaler())], transformer_weights={"a": 2.0}),
            'step "featureunion": it weighs its transformers',
        ),
        (
            ColumnTransformer([("amounts", make_pipeline(StandardScaler(), Normalizer()), AMOUNTS)]),
            'step "columntransformer": step "amounts": step "normalizer" is a Normalizer, which is not known',
        ),
    ],
)
def test_a_step_that_is_not_known_is_named(step: Any, reason: str) -> None:
    assert _reason(step) == reason


def test_a_scaler_of_texts_beside_numbers_is_never_guessed_at() -> None:
    encoder = ColumnTransformer([("codes", OrdinalEncoder(), ["payment", "fare"])])
    pipeline = make_pipeline(encoder, DecisionTreeClassifier(max_depth=2))
    pipeline.fit(FRAME[["payment", "fare"]], TARGET)
    tracks = tracks_of(anatomy(pipeline), _signature(FRAME[["payment", "fare"]]))
    assert all(track.looked_up for track in tracks)


def test_a_column_that_pandas_masks_is_not_calculated_with() -> None:
    frame = FRAME[["hour", "fare"]].astype({"hour": "Int64"})
    pipeline = make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=2)).fit(frame, TARGET)
    tracks = tracks_of(anatomy(pipeline), _signature(frame))
    assert [track.looked_up for track in tracks] == [True, True]


def test_a_pipeline_that_begins_with_texts_is_not_compiled() -> None:
    with pytest.raises(NotCompiled, match="begins with a text vectorizer"):
        tracks_of(anatomy(LogisticRegression()), _signature(FRAME[["payment"]], Takes.SERIES))


def test_steps_of_pipelines_within_pipelines_are_laid_flat() -> None:
    inner = make_pipeline(SimpleImputer(), LogisticRegression())
    parts = anatomy(Pipeline([("first", StandardScaler()), ("none", "passthrough"), ("rest", inner)]))
    assert [name for name, _ in parts.steps] == ["first", "simpleimputer"]
    assert isinstance(parts.final, LogisticRegression)


def test_tracks_say_where_each_column_comes_from_and_what_is_done_to_it() -> None:
    transformer = ColumnTransformer(
        [
            ("texts", OneHotEncoder(), ["payment"]),
            ("dropped", "drop", ["miles"]),
            ("amounts", make_pipeline(SimpleImputer(), StandardScaler()), ["fare"]),
        ],
        remainder="passthrough",
    )
    columns = ["miles", "fare", "payment", "hour"]
    pipeline = make_pipeline(transformer, DecisionTreeClassifier(max_depth=2)).fit(FRAME[columns], TARGET)
    tracks = tracks_of(anatomy(pipeline), _signature(FRAME[columns]))
    assert [columns[track.source] for track in tracks] == ["payment"] * 4 + ["fare", "hour"]
    assert [track.looked_up for track in tracks] == [True] * 4 + [False] * 2
    assert [type(step) for step in tracks[4].operations] == [Fill, InPlace, InPlace]
    assert {track.dtype for track in tracks} == {np.dtype(np.float64)}


class Ruled(LogisticRegression):  # type: ignore[misc]
    """After its decision, it looks at the features again."""

    def predict_proba(self, table: Any) -> Any:
        chances = super().predict_proba(table)
        first = table[:, [0]].toarray() if hasattr(table, "toarray") else table[:, [0]]
        chances[(first[:, 0] > 4.5) & (first[:, 0] < 4.9)] = 0.25
        return chances


def _four_ways() -> np.ndarray:
    names: Any = np.array(["low", "middle", "high", "top"])
    ways: np.ndarray = names[np.searchsorted([5.0, 10.0, 18.0], FRAME["fare"])]
    return ways


def test_a_subclass_of_a_linear_model_gets_the_table_that_it_asks_for() -> None:
    preparation = pipelines.PREPARATIONS["one-hot, kept sparse"]()
    estimator = make_pipeline(preparation, Ruled(max_iter=300)).fit(FRAME, _four_ways())
    signature = pipelines.signature_of(estimator, FRAME.head(9), Method.PREDICT_PROBA)
    plan = compile_pipeline(estimator, signature, Method.PREDICT_PROBA, None)
    features = pipelines.features(pipelines.frame(20_000, seed=9), signature)
    assert same_bits(plan.chunk().score(features), plan.original.whole(features))


class OwnPipeline(Pipeline):  # type: ignore[misc]
    """It may do anything with a data frame."""


class OwnEstimator(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    def fit(self, table: pd.DataFrame, target: np.ndarray) -> OwnEstimator:
        self.feature_names_in_ = np.array(table.columns, dtype=object)
        self.n_features_in_ = table.shape[1]
        return self

    def predict(self, table: Any) -> np.ndarray:
        if isinstance(table, pd.DataFrame):
            return np.where(np.abs(table["fare"] - 35) < 0.5, 0.0, table["fare"] * 2)
        doubled: np.ndarray = table[:, 1] * 2
        return doubled


@pytest.mark.parametrize(
    "estimator",
    [
        OwnEstimator(),
        VotingRegressor([("own", OwnEstimator())]),
        OwnPipeline([("tree", DecisionTreeRegressor(max_depth=2))]),
    ],
)
def test_an_estimator_that_may_know_a_data_frame_from_an_array_gets_the_data_frame(estimator: Any) -> None:
    frame = FRAME[AMOUNTS]
    estimator.fit(frame, TARGET.astype(float))
    with pytest.raises(NotCompiled, match=f"before a {type(estimator).__name__}, which may read data frames"):
        compile_pipeline(estimator, _signature(frame), Method.PREDICT, None)


@pytest.mark.parametrize(
    ("place", "method"),
    [((), "predict"), (("prep",), "transform"), (("scale",), "transform"), (("tree",), "predict")],
)
def test_a_method_that_was_put_into_an_object_is_not_guessed_at(place: tuple[str, ...], method: str) -> None:
    frame = FRAME[AMOUNTS]
    prepared = ColumnTransformer([("scaled", StandardScaler(), AMOUNTS)])
    steps = [("prep", prepared), ("scale", StandardScaler()), ("tree", DecisionTreeClassifier(max_depth=2))]
    estimator = Pipeline(steps).fit(frame, TARGET)
    part = estimator.named_steps[place[0]] if place else estimator
    setattr(part, method, getattr(part, method))
    with pytest.raises(NotCompiled, match=f"a {type(part).__name__} has a method {method} of its own"):
        compile_pipeline(estimator, _signature(frame), Method.PREDICT, None)


def test_boosting_that_begins_with_another_estimator_keeps_the_order_of_the_rows() -> None:
    begun = GradientBoostingRegressor(init=make_pipeline(StandardScaler(), Ridge()), n_estimators=3)
    estimator = make_pipeline(StandardScaler(), begun).fit(FRAME[AMOUNTS], TARGET.astype(float))
    plan = compile_pipeline(estimator, _signature(FRAME[AMOUNTS]), Method.PREDICT, None)
    assert not plan.final.rows_alone


def test_what_is_infinite_between_two_steps_is_left_to_the_original() -> None:
    """An imputer raises at it; tanh would make 1 of it again."""
    steps = (StandardScaler(), SimpleImputer(), FunctionTransformer(np.tanh))
    estimator = make_pipeline(*steps, DecisionTreeClassifier(max_depth=2))
    estimator.fit(FRAME[AMOUNTS] / 1e6, TARGET)
    plan = compile_pipeline(estimator, _signature(FRAME[AMOUNTS]), Method.PREDICT, None)
    large = FRAME[AMOUNTS].assign(fare=[1e308, *FRAME["fare"][1:]])
    with pytest.raises(Unusual):
        plan.chunk().score(pipelines.features(large, plan.plan.signature))
