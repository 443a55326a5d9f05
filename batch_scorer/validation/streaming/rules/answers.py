"""A row-level rule's partial as GX's own metrics: counts, values, keys and rows that fail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from batch_scorer.validation.streaming.failing import FailingRows
from batch_scorer.validation.streaming.rules.rule import Found, Kwargs

MAX_VALUES = 200  # GX's MAX_RESULT_RECORDS


def answer_of_rows(
    metric: str, given: Kwargs, rows: FailingRows, kwargs: Kwargs, found: Found, *, own: str
) -> Any:
    """own: the metric that the rows fail. Raises: KeyError, for a metric of another kind."""
    if metric == "table.row_count":
        return rows.n_rows
    name, _, suffix = metric.rpartition(".")
    match suffix:
        case "unexpected_count":
            is_null_count = name == "column_values.nonnull" and name != own
            return rows.n_rows - rows.n_tested if is_null_count else rows.n_failing
        case "filtered_row_count":
            return rows.n_tested
        case "unexpected_values" | "unexpected_index_list" | "unexpected_index_query" | "unexpected_rows":
            return _of_kept_rows(suffix, given["result_format"], rows, kwargs, found)
        case _:
            raise KeyError(metric)


def _of_kept_rows(
    suffix: str, format_: Mapping[str, Any], rows: FailingRows, kwargs: Kwargs, found: Found
) -> Any:
    frame = _frame(rows, found)
    whole = format_["result_format"] == "COMPLETE"
    limit = MAX_VALUES if whole else min(format_["partial_unexpected_count"], MAX_VALUES)
    match suffix:
        case "unexpected_values":
            return _values(frame.iloc[:limit], kwargs)
        case "unexpected_rows":
            return frame.iloc[:limit]
        case "unexpected_index_list":
            indexed = frame if whole else frame.iloc[: format_["partial_unexpected_count"]]
            return _indices(indexed, columns_of(kwargs), format_)
        case _:
            if format_.get("return_unexpected_index_query") is False:
                return None
            return f"df.filter(items={frame.index.to_list()}, axis=0)"


def _frame(rows: FailingRows, found: Found) -> pd.DataFrame:
    if rows.first is not None:
        return found.frame(rows.first)
    return pd.DataFrame({name: [] for name in found.schema.names})


def _values(frame: pd.DataFrame, kwargs: Kwargs) -> list[Any]:
    if "column" in kwargs:
        return list(frame[kwargs["column"]])
    if "column_A" in kwargs:
        # `.values`, as GX does: times with a zone become UTC without one.
        one, other = (frame[kwargs[name]].values for name in ("column_A", "column_B"))
        return list(zip(one, other, strict=True))
    return frame[list(kwargs["column_list"])].to_dict("records")


def columns_of(kwargs: Kwargs) -> tuple[str, ...]:
    """The columns an expectation is about."""
    if "column" in kwargs:
        return (kwargs["column"],)
    if "column_A" in kwargs:
        return kwargs["column_A"], kwargs["column_B"]
    return tuple(kwargs["column_list"])


def _indices(frame: pd.DataFrame, columns: tuple[str, ...], format_: Mapping[str, Any]) -> list[Any]:
    """As GX's compute_unexpected_pandas_indices."""
    keys = format_.get("unexpected_index_column_names")
    if not keys:
        return list(frame.index)
    if format_.get("exclude_unexpected_values") and len(frame):
        return [{name: [frame.at[at, name] for at in frame.index] for name in keys}]
    names = dict.fromkeys((*columns, *keys))
    return [{name: frame.at[at, name] for name in names} for at in frame.index]
