"""What is not known is not compiled, and the reason names the step or column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

from batch_scorer.core.models import Method, Signature, Takes
from batch_scorer.models.scoring.compiled.compiling import compile_pipeline
from batch_scorer.models.scoring.compiled.plan import tracks_of
from batch_scorer.models.scoring.compiled.reasons import NotCompiled
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


def test_a_column_without_any_value_in_training_is_left_out() -> None:
    frame = FRAME[AMOUNTS].assign(miles=np.nan)
    imputer = SimpleImputer()
    pipeline = make_pipeline(imputer, DecisionTreeClassifier(max_depth=2))
    with pytest.warns(UserWarning, match="without any observed values"):
        pipeline.fit(frame, TARGET)
    tracks = tracks_of(anatomy(pipeline), _signature(frame))
    assert [track.source for track in tracks] == [1]
