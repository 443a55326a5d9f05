"""MLflow's input example as a table: JSON, whose types the signature beside it remembers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from batch_scorer.core.errors import ModelRefused
from batch_scorer.models.mlflow.mlmodel import DeclaredColumn

# A type of MLflow to the dtype that pandas had, as far as JSON and the signature tell.
_DTYPES = {
    "boolean": "bool",
    "integer": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "datetime": "datetime64[us]",
}


def read_example(data: bytes, columns: Sequence[DeclaredColumn], uri: str) -> pd.DataFrame | None:
    """The example's rows (n_rows × its columns), None when there is none. uri: for messages.

    Categories are text there. Raises: ModelRefused.
    """
    types = {column.name: column.type for column in columns}
    try:
        document = json.loads(data)
        frame = pd.DataFrame(document["data"], columns=[str(name) for name in document["columns"]])
        for name in frame.columns:
            frame[name] = _typed(frame[name], types.get(name))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise ModelRefused(
            f"the input example of {uri} cannot be read: {' '.join(str(error).split())[:200]}",
            fix="give the training table with --reference TRAIN.parquet",
        ) from None
    return None if frame.empty else frame


def _typed(values: Any, declared: str | None) -> Any:
    """A column with nulls stays what pandas made of it where its dtype has no room for them."""
    dtype = _DTYPES.get(declared or "")
    if dtype is None or (values.isna().any() and dtype in ("bool", "int32", "int64")):
        return values
    return values.astype(dtype)
