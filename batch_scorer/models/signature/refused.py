"""Columns of a training table that no signature describes, and what to train on instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from batch_scorer.core.errors import SignatureInvalid

# What pandas calls it → what to do about it; %s is the column.
INSTEAD: Mapping[str, str] = {
    "timedelta64": 'train on seconds: frame["%s"].dt.total_seconds()',
    "period": 'train on timestamps: frame["%s"].dt.to_timestamp()',
    "interval": "train on both ends as two columns of numbers, or on the interval's text",
    "complex": "train on the real and the imaginary part as two columns",
    "sparse": 'train on the dense column: frame["%s"].sparse.to_dense()',
    "bytes": 'train on text: frame["%s"].str.decode("utf-8")',
    "datetime": 'train on timestamps: pandas.to_datetime(frame["%s"])',
    "integer": 'give it a dtype of numbers: frame["%s"].astype("Int64")',
    "floating": 'give it a dtype of numbers: frame["%s"].astype("float64")',
    "mixed-integer-float": 'give it a dtype of numbers: frame["%s"].astype("float64")',
    "mixed-integer": 'train on one kind of value: frame["%s"].astype("str")',
    "empty": "leave the column out, or give it the dtype it has when it has values",
    "categorical": "train on categories of text, numbers or booleans",
}
OTHERWISE = "train on numbers, text, booleans, dates, timestamps, decimals or categories"


def unsupported(series: pd.Series[Any], name: str, where: str) -> SignatureInvalid:
    """where: the training table."""
    kind = _kind(series)
    instead = INSTEAD.get(kind, OTHERWISE)
    described = f"{series.dtype}, {kind}" if series.dtype == object else str(series.dtype)
    return SignatureInvalid(
        f'column "{name}" of the training reference ({described}) is of a kind that no signature describes',
        where=where,
        fix=instead.replace("%s", name),
    )


def _kind(series: pd.Series[Any]) -> str:
    if isinstance(series.dtype, pd.SparseDtype):
        return "sparse"
    if isinstance(series.dtype, pd.CategoricalDtype):
        return "categorical"
    return pd.api.types.infer_dtype(series, skipna=True)
