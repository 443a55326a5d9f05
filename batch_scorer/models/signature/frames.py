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
from batch_scorer.models.signature.dtypes import arrow_kind, index_dtype, masked_dtype, text_dtype

_MISSING: dict[str, Any] = {"nan": np.nan, "none": None, "NA": pd.NA, "NaT": pd.NaT}


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
    return pa.table({spec.name: _arrow_column(frame[spec.name], spec) for spec in columns})


def _arrow_column(series: pd.Series[Any], spec: ColumnSpec) -> pa.Array | pa.ChunkedArray:
    wanted = arrow_type(spec.type)
    if spec.pandas_dtype == "category":
        return pa.array(series.astype(object), type=wanted, from_pandas=True)
    if arrow_kind(spec.pandas_dtype, spec.type) is not None:
        # Without a type: handed one, pandas refuses some kinds of text.
        return pa.Array.from_pandas(series).cast(wanted)
    if pa.types.is_floating(wanted) and series.dtype.kind in "iu":
        # A part without nulls of a column that has some: rounded as pandas rounds the whole of it.
        return pa.array(series.to_numpy().astype(spec.pandas_dtype), type=wanted)
    return pa.array(series, type=wanted, from_pandas=True)


def _column(features: pa.Table, spec: ColumnSpec) -> pa.Array:
    """In one piece, of the signature's type; text may stay dictionary-encoded."""
    if spec.name not in features.column_names:
        raise ColumnMissing(f'the model needs column "{spec.name}", which the batch does not have')
    column = features.column(spec.name)
    if pa.types.is_dictionary(column.type) and spec.type == "string":
        return column.unify_dictionaries().combine_chunks()
    wanted = arrow_type(spec.type)
    # Parquet stores no seconds: golden rows come back in milliseconds.
    return (column if column.type == wanted else column.cast(wanted)).combine_chunks()


def _pandas_column(array: pa.Array, spec: ColumnSpec) -> Any:
    name = spec.pandas_dtype
    if name == "category":
        return _categorical(array, spec)
    if name == "object":
        # As a Series: handed a bare array of text, pandas would infer `str`.
        return pd.Series(_objects(array, spec), dtype=object)
    if (text := text_dtype(name)) is not None:
        return pd.Series(_plain(array).to_pandas(), dtype=text)
    if (masked := masked_dtype(name)) is not None:
        return masked.__from_arrow__(array)
    if (kind := arrow_kind(name, spec.type)) is not None:
        return pd.arrays.ArrowExtensionArray(_of_kind(array, kind))
    if pa.types.is_floating(array.type):
        return array.to_numpy(zero_copy_only=False)  # nulls become NaN
    if not pa.types.is_timestamp(array.type):
        _require_no_nulls(array, spec)
    return array.to_pandas()


def _objects(array: pa.Array, spec: ColumnSpec) -> np.ndarray:
    """Each distinct value becomes one Python object; rows only point to it."""
    encoded = _encoded(array)
    values = np.empty(len(encoded.dictionary) + 1, dtype=object)
    values[:-1] = encoded.dictionary.to_pylist()
    values[-1] = _MISSING[spec.missing]
    rows: np.ndarray = values[_codes(encoded, missing=len(values) - 1)]
    return rows


def _categorical(array: pa.Array, spec: ColumnSpec) -> pd.Categorical[Any]:
    categories = spec.categories or ()
    encoded = _encoded(array)
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
    return pd.Categorical.from_codes(codes, dtype=_category_dtype(spec))


def _category_dtype(spec: ColumnSpec) -> pd.CategoricalDtype:
    dtype: Any = index_dtype(spec.categories_dtype) if spec.categories_dtype else None
    return pd.CategoricalDtype(pd.Index(spec.categories or (), dtype=dtype), ordered=spec.ordered)


def _of_kind(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Text and dictionaries as the dtype holds them; a dictionary's codes grow where they must."""
    if not pa.types.is_dictionary(kind):
        return _plain(array).cast(kind)
    encoded = _encoded(array)
    index = kind.index_type if len(encoded.dictionary) <= 2 ** (kind.index_type.bit_width - 1) else pa.int32()
    return pa.DictionaryArray.from_arrays(
        encoded.indices.cast(index), encoded.dictionary.cast(kind.value_type), ordered=kind.ordered
    )


def _encoded(array: pa.Array) -> pa.DictionaryArray:
    return array if pa.types.is_dictionary(array.type) else array.dictionary_encode()


def _codes(encoded: pa.DictionaryArray, *, missing: int) -> np.ndarray:
    codes: np.ndarray = encoded.indices.cast(pa.int64()).fill_null(missing).to_numpy(zero_copy_only=False)
    return codes


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
