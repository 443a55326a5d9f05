"""Every dtype a training table may have: what goes to the estimator is that table, to the last detail."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch_scorer.core.errors import SignatureInvalid
from batch_scorer.core.models import ColumnSpec, Signature
from batch_scorer.models.registry.manifests import decode_manifest, encode_manifest
from batch_scorer.models.scoring.golden import table_bytes, table_from_bytes
from batch_scorer.models.signature.arrow_types import arrow_type
from batch_scorer.models.signature.columns import columns_from_frame
from batch_scorer.models.signature.frames import arrow_features, model_frame
from tests.models.drafts import draft
from tests.models.test_frames import Knowing
from tests.models.training_dtypes import KINDS, Kind


@st.composite
def trained(draw: st.DrawFn, kind: Kind) -> pd.DataFrame:
    """A training table with one column of a kind and at least one value, with and without missing ones."""
    missing = draw(st.booleans()) and bool(kind.missing)
    value = st.one_of(kind.values, st.sampled_from(kind.missing)) if missing else kind.values
    return pd.DataFrame({"c": kind.series([kind.example, *draw(st.lists(value, max_size=6))])})


@st.composite
def held_otherwise(draw: st.DrawFn, table: pa.Table) -> pa.Table:
    """The same rows as Arrow may hold them: cut into chunks, sliced out of more, text as a dictionary."""
    if table.schema.field("c").type == pa.string() and draw(st.booleans()):
        table = table.set_column(0, "c", table["c"].combine_chunks().dictionary_encode())
    if draw(st.booleans()):
        table = pa.concat_tables([table, table]).slice(table.num_rows)
    cut = draw(st.integers(0, table.num_rows))
    return pa.concat_tables([table.slice(0, cut), table.slice(cut)])


def _columns(frame: pd.DataFrame) -> tuple[ColumnSpec, ...]:
    return columns_from_frame(Knowing(list(frame.columns)), frame, where="train.parquet")


def _rebuilt(features: pa.Table, columns: tuple[ColumnSpec, ...]) -> pd.DataFrame:
    return model_frame(features, Signature(columns=columns, outputs={}))


def _assert_same(got: pd.DataFrame, training: pd.DataFrame) -> None:
    """Also what pandas holds equal: None and NaN, 1.5 and a decimal 1.50."""
    pd.testing.assert_frame_equal(got, training, check_exact=True, check_categorical=True)
    for name in training:
        if training[name].dtype == object:
            assert [repr(value) for value in got[name]] == [repr(value) for value in training[name]]


@pytest.mark.parametrize("name", KINDS)
def test_the_estimator_gets_what_training_had(name: str) -> None:
    kind = KINDS[name]
    training = kind.frame
    columns = _columns(training)
    assert (columns[0].type, columns[0].pandas_dtype) == (kind.type, kind.remembered)
    for rows in (training, training[:0], training[:1], training[1:].reset_index(drop=True)):
        features = arrow_features(rows, columns)
        assert features.schema.field("c").type == arrow_type(kind.type)
        _assert_same(_rebuilt(features, columns), rows)


@settings(max_examples=200)
@given(data=st.data())
def test_whatever_the_values_and_however_arrow_holds_them(data: st.DataObject) -> None:
    kind = KINDS[data.draw(st.sampled_from(list(KINDS)))]
    training = data.draw(trained(kind))
    columns = _columns(training)
    start = data.draw(st.integers(0, len(training)))
    rows = training.iloc[start : data.draw(st.integers(start, len(training)))].reset_index(drop=True)
    features = data.draw(held_otherwise(arrow_features(rows, columns)))
    _assert_same(_rebuilt(features, columns), rows)


def _every_kind() -> pd.DataFrame:
    return pd.concat([kind.frame.set_axis([name], axis=1) for name, kind in KINDS.items()], axis=1)


def test_golden_rows_of_every_dtype_survive_their_file() -> None:
    """Parquet knows no seconds and no categories of numbers."""
    training = _every_kind()
    columns = _columns(training)
    stored = table_from_bytes(table_bytes(arrow_features(training, columns)))
    _assert_same(_rebuilt(stored, columns), training)


def test_columns_of_every_dtype_survive_the_manifest() -> None:
    signature = Signature(columns=_columns(_every_kind()), outputs={})
    manifest = replace(draft(), signature=signature)
    assert decode_manifest(encode_manifest(manifest), "manifest.json").signature == signature


def test_more_values_than_the_codes_of_training_reach_are_no_error() -> None:
    columns = _columns(KINDS["dictionary<values=string, indices=int8, ordered=0>[pyarrow]"].frame)
    many = [f"word {i}" for i in range(200)]
    assert _rebuilt(pa.table({"c": many}), columns)["c"].tolist() == many


def test_nan_in_a_file_is_missing_where_pandas_has_a_mask() -> None:
    columns = _columns(KINDS["Float64"].frame)
    got = _rebuilt(pa.table({"c": [1.5, float("nan"), None]}), columns)["c"]
    assert got.isna().tolist() == [False, True, True]


def test_a_part_without_nulls_of_whole_numbers_with_nulls_is_rounded_as_the_whole_was() -> None:
    columns = _columns(pd.DataFrame({"c": [2**60 + 1, None]}))
    assert columns[0].type == "float64"
    part = pd.DataFrame({"c": [2**60 + 1]})
    assert arrow_features(part, columns)["c"].to_pylist() == [float(2**60 + 1)]


def test_decimals_have_the_digits_of_the_longest_and_room_for_any_others() -> None:
    training = pd.DataFrame({"c": [Decimal("1.5"), None, Decimal("-20.125"), Decimal("1E+2")]}, dtype=object)
    assert [spec.type for spec in _columns(training)] == ["decimal128(38, 3)"]


def test_nan_stands_for_missing_where_training_had_several_sentinels() -> None:
    training = pd.DataFrame({"c": ["a", None, np.nan, pd.NA]}, dtype=object)
    assert [spec.missing for spec in _columns(training)] == ["nan"]


def test_a_manifest_without_the_dtype_of_categories_is_still_read() -> None:
    old = ColumnSpec(name="c", type="string", nullable=True, pandas_dtype="category", categories=("b", "a"))
    got = _rebuilt(pa.table({"c": ["a", None]}), (old,))
    _assert_same(got, pd.DataFrame({"c": pd.Categorical(["a", None], categories=["b", "a"])}))


def _in_arrow(values: list[Any], kind: pa.DataType) -> Any:
    return pd.arrays.ArrowExtensionArray(pa.array(values, kind))


@pytest.mark.parametrize(
    ("values", "said", "instead"),
    [
        ([pd.Timedelta(1), pd.NaT], "timedelta64[ns]", 'frame["odd"].dt.total_seconds()'),
        (pd.period_range("2024-01", periods=2, freq="M"), "period[M]", 'frame["odd"].dt.to_timestamp()'),
        (pd.interval_range(0, 2), "interval[int64, right]", "both ends as two columns"),
        ([1j, 2j], "complex128", "the real and the imaginary part"),
        (pd.arrays.SparseArray([0.0, 1.0]), "Sparse[float64, nan]", 'frame["odd"].sparse.to_dense()'),
        ([b"a", b"b"], "object, bytes", 'frame["odd"].str.decode("utf-8")'),
        ([1, "a"], "object, mixed-integer", 'frame["odd"].astype("str")'),
        (pd.Series([1, None], dtype=object), "object, integer", 'frame["odd"].astype("Int64")'),
        (pd.Series([1.5, None], dtype=object), "object, floating", 'frame["odd"].astype("float64")'),
        ([None, None], "object, empty", "leave the column out"),
        ([{"a": 1}, {}], "object, mixed", "train on numbers, text"),
        ([Decimal(10) ** 60, Decimal(1)], "object, decimal", "train on numbers, text"),
        (pd.Categorical(pd.to_datetime(["2024-01-01"] * 2)), "category", "categories of text, numbers"),
        (pd.Categorical([Decimal(1), Decimal(2)]), "category", "categories of text, numbers"),
        (_in_arrow([[1], [2]], pa.list_(pa.int64())), "list<", "train on numbers"),
        (_in_arrow([1, 2], pa.duration("s")), "duration[s][pyarrow]", "train on"),
    ],
    ids=str,
)
def test_other_kinds_are_refused_with_what_to_train_on_instead(values: Any, said: str, instead: str) -> None:
    with pytest.raises(SignatureInvalid) as caught:
        _columns(pd.DataFrame({"fine": [1, 2], "odd": values}))
    assert f'column "odd" of the training reference ({said}' in caught.value.what
    assert instead in str(caught.value.fix)
    assert caught.value.where == "train.parquet"
