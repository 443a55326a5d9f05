"""The names by which a signature remembers pandas' dtypes, and the dtypes of these names.

pandas' own names, made unique: it calls text in Python objects and text in Arrow by one name.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from batch_scorer.models.signature.arrow_types import arrow_type

_ARROW = "[pyarrow]"
_TEXT: dict[str, Any] = {
    "str": pd.StringDtype("pyarrow", na_value=np.nan),
    "str[python]": pd.StringDtype("python", na_value=np.nan),
    "string": pd.StringDtype("pyarrow", na_value=pd.NA),
    "string[python]": pd.StringDtype("python", na_value=pd.NA),
}
_MASKED = re.compile(r"U?Int(8|16|32|64)|Float(32|64)|boolean")
_KINDS_OF_TEXT = {"string": pa.string(), "large_string": pa.large_string()}
_DICTIONARY = re.compile(r"dictionary<values=(.+), indices=(\w+), ordered=([01])>")


def dtype_name(dtype: object) -> str:
    """`float64`, `Int64`, `str`, `string[python]`, `category`, `datetime64[us, UTC]`, `double[pyarrow]` …"""
    if isinstance(dtype, pd.StringDtype):
        return next(name for name, known in _TEXT.items() if known == dtype)
    return str(dtype)


def text_dtype(name: str) -> Any:
    """None: the name is of no kind of text of pandas' own."""
    return _TEXT.get(name)


def masked_dtype(name: str) -> Any:
    """One of pandas' dtypes with a mask beside the values; None: the name is of no such dtype."""
    return pd.api.types.pandas_dtype(name) if _MASKED.fullmatch(name) else None


def index_dtype(name: str) -> Any:
    """What pd.Index takes as dtype. name: of the categories of a category column."""
    if name.endswith(_ARROW):
        kind = _KINDS_OF_TEXT.get(name.removesuffix(_ARROW))
        return name if kind is None else pd.ArrowDtype(kind)
    return _TEXT.get(name, name)


def arrow_kind(name: str, type_text: str) -> pa.DataType | None:
    """The Arrow type of a dtype of pandas that is Arrow's; None: it is not.

    type_text: the signature's type, which says all but how text is held.
    """
    if not name.endswith(_ARROW):
        return None
    kind = name.removesuffix(_ARROW)
    if encoded := _DICTIONARY.fullmatch(kind):
        values = _KINDS_OF_TEXT.get(encoded[1]) or arrow_type(type_text)
        return pa.dictionary(pa.type_for_alias(encoded[2]), values, ordered=encoded[3] == "1")
    return _KINDS_OF_TEXT.get(kind) or arrow_type(type_text)
