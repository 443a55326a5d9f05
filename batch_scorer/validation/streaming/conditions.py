"""GX's row conditions on Arrow columns, as `DataFrame.query` decides them: a null is unequal only."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from batch_scorer.validation.streaming.rows import Column, Kind, Mask, Rows, to_numpy

_NUMBERS = (Kind.INT, Kind.FLOAT)
_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}
_COMPARE_TEXT: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}


def streams_condition(condition: object, kinds: Mapping[str, Kind]) -> bool:
    """Whether `condition_mask` decides a row condition as GX would. kinds: of the table's columns."""
    match condition:
        case {"type": "and" | "or", "conditions": [_, *_] as parts}:
            return all(streams_condition(part, kinds) for part in parts)
        case {"type": "nullity", "column": {"name": str(name)}, "is_null": bool()}:
            return name in kinds and _can_be_queried(name)
        case {"type": "comparison", "column": {"name": str(name)}, "operator": str(op), "parameter": given}:
            return _can_be_queried(name) and _streams_comparison(kinds.get(name), op, given)
        case _:
            return False


def _can_be_queried(name: str) -> bool:
    """Of a name that is written between backticks, on one line."""
    return "`" not in name and name.isprintable()


def _streams_comparison(kind: Kind | None, operator: str, given: object) -> bool:
    if operator in ("IN", "NOT_IN"):
        return (
            isinstance(given, list)
            and bool(given)
            and all(_streams_comparison(kind, "==", member) for member in given)
        )
    if operator not in _COMPARE:
        return False
    if kind in _NUMBERS:
        return _is_exact_number(given)
    return kind is Kind.TEXT and isinstance(given, str)


def _is_exact_number(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return math.isfinite(value) and abs(value) < 2**53


def condition_mask(condition: Mapping[str, Any], rows: Rows) -> Mask:
    """The rows on which the condition holds."""
    match condition:
        case {"type": ("and" | "or") as joint, "conditions": parts}:
            masks = [condition_mask(part, rows) for part in parts]
            whole: Mask = (np.logical_and if joint == "and" else np.logical_or).reduce(masks)
            return whole
        case {"type": "nullity", "column": {"name": name}, "is_null": is_null}:
            valid = rows.column(name).valid
            is_valid = np.ones(rows.n_rows, dtype=bool) if valid is None else valid
            return ~is_valid if is_null else is_valid
        case {"column": {"name": name}, "operator": operator, "parameter": given}:
            return _compared(rows.column(name), operator, given)
        case _:
            raise ValueError(f"not a row condition: {condition}")


def _compared(column: Column, operator: str, given: Any) -> Mask:
    holds_for_null = operator in ("!=", "NOT_IN")
    if operator in ("IN", "NOT_IN"):
        holds = _is_in(column, given)
        holds = ~holds if holds_for_null else holds
    elif column.kind is Kind.TEXT:
        holds = to_numpy(pc.fill_null(_COMPARE_TEXT[operator](column.arrow, given), holds_for_null))
    else:
        holds = _COMPARE[operator](column.numbers, given)
    if column.valid is not None:
        holds = (holds | ~column.valid) if holds_for_null else (holds & column.valid)
    return holds


def _is_in(column: Column, given: Sequence[Any]) -> Mask:
    if column.kind is Kind.TEXT:
        found = pc.is_in(column.arrow, value_set=pa.array(given, column.arrow.type))
        return to_numpy(found)
    return np.isin(column.numbers, np.array(given))
