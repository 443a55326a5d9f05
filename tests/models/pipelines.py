"""Pipelines of many makes, fitted on one small table, and batches for them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from batch_scorer.core.models import Method, Signature
from batch_scorer.models.signature.columns import columns_from_frame
from batch_scorer.models.signature.frames import arrow_features

NUMBERS = ("miles", "fare", "hour", "small", "night")
TEXTS = ("payment", "company", "zone")
COLUMNS = (*NUMBERS, *TEXTS)


def frame(n_rows: int, seed: int, *, nulls: float = 0.1, unseen: float = 0.0) -> pd.DataFrame:
    """miles, fare: float64 with nulls; hour: int64; small: float32; night: bool; payment, company: text with
    nulls; zone: category. unseen: share of texts that training did not have."""
    random = np.random.default_rng(seed)

    def thinned(values: np.ndarray) -> np.ndarray:
        values[random.random(n_rows) < nulls] = np.nan if values.dtype.kind == "f" else None
        return values

    def texts(known: list[str]) -> np.ndarray:
        values = random.choice(np.array(known, dtype=object), n_rows)
        values[random.random(n_rows) < unseen] = "unheard of"
        return thinned(values)

    return pd.DataFrame(
        {
            "miles": thinned(random.gamma(2, 2, n_rows)),
            "fare": thinned(np.round(random.normal(14, 9, n_rows), 2)),
            "hour": random.integers(0, 24, n_rows),
            "small": thinned(random.normal(0, 1, n_rows).astype(np.float32)),
            "night": random.random(n_rows) < 0.3,
            "payment": pd.Series(texts(["cash", "card", "mobile", "dispute"]), dtype="str"),
            "company": pd.Series(texts([f"company {number}" for number in range(12)]), dtype="str"),
            "zone": pd.Categorical(
                thinned(random.choice(np.array(["n", "s", "e"], dtype=object), n_rows)),
                categories=["e", "n", "s"],
            ),
        }
    )


def _columns(*parts: tuple[Any, list[str] | list[int]], **options: Any) -> ColumnTransformer:
    named = [(f"part {number}", step, columns) for number, (step, columns) in enumerate(parts)]
    return ColumnTransformer(named, **options)


_AMOUNTS = ["miles", "fare"]
_FEW = ["payment", "company"]


def _one_hot(**options: Any) -> OneHotEncoder:
    return OneHotEncoder(**({"handle_unknown": "ignore"} | options))


PREPARATIONS: Mapping[str, Callable[[], Any]] = {
    "imputed, scaled and one-hot": lambda: _columns(
        (make_pipeline(SimpleImputer(), StandardScaler()), _AMOUNTS), (_one_hot(), _FEW)
    ),
    "one-hot, kept sparse": lambda: _columns(
        (make_pipeline(SimpleImputer(strategy="median"), RobustScaler()), [*_AMOUNTS, "hour"]),
        (_one_hot(), [*_FEW, "zone"]),
        sparse_threshold=1.0,
    ),
    "one-hot, dense, first dropped": lambda: _columns(
        (SimpleImputer(strategy="most_frequent", add_indicator=True), _AMOUNTS),
        (_one_hot(drop="first", sparse_output=False, handle_unknown="ignore"), _FEW),
    ),
    "rare categories together": lambda: _columns(
        (SimpleImputer(strategy="constant", fill_value=-1.0), _AMOUNTS),
        (_one_hot(handle_unknown="infrequent_if_exist", min_frequency=40), _FEW),
        sparse_threshold=1.0,
    ),
    "filled texts, one-hot": lambda: _columns(
        (make_pipeline(SimpleImputer(strategy="most_frequent"), _one_hot()), _FEW),
        (make_pipeline(SimpleImputer(), MaxAbsScaler()), _AMOUNTS),
        sparse_threshold=1.0,
    ),
    "ordinal with passthrough": lambda: _columns(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), _FEW),
        (SimpleImputer(), _AMOUNTS),
        remainder="drop",
    ),
    "ordinal, missing encoded, rest passed": lambda: _columns(
        (
            OrdinalEncoder(
                handle_unknown="use_encoded_value",
                unknown_value=np.nan,
                encoded_missing_value=-2,
                min_frequency=30,
            ),
            [*_FEW, "zone"],
        ),
        ("passthrough", ["hour", "night"]),
        (SimpleImputer(), _AMOUNTS),
    ),
    "target means": lambda: _columns((TargetEncoder(), _FEW), (MinMaxScaler(clip=True), ["hour", "night"])),
    "bins": lambda: _columns(
        (
            make_pipeline(
                SimpleImputer(),
                KBinsDiscretizer(4, encode="ordinal", quantile_method="averaged_inverted_cdf"),
            ),
            _AMOUNTS,
        ),
        (
            KBinsDiscretizer(5, encode="onehot-dense", strategy="uniform"),
            ["hour"],
        ),
    ),
    "sparse bins and whole numbers one-hot": lambda: _columns(
        (KBinsDiscretizer(6, strategy="uniform"), ["hour"]),
        (_one_hot(), ["hour", "night"]),
        (_one_hot(), _FEW),
        sparse_threshold=1.0,
    ),
    "functions of numbers": lambda: _columns(
        (make_pipeline(SimpleImputer(), FunctionTransformer(np.log1p), StandardScaler()), ["miles"]),
        (make_pipeline(FunctionTransformer(np.sqrt), MinMaxScaler()), ["hour"]),
        (make_pipeline(SimpleImputer(), FunctionTransformer(np.tanh, validate=True)), ["small"]),
    ),
    "single precision": lambda: _columns(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["small"]),
        (make_pipeline(SimpleImputer(strategy="median"), MinMaxScaler()), ["small"]),
    ),
    "single beside double": lambda: make_pipeline(
        _columns((SimpleImputer(), ["small"]), (SimpleImputer(), _AMOUNTS), ("passthrough", ["hour"])),
        StandardScaler(),
    ),
    "scaled after all": lambda: make_pipeline(
        _columns(
            (SimpleImputer(add_indicator=True), _AMOUNTS),
            (_one_hot(sparse_output=False), _FEW),
            (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["zone"]),
        ),
        StandardScaler(),
    ),
    "scaled when sparse": lambda: make_pipeline(
        _columns((SimpleImputer(), [*_AMOUNTS, "hour"]), (_one_hot(), _FEW), sparse_threshold=1.0),
        MaxAbsScaler(),
        StandardScaler(with_mean=False),
    ),
    "columns within columns": lambda: _columns(
        (
            make_pipeline(
                _columns(
                    (SimpleImputer(), ["fare"]), ("passthrough", ["hour"]), (SimpleImputer(), ["miles"])
                ),
                _columns((StandardScaler(), [2, 0]), ("passthrough", [1])),
            ),
            ["miles", "fare", "hour"],
        ),
        (_one_hot(), ["payment"]),
    ),
    "one column twice": lambda: FeatureUnion(
        [
            ("one", _columns((_one_hot(), ["payment"]), (SimpleImputer(), ["fare"]), sparse_threshold=1.0)),
            ("two", _columns((_one_hot(), ["company", "payment"]), sparse_threshold=1.0)),
        ]
    ),
}

FINALS: Mapping[str, Callable[[], BaseEstimator]] = {
    "logistic": lambda: LogisticRegression(max_iter=300),
    "logistic of three": lambda: LogisticRegression(max_iter=300),
    "sgd": lambda: SGDClassifier(loss="log_loss", random_state=0),
    "svc": lambda: LinearSVC(random_state=0),
    "ridge of three": RidgeClassifier,
    "least squares": LinearRegression,
    "ridge": Ridge,
    "sgd number": lambda: SGDRegressor(random_state=0),
    "boosted": lambda: HistGradientBoostingClassifier(max_iter=12, random_state=0),
    "boosted of three": lambda: HistGradientBoostingClassifier(max_iter=8, random_state=0, max_leaf_nodes=50),
    "boosted number": lambda: HistGradientBoostingRegressor(max_iter=12, random_state=0, loss="poisson"),
    "large leaves": lambda: HistGradientBoostingRegressor(max_iter=5, max_leaf_nodes=120, min_samples_leaf=2),
    "forest": lambda: RandomForestClassifier(12, random_state=0),
    "forest of three": lambda: RandomForestClassifier(6, random_state=0),
    "forest number": lambda: RandomForestRegressor(8, random_state=0),
    "extra trees number": lambda: ExtraTreesRegressor(8, random_state=0),
    "classic boosting": lambda: GradientBoostingClassifier(n_estimators=8, random_state=0),
    "tree": lambda: DecisionTreeClassifier(max_depth=5, random_state=0),
    "bayes": GaussianNB,
}


_SPARSE = {name for name in PREPARATIONS if "sparse" in name} | {
    "rare categories together",
    "filled texts, one-hot",
    "one column twice",
    "imputed, scaled and one-hot",
}
_WITH_NAN = {"ordinal with passthrough", "ordinal, missing encoded, rest passed", "scaled after all"}
_TAKING_NAN = {name for name in FINALS if "boosted" in name or "forest" in name or "tree" in name}
_TAKING_NAN |= {"large leaves"}


def _go_together(preparation: str, final: str) -> bool:
    if preparation in _SPARSE and ("boosted" in final or final in ("large leaves", "bayes")):
        return False
    return preparation not in _WITH_NAN or final in _TAKING_NAN


PAIRS = [pair for pair in product(PREPARATIONS, FINALS) if _go_together(*pair)]


@cache
def fitted(preparation: str, final: str) -> Pipeline:
    table = frame(600, seed=1)
    random = np.random.default_rng(2)
    signal = table["fare"].fillna(0).to_numpy() + 5 * (table["payment"] == "card").to_numpy()
    target: np.ndarray = signal + random.normal(0, 4, len(table))
    if "number" in final or final in ("least squares", "ridge", "large leaves"):
        target = np.abs(target)
    elif "three" in final:
        names: Any = np.array(["low", "middle", "high"])
        target = names[np.searchsorted([10.0, 18.0], target)]
    else:
        target = (target > 15).astype(int)
    pipeline = Pipeline([("prep", PREPARATIONS[preparation]()), ("final", FINALS[final]())])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it did not converge is no matter here
        return pipeline.fit(table, target)


def methods_of(estimator: Any) -> list[Method]:
    return [
        method
        for method in (Method.PREDICT, Method.PREDICT_PROBA, Method.DECISION_FUNCTION)
        if hasattr(estimator, method.value)
    ]


def signature_of(estimator: Any, table: pd.DataFrame, method: Method) -> Signature:
    result = np.asarray(getattr(estimator, method.value)(table))
    return Signature(
        columns=columns_from_frame(estimator, table, where="here"), outputs={method: result.shape[1:]}
    )


def features(table: pd.DataFrame, signature: Signature, *, encoded: bool = True) -> pa.Table:
    """As the reader hands them over: texts dictionary-encoded, or not."""
    arrow = arrow_features(table, signature.columns)
    if not encoded:
        return arrow
    columns = [c.dictionary_encode() if pa.types.is_string(c.type) else c for c in arrow.columns]
    return pa.table(columns, names=arrow.column_names)
