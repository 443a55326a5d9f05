"""Finding out what an estimator takes: column names from itself, types from the table it was trained on."""

from __future__ import annotations

from typing import Any

import pandas as pd

from batch_scorer.core.errors import SignatureInvalid
from batch_scorer.core.models import ColumnSpec
from batch_scorer.models.estimators import columns_missing_as_none, feature_names, learned_categories
from batch_scorer.models.registry.names import nearest

_NUMBERS = frozenset(
    {"float64", "float32", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))}
)
_MASKED = {name.replace("int", "Int").replace("uI", "UI"): name for name in _NUMBERS if "int" in name}
_MASKED |= {"Float64": "float64", "Float32": "float32", "boolean": "bool"}
_OBJECTS = {"string": "string", "boolean": "bool", "date": "date32"}
# NumPy's integers and booleans have no room for a null.
_NO_ROOM_FOR_NULLS = frozenset({"bool", *(name for name in _NUMBERS if "int" in name)})

GUESSED = (
    "no training reference was given: column types are guessed from the fitted estimator, not seen in data"
)


def columns_from_frame(
    estimator: object, frame: pd.DataFrame, *, where: str, names: tuple[str, ...] = ()
) -> tuple[ColumnSpec, ...]:
    """The estimator's own columns with the types of the frame; other columns of the frame are ignored.

    names: of the columns, for an estimator that does not know them.
    frame: the training table as pandas reads it today. `nullable` says whether the dtype has room for a null;
    whether the estimator accepts one is found out by asking it (see golden.py).
    Raises: SignatureInvalid, for columns that are missing or of a type no estimator column can have.
    """
    names = names or feature_names(estimator)
    require_columns(names, tuple(map(str, frame.columns)), where=where)
    as_none = columns_missing_as_none(estimator)
    return tuple(_column(frame[name], name, as_none=name in as_none, where=where) for name in names)


def require_columns(names: tuple[str, ...], available: tuple[str, ...], *, where: str) -> None:
    """Raises: SignatureInvalid, naming every column that is not available and the nearest that is."""
    absent = [f'"{name}"{nearest(name, available)}' for name in names if name not in available]
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
    as_none, learned = columns_missing_as_none(estimator), learned_categories(estimator)
    text = {name for name, values in learned.items() if any(isinstance(value, str) for value in values)}
    return tuple(
        _text_column(name, "str", as_none=name in as_none)
        if name in text
        else ColumnSpec(name=name, type="float64", nullable=True, pandas_dtype="float64")
        for name in names or feature_names(estimator)
    )


def _column(series: pd.Series[Any], name: str, *, as_none: bool, where: str) -> ColumnSpec:
    dtype = str(series.dtype)
    if dtype in _NUMBERS or dtype == "bool":
        return ColumnSpec(name=name, type=dtype, nullable=dtype not in _NO_ROOM_FOR_NULLS, pandas_dtype=dtype)
    if dtype in _MASKED:
        return ColumnSpec(name=name, type=_MASKED[dtype], nullable=True, pandas_dtype=dtype, missing="NA")
    if isinstance(series.dtype, pd.StringDtype):
        return _text_column(name, dtype, as_none=as_none)
    if isinstance(series.dtype, pd.CategoricalDtype):
        return _category_column(series, name, where=where)
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        zone = f"timestamp[{series.dtype.unit}, {series.dtype.tz}]"
        return ColumnSpec(name=name, type=zone, nullable=True, pandas_dtype=dtype, missing="NaT")
    if dtype.startswith("datetime64["):
        unit = dtype.removeprefix("datetime64[").removesuffix("]")
        return ColumnSpec(
            name=name, type=f"timestamp[{unit}]", nullable=True, pandas_dtype=dtype, missing="NaT"
        )
    inferred = _OBJECTS.get(pd.api.types.infer_dtype(series, skipna=True)) if dtype == "object" else None
    if inferred is None:
        raise _unsupported(series, name, where)
    if inferred == "string":
        return _text_column(name, "object", as_none=as_none)
    return ColumnSpec(name=name, type=inferred, nullable=True, pandas_dtype="object", missing="none")


def _text_column(name: str, dtype: str, *, as_none: bool) -> ColumnSpec:
    """`str` and object mean the same to scikit-learn, except that only object can hold None."""
    if as_none:
        dtype = "object"
    missing = "none" if as_none else "NA" if dtype == "string" else "nan"
    return ColumnSpec(name=name, type="string", nullable=True, pandas_dtype=dtype, missing=missing)


def _category_column(series: pd.Series[Any], name: str, *, where: str) -> ColumnSpec:
    categories = series.cat.categories
    inner = _column(pd.Series(categories), name, as_none=False, where=where)
    if inner.type not in _NUMBERS | {"bool", "string"}:
        raise _unsupported(series, name, where)
    return ColumnSpec(
        name=name,
        type=inner.type,
        nullable=True,
        pandas_dtype="category",
        categories=tuple(categories.tolist()),
    )


def _unsupported(series: pd.Series[Any], name: str, where: str) -> SignatureInvalid:
    kind = pd.api.types.infer_dtype(series, skipna=True)
    return SignatureInvalid(
        f'column "{name}" of the training reference is {series.dtype} ({kind}), which no signature describes',
        where=where,
        fix="train on numbers, text, booleans, dates, timestamps or categories",
    )
