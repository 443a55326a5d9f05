"""What encoders and imputers make of text, however training held it: the same from a lake's file."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from batch_scorer.core.models import Signature
from batch_scorer.lake.reading.casts import Origin, cast_column
from batch_scorer.models.signature.columns import columns_from_frame
from batch_scorer.models.signature.frames import model_frame
from tests.models.training_dtypes import KINDS, Kind

TEXT = {name: kind for name, kind in KINDS.items() if kind.type == "string"}
LABELS = np.array([0, 1, 0, 1, 1, 0])


def _imputed(missing: object) -> BaseEstimator:
    imputer = SimpleImputer(strategy="constant", fill_value="?", missing_values=missing)
    return make_pipeline(imputer, OneHotEncoder(handle_unknown="ignore"))


ESTIMATORS: dict[str, Callable[[], Any]] = {
    "one-hot": lambda: OneHotEncoder(handle_unknown="ignore"),
    "one-hot of a column": lambda: ColumnTransformer([("c", OneHotEncoder(handle_unknown="ignore"), ["c"])]),
    "ordinal": lambda: OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2
    ),
    "target": lambda: TargetEncoder(cv=KFold(2)),
    "NaN imputed": lambda: _imputed(np.nan),
    "None imputed": lambda: _imputed(None),
    "NA imputed": lambda: _imputed(pd.NA),
}


def _training(kind: Kind, *, missing: bool) -> pd.DataFrame:
    known = list(kind.dtype.categories)[:2] if kind.remembered == "category" else ["b", "a"]
    rest = kind.missing[0] if missing else known[0]
    return pd.DataFrame({"c": kind.series([known[0], known[1], rest, known[0], known[1], known[1]])})


def _fitted(estimator: Any, training: pd.DataFrame) -> Any:
    """None, where scikit-learn itself refuses: pd.NA in encoders, NaN where None is imputed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return estimator.fit(training, LABELS)
    except (TypeError, ValueError):
        return None


def _holds_na(frame: pd.DataFrame) -> bool:
    return any(value is pd.NA for value in np.asarray(frame["c"]))


def _file(frame: pd.DataFrame) -> io.BytesIO:
    """As whoever fills the lake writes text: plain."""
    buffer = io.BytesIO()
    pq.write_table(
        pa.table({"c": pa.array(frame["c"].astype(object), pa.string(), from_pandas=True)}), buffer
    )
    return buffer


def _from_the_lake(file: io.BytesIO, signature: Signature) -> pd.DataFrame:
    column = pq.read_table(file, read_dictionary=["c"])["c"]
    origin = Origin(file="part-0.parquet", row_at=lambda position: position)
    return model_frame(pa.table({"c": cast_column(column, signature.columns[0], origin)}), signature)


def _dense(result: Any) -> np.ndarray:
    array: np.ndarray = result.toarray() if hasattr(result, "toarray") else np.asarray(result)
    return array


@pytest.mark.parametrize("missing", [True, False], ids=["with missing", "complete"])
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("kind", TEXT)
def test_an_encoder_gives_what_it_gave_at_training(kind: str, estimator: str, missing: bool) -> None:
    training = _training(TEXT[kind], missing=missing)
    fitted = _fitted(ESTIMATORS[estimator](), training)
    if fitted is None:
        assert missing
        assert estimator == "None imputed" or _holds_na(training)
        return
    signature = Signature(columns=columns_from_frame(fitted, training, where="t"), outputs={})
    got = _from_the_lake(_file(training), signature)
    if estimator != "None imputed":  # for which text must be able to hold None
        pd.testing.assert_frame_equal(got, training)
    np.testing.assert_array_equal(_dense(fitted.transform(got)), _dense(fitted.transform(training)))


@pytest.mark.parametrize("sentinel", [None, np.nan], ids=["None", "NaN"])
@pytest.mark.parametrize("estimator", ["one-hot", "one-hot of a column", "ordinal", "target", "None imputed"])
def test_what_the_estimator_learned_counts_more_than_what_the_reference_holds(
    estimator: str, sentinel: Any
) -> None:
    """pandas reads its own file back as `str`, where a missing value is NaN: training may have had None."""
    values = ["b", "a", sentinel, "b", "a", "a"]
    training = pd.DataFrame({"c": pd.Series(values, dtype=object)})
    fitted = _fitted(ESTIMATORS[estimator](), training)
    if fitted is None:
        assert (estimator, sentinel is None) == ("None imputed", False)
        return
    reference = pd.read_parquet(_file(training))
    assert str(reference["c"].dtype) == "str"
    signature = Signature(columns=columns_from_frame(fitted, reference, where="t"), outputs={})
    got = _from_the_lake(_file(training), signature)
    np.testing.assert_array_equal(_dense(fitted.transform(got)), _dense(fitted.transform(training)))
