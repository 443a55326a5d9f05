"""core.expressions over predictions, in NumPy. Predictions have no nulls, so two-valued logic is enough.

Numbers are widened first (int64, float64), so that int8 labels do not wrap and float32 compares as written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, assert_never

import numpy as np

from batch_scorer.core.errors import ScoringError, SignatureInvalid
from batch_scorer.core.expressions import (
    Arithmetic,
    Comparison,
    Expression,
    Item,
    Literal,
    Logical,
    Membership,
    Name,
    Negate,
    Not,
    NullTest,
    Scalar,
)

_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.true_divide,
}
_COMPARISON: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}
_INT64_END = 2.0**63


def evaluate(expression: Expression, prediction: np.ndarray, source: str) -> np.ndarray:
    """One value per row: bool, int64, float64, or object holding str.

    prediction: (n_rows,) or (n_rows, n). source: the expression as written, for messages.
    Raises: SignatureInvalid for operands of the wrong kind; ScoringError for an int overflow.
    """
    match expression:
        case Literal(value=value):
            return _broadcast(value, len(prediction))
        case Name():
            return _widened(prediction)
        case Item(index=index):
            return _widened(prediction[:, index])
        case Negate(operand=operand):
            zero = Literal(value=0)
            return evaluate(Arithmetic(operator="-", left=zero, right=operand), prediction, source)
        case Arithmetic():
            return _arithmetic(expression, prediction, source)
        case Comparison():
            return _comparison(expression, prediction, source)
        case Membership():
            return _membership(expression, prediction, source)
        case Not(operand=operand):
            denied: np.ndarray = ~_truth(evaluate(operand, prediction, source), source)
            return denied
        case Logical():
            return _logical(expression, prediction, source)
        case NullTest():
            raise SignatureInvalid(f'"{source}": a prediction is never null')
        case _:
            assert_never(expression)


def _arithmetic(node: Arithmetic, prediction: np.ndarray, source: str) -> np.ndarray:
    left = _number(evaluate(node.left, prediction, source), source)
    right = _number(evaluate(node.right, prediction, source), source)
    operation = _ARITHMETIC[node.operator]
    # What becomes infinite or NaN here is refused when the column is built.
    with np.errstate(all="ignore"):
        result: np.ndarray = operation(left, right)
        if result.dtype.kind == "i":
            magnitude = np.abs(operation(left.astype("float64"), right.astype("float64")))
            if (magnitude >= _INT64_END).any():
                raise ScoringError(
                    f'"{source}" leaves the range of int64', fix="write one operand as a float"
                )
    return result


def _logical(node: Logical, prediction: np.ndarray, source: str) -> np.ndarray:
    left = _truth(evaluate(node.left, prediction, source), source)
    right = _truth(evaluate(node.right, prediction, source), source)
    result: np.ndarray = left & right if node.operator == "and" else left | right
    return result


def _comparison(node: Comparison, prediction: np.ndarray, source: str) -> np.ndarray:
    left, right = evaluate(node.left, prediction, source), evaluate(node.right, prediction, source)
    _require_comparable(left, right, source)
    result: np.ndarray = _COMPARISON[node.operator](left, right)
    return result.astype(bool)


def _membership(node: Membership, prediction: np.ndarray, source: str) -> np.ndarray:
    operand = evaluate(node.operand, prediction, source)
    found = np.zeros(len(operand), dtype=bool)
    for value in node.values:
        values = _broadcast(value, len(operand))
        _require_comparable(operand, values, source)
        found |= (operand == values).astype(bool)
    return ~found if node.negated else found


def _widened(values: np.ndarray) -> np.ndarray:
    kind = values.dtype.kind
    if kind == "f":
        return values.astype("float64")
    if kind == "i" or (kind == "u" and values.dtype.itemsize < 8):
        return values.astype("int64")
    return values.astype(object) if kind == "U" else values


def _broadcast(value: Scalar, n_rows: int) -> np.ndarray:
    return np.full(n_rows, value, dtype=object if isinstance(value, str) else None)


def _number(values: np.ndarray, source: str) -> np.ndarray:
    if values.dtype.kind == "b":
        return values.astype("int64")
    if values.dtype.kind not in "iuf":
        raise SignatureInvalid(f'"{source}" calculates with text')
    return values


def _truth(values: np.ndarray, source: str) -> np.ndarray:
    if values.dtype.kind != "b":
        raise SignatureInvalid(f'"{source}": and, or, not need comparisons, not numbers or text')
    return values


def _require_comparable(left: np.ndarray, right: np.ndarray, source: str) -> None:
    if (left.dtype == object) is not (right.dtype == object):
        raise SignatureInvalid(f'"{source}" compares text with a number')
