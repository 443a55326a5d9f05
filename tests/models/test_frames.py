"""The oracle: what pandas.read_parquet gives for the same file, which is what training had."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator

from batch_scorer.core.errors import ColumnMissing, ScoringError, SignatureInvalid
from batch_scorer.core.models import ColumnSpec, Signature
from batch_scorer.models.signature.arrow_types import arrow_type
from batch_scorer.models.signature.columns import columns_from_frame
from batch_scorer.models.signature.frames import arrow_features, model_frame

_DAYS = pd.Series(["2024-01-01", None, "2024-03-10", "2024-12-31"])
EVERY_DTYPE = pd.DataFrame(
    {
        "f64": [1.5, np.nan, -0.0, 3.0],
        "f32": np.array([1.5, np.nan, 2, 3], dtype="float32"),
        "i64": [1, 2**62, 3, -4],
        "u8": np.array([1, 2, 3, 255], dtype="uint8"),
        "bool": [True, False, True, True],
        "Int64": pd.array([1, None, 2**62, 4], dtype="Int64"),
        "UInt16": pd.array([1, None, 3, 4], dtype="UInt16"),
        "Float64": pd.array([1.5, None, 3, 4], dtype="Float64"),
        "boolean": pd.array([True, None, False, True], dtype="boolean"),
        "str": ["a", None, "b", "a"],
        "string": pd.array(["a", None, "b", "a"], dtype="string"),
        "category": pd.Categorical(["x", None, "y", "x"], categories=["y", "x", "z"]),
        "numbers": pd.Categorical([3, None, 1, 3]),
        "naive": pd.to_datetime(_DAYS),
        "aware": pd.to_datetime(_DAYS).dt.tz_localize("America/Chicago"),
        "ns": pd.to_datetime(_DAYS).dt.as_unit("ns"),
        "date": pd.Series([dt.date(2024, 1, 1), None, dt.date(2024, 3, 10), None], dtype=object),
        "maybe": pd.Series([True, None, False, True], dtype=object),
    }
)


class Knowing(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """An estimator that knows nothing but its column names."""

    def __init__(self, names: list[str]) -> None:
        self.feature_names_in_ = np.array(names, dtype=object)


def _columns(frame: pd.DataFrame) -> tuple[ColumnSpec, ...]:
    return columns_from_frame(Knowing(list(frame.columns)), frame, where="train.parquet")


def _signature(frame: pd.DataFrame) -> Signature:
    return Signature(columns=_columns(frame), outputs={})


def _through_parquet(frame: pd.DataFrame) -> tuple[pd.DataFrame, pa.Table]:
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    text = [c for c in frame if frame[c].dtype in ("str", "string", "object")]
    return pd.read_parquet(buffer), pq.read_table(buffer, read_dictionary=text)


def test_every_dtype_comes_back_as_training_had_it() -> None:
    seen, table = _through_parquet(EVERY_DTYPE.drop(columns="numbers"))  # Parquet keeps text categories only
    pd.testing.assert_frame_equal(model_frame(table, _signature(seen)), seen)


def test_golden_rows_survive_the_way_to_arrow_and_back() -> None:
    columns = _columns(EVERY_DTYPE)
    features = arrow_features(EVERY_DTYPE, columns)
    assert [str(f.type) for f in features.schema] == [str(arrow_type(spec.type)) for spec in columns]
    pd.testing.assert_frame_equal(model_frame(features, Signature(columns=columns, outputs={})), EVERY_DTYPE)


def test_columns_come_in_the_order_of_the_signature_and_others_stay_out() -> None:
    signature = _signature(pd.DataFrame({"b": [1.0], "a": ["x"]}))
    frame = model_frame(pa.table({"a": ["y"], "key": [1], "b": [2.0]}), signature)
    assert list(frame.columns) == ["b", "a"]


def test_an_absent_column_is_named() -> None:
    with pytest.raises(ColumnMissing, match='"f64"'):
        model_frame(pa.table({"x": [1.0]}), _signature(EVERY_DTYPE[["f64"]]))


_chunks = st.lists(st.lists(st.none() | st.sampled_from("abcdefgh"), max_size=6), min_size=1, max_size=4)


@given(_chunks, st.booleans(), st.sampled_from(["object", "str"]), st.sampled_from(["nan", "none"]))
def test_text_is_the_same_however_arrow_holds_it(
    chunks: list[list[str | None]], dictionaries: bool, dtype: str, missing: str
) -> None:
    arrays = [pa.array(chunk, type=pa.string()) for chunk in chunks]
    column = pa.chunked_array([a.dictionary_encode() if dictionaries else a for a in arrays])
    if dtype == "str":
        missing = "nan"
    spec = ColumnSpec(name="s", type="string", nullable=True, pandas_dtype=dtype, missing=missing)
    got = model_frame(pa.table({"s": column}), Signature(columns=(spec,), outputs={}))["s"]
    assert str(got.dtype) == dtype
    expected = [value for chunk in chunks for value in chunk]
    if missing == "none":
        assert got.tolist() == expected
    else:
        assert [None if value != value else value for value in got] == expected
        assert all(isinstance(value, float) for value in got[got.isna()])


@given(st.lists(st.none() | st.sampled_from(["x", "y", "z", "new"]), max_size=12), st.booleans())
def test_a_category_training_never_had_is_an_error_and_never_a_null(
    values: list[str | None], dictionary: bool
) -> None:
    trained = pd.DataFrame({"c": pd.Categorical(["y", "x", "z"])})
    column: Any = pa.array(values, type=pa.string())
    if dictionary:
        column = column.dictionary_encode()
    table, signature = pa.table({"c": column}), _signature(trained)
    if "new" in values:
        with pytest.raises(ScoringError, match="'new'") as caught:
            model_frame(table, signature)
        assert caught.value.n_error_rows == values.count("new")
        assert caught.value.error_rows[0] == values.index("new")
    else:
        got = model_frame(table, signature)["c"]
        assert got.cat.categories.tolist() == ["x", "y", "z"]
        assert [None if value != value else value for value in got] == values


def test_a_dictionary_entry_no_row_uses_is_no_unknown_category() -> None:
    column = pa.array(["x", "new"]).dictionary_encode().slice(0, 1)
    frame = model_frame(pa.table({"c": column}), _signature(pd.DataFrame({"c": pd.Categorical(["x"])})))
    assert frame["c"].tolist() == ["x"]


@pytest.mark.parametrize("name", ["i64", "bool"])
def test_a_null_without_room_is_an_error(name: str) -> None:
    signature = _signature(EVERY_DTYPE[[name]])
    assert not signature.columns[0].nullable
    value = True if name == "bool" else 1
    with pytest.raises(ScoringError, match="first at batch row 1"):
        model_frame(pa.table({name: pa.array([value, None])}), signature)


@pytest.mark.parametrize(
    "values", [[b"x"], [{"a": 1}], [1, "a"], [None], [pd.Timedelta(1)], [complex(1)]], ids=repr
)
def test_a_type_no_signature_describes_is_refused(values: list[object]) -> None:
    frame = pd.DataFrame({"odd": values})
    with pytest.raises(SignatureInvalid, match='"odd"'):
        _columns(frame)


def test_columns_missing_from_the_reference_are_named_with_the_nearest() -> None:
    with pytest.raises(SignatureInvalid, match='"fare"; did you mean "fares"') as caught:
        columns_from_frame(Knowing(["fare"]), pd.DataFrame({"fares": [1.0]}), where="train.parquet")
    assert caught.value.where == "train.parquet"


@given(st.sampled_from(["s", "ms", "us", "ns"]), st.none() | st.sampled_from(["UTC", "Europe/Berlin"]))
def test_a_timestamp_type_names_unit_and_zone(unit: str, zone: str | None) -> None:
    text = f"timestamp[{unit}, {zone}]" if zone else f"timestamp[{unit}]"
    assert arrow_type(text) == pa.timestamp(unit, tz=zone)


@pytest.mark.parametrize("text", ["double", "timestamp[m]", "list<string>", ""])
def test_other_types_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a type"):
        arrow_type(text)
