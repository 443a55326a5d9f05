"""Arrow columns → the pandas columns that training had, so that the estimator cannot tell the difference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from batch_scorer.core.errors import ColumnMissing, ScoringError
from batch_scorer.core.models import ColumnSpec, Signature
from batch_scorer.models.signature.arrow_types import arrow_type

_MISSING: dict[str, Any] = {"nan": np.nan, "none": None}
_MASKED = {
    "Float64": pd.arrays.FloatingArray,
    "Float32": pd.arrays.FloatingArray,
    "boolean": pd.arrays.BooleanArray,
}
_MASKED |= {f"{sign}nt{bits}": pd.arrays.IntegerArray for sign in ("I", "UI") for bits in (8, 16, 32, 64)}


def model_frame(features: pa.Table, signature: Signature) -> pd.DataFrame:
    """What the estimator is called with: the signature's columns, in its order, with training's dtypes.

    features: has at least the signature's columns, each of its ColumnSpec.type (strings may be
    dictionary-encoded). Returns: n_rows × n_columns, index 0..n_rows-1.
    Raises: ColumnMissing; ScoringError for a category that training did not have, or a null where the
    dtype has no room for one.
    """
    columns = {spec.name: _pandas_column(_column(features, spec), spec) for spec in signature.columns}
    return pd.DataFrame(columns, index=pd.RangeIndex(features.num_rows))


def arrow_features(frame: pd.DataFrame, columns: tuple[ColumnSpec, ...]) -> pa.Table:
    """The way back, for golden rows: pandas columns as Arrow columns of the signature's types."""
    arrays = {}
    for spec in columns:
        series = frame[spec.name]
        values = series.astype(object) if spec.pandas_dtype == "category" else series
        arrays[spec.name] = pa.array(values, type=arrow_type(spec.type), from_pandas=True)
    return pa.table(arrays)


def _column(features: pa.Table, spec: ColumnSpec) -> pa.Array:
    if spec.name not in features.column_names:
        raise ColumnMissing(f'the model needs column "{spec.name}", which the batch does not have')
    column = features.column(spec.name)
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    return column.combine_chunks()


def _pandas_column(array: pa.Array, spec: ColumnSpec) -> Any:
    if spec.pandas_dtype == "category":
        return _categorical(array, spec)
    if spec.pandas_dtype in _MASKED:
        return _masked(array, spec)
    if spec.pandas_dtype == "object":
        # As a Series: handed a bare array of text, pandas would infer `str`.
        return pd.Series(_objects(array, spec), dtype=object)
    if spec.pandas_dtype in ("str", "string"):
        missing = np.nan if spec.pandas_dtype == "str" else pd.NA
        return pd.Series(_plain(array).to_pandas(), dtype=pd.StringDtype("pyarrow", na_value=missing))
    if array.type in (pa.float64(), pa.float32()):
        return array.to_numpy(zero_copy_only=False)  # nulls become NaN
    if not pa.types.is_timestamp(array.type):
        _require_no_nulls(array, spec)
    return array.to_pandas()


def _objects(array: pa.Array, spec: ColumnSpec) -> np.ndarray:
    """Each distinct value becomes one Python object; rows only point to it."""
    encoded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    values = np.empty(len(encoded.dictionary) + 1, dtype=object)
    values[:-1] = encoded.dictionary.to_pylist()
    values[-1] = _MISSING[spec.missing]
    rows: np.ndarray = values[_codes(encoded, missing=len(values) - 1)]
    return rows


def _categorical(array: pa.Array, spec: ColumnSpec) -> pd.Categorical[Any]:
    categories = spec.categories or ()
    encoded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    known = pa.array(categories, type=encoded.dictionary.type)
    # One entry more: code -1 of a null finds -1 there.
    positions = np.append(pc.index_in(encoded.dictionary, value_set=known).fill_null(-1).to_numpy(), -1)
    codes = positions[_codes(encoded, missing=-1)]
    unknown = np.flatnonzero((codes < 0) & encoded.indices.is_valid().to_numpy(zero_copy_only=False))
    if unknown.size:
        value = encoded[int(unknown[0])].as_py()
        error = ScoringError(
            f'column "{spec.name}" has a category that the model never saw, on {unknown.size:,} of '
            f"{len(array):,} rows, first at batch row {unknown[0]}: {value!r}",
            fix="correct the rows upstream, or train the model with the new category",
        )
        error.n_error_rows, error.error_rows = int(unknown.size), tuple(unknown[:10].tolist())
        raise error
    training: pd.Index[Any] = pd.Index(categories)
    return pd.Categorical.from_codes(codes, categories=training)


def _codes(encoded: pa.DictionaryArray, *, missing: int) -> np.ndarray:
    codes: np.ndarray = encoded.indices.cast(pa.int64()).fill_null(missing).to_numpy(zero_copy_only=False)
    return codes


def _masked(array: pa.Array, spec: ColumnSpec) -> Any:
    mask = array.is_null().to_numpy(zero_copy_only=False)
    values = array.fill_null(False if pa.types.is_boolean(array.type) else 0)
    return _MASKED[spec.pandas_dtype](values.to_numpy(zero_copy_only=False).copy(), mask.copy())


def _plain(array: pa.Array) -> pa.Array:
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _require_no_nulls(array: pa.Array, spec: ColumnSpec) -> None:
    if array.null_count:
        first = int(np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False))[0])
        error = ScoringError(
            f'column "{spec.name}" is {spec.pandas_dtype}, which has no room for a null, but '
            f"{array.null_count:,} of {len(array):,} rows have one, first at batch row {first}"
        )
        error.n_error_rows, error.error_rows = array.null_count, (first,)
        raise error
