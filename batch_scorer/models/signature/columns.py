"""Finding out what an estimator takes: column names from itself, types from the table it was trained on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pyarrow as pa

from batch_scorer.core.errors import SignatureInvalid
from batch_scorer.core.models import ColumnSpec
from batch_scorer.core.nearest import suggestion
from batch_scorer.models.estimators import feature_names, learned_categories, learned_missing
from batch_scorer.models.signature.arrow_types import type_name
from batch_scorer.models.signature.dtypes import dtype_name
from batch_scorer.models.signature.refused import unsupported

_WHOLE = frozenset(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
_NUMBERS = frozenset({"float64", "float32", "float16", *_WHOLE})
_MASKED = {name.replace("int", "Int").replace("uI", "UI"): name for name in _WHOLE}
_MASKED |= {"Float64": "float64", "Float32": "float32", "boolean": "bool"}
_OBJECTS = {"string": "string", "boolean": "bool", "date": "date32"}
# NumPy's integers and booleans have no room for a null.
_NO_ROOM_FOR_NULLS = frozenset({"bool", *_WHOLE})
_MOST_DIGITS = 38  # of a decimal128

GUESSED = (
    "no training reference was given: column types are guessed from the fitted estimator, not seen in data"
)


def columns_from_frame(
    estimator: object, frame: pd.DataFrame, *, where: str, names: tuple[str, ...] = ()
) -> tuple[ColumnSpec, ...]:
    """The estimator's own columns with the types of the frame; other columns of the frame are ignored.

    names: of the columns, for an estimator that does not know them.
    frame: the training table as pandas reads it today. `nullable` says whether the dtype has room for a null;
    whether the estimator accepts one is found out by asking it (see golden.py). docs/signature.md says which
    dtype becomes which type.
    Raises: SignatureInvalid, for columns that are missing or of a type no estimator column can have.
    """
    names = names or feature_names(estimator)
    require_columns(names, tuple(map(str, frame.columns)), where=where)
    learned = learned_missing(estimator)
    return tuple(_column(frame[name], name, learned.get(name), where) for name in names)


def require_columns(names: tuple[str, ...], available: tuple[str, ...], *, where: str) -> None:
    """Raises: SignatureInvalid, naming every column that is not available and the nearest that is."""
    absent = [f'"{name}"{suggestion(name, available)}' for name in names if name not in available]
    if absent:
        raise SignatureInvalid(
            f"the training reference lacks columns that the model reads: {', '.join(absent)}",
            where=where,
            fix="give the table the model was trained on",
        )


def guessed_columns(estimator: object, names: tuple[str, ...] = ()) -> tuple[ColumnSpec, ...]:
    """Without any data: text where an encoder learned text, float64 elsewhere. The notes say GUESSED.

    names: of the columns, for an estimator that does not know them.
    """
    missing, learned = learned_missing(estimator), learned_categories(estimator)
    text = {name for name, values in learned.items() if any(isinstance(value, str) for value in values)}
    return tuple(
        _text_column(pd.Series([], dtype="str"), name, missing.get(name))
        if name in text
        else ColumnSpec(name=name, type="float64", nullable=True, pandas_dtype="float64")
        for name in names or feature_names(estimator)
    )


def _column(series: pd.Series[Any], name: str, learned: str | None, where: str) -> ColumnSpec:
    """learned: what the estimator shows of its missing values, see learned_missing."""
    dtype = dtype_name(series.dtype)
    spec = ColumnSpec(name=name, type=dtype, nullable=dtype not in _NO_ROOM_FOR_NULLS, pandas_dtype=dtype)
    if dtype in _NUMBERS or dtype == "bool":
        return spec
    if dtype in _MASKED:
        return replace(spec, type=_MASKED[dtype], missing="NA")
    if isinstance(series.dtype, pd.StringDtype):
        return _text_column(series, name, learned)
    if isinstance(series.dtype, pd.CategoricalDtype):
        return _category_column(series, spec, where)
    if dtype == "object":
        return _object_column(series, spec, learned, where)
    if isinstance(series.dtype, pd.ArrowDtype):
        kind, missing = type_name(series.dtype.pyarrow_dtype), "NA"
    elif isinstance(series.dtype, pd.DatetimeTZDtype) or dtype.startswith("datetime64["):
        kind, missing = type_name(pa.Array.from_pandas(series[:0]).type), "NaT"
    else:
        kind = None
    if kind is None:
        raise unsupported(series, name, where)
    return replace(spec, type=kind, missing=missing)


def _text_column(series: pd.Series[Any], name: str, learned: str | None) -> ColumnSpec:
    """Kinds of text mean the same to scikit-learn, except that only object can hold None."""
    dtype = "object" if learned == "none" else dtype_name(series.dtype)
    if dtype == "object":
        missing = learned or _missing_in(series, default="nan")
    else:
        missing = "NA" if dtype.startswith("string") else "nan"
    return ColumnSpec(name=name, type="string", nullable=True, pandas_dtype=dtype, missing=missing)


def _object_column(series: pd.Series[Any], spec: ColumnSpec, learned: str | None, where: str) -> ColumnSpec:
    """Python objects of one kind: text, booleans, dates or decimals."""
    kind = pd.api.types.infer_dtype(series, skipna=True)
    if kind == "string":
        return _text_column(series, spec.name, learned)
    inferred = _decimal_type(series) if kind == "decimal" else _OBJECTS.get(kind)
    if inferred is None:
        raise unsupported(series, spec.name, where)
    return replace(spec, type=inferred, missing=learned or _missing_in(series, default="none"))


def _decimal_type(series: pd.Series[Any]) -> str | None:
    """As many digits after the point as the longest has, as many as there can be before it."""
    arrow = pa.Array.from_pandas(series).type
    return f"decimal128({_MOST_DIGITS}, {max(arrow.scale, 0)})" if pa.types.is_decimal128(arrow) else None


def _missing_in(series: pd.Series[Any], *, default: str) -> str:
    """What stands for a missing value in a column of Python objects; NaN, where it has several."""
    there = {_sentinel(value) for value in series[series.isna()]}
    return next((kind for kind in ("nan", "none", "NA", "NaT") if kind in there), default)


def _sentinel(value: object) -> str:
    if value is None:
        return "none"
    return "NA" if value is pd.NA else "NaT" if value is pd.NaT else "nan"


def _category_column(series: pd.Series[Any], spec: ColumnSpec, where: str) -> ColumnSpec:
    categories = series.cat.categories
    inner = _column(pd.Series(categories), spec.name, None, where)
    if inner.type not in _NUMBERS | {"bool", "string"}:
        raise unsupported(series, spec.name, where)
    return replace(
        spec,
        type=inner.type,
        categories=tuple(categories.tolist()),
        ordered=bool(series.cat.ordered),
        categories_dtype=dtype_name(categories.dtype),
    )
