"""Expressions over predictions, in NumPy. Predictions have no nulls, so two-valued logic is enough.

Numbers are widened first (int64, float64), so that int8 labels do not wrap and float32 compares as written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from typing import Any, assert_never

import numpy as np
import pandas as pd

from batch_scorer.core.errors import SignatureInvalid
from batch_scorer.core.expressions.result_layouts import Block, ResultLayout
from batch_scorer.core.expressions.trees import (
    Arithmetic,
    Call,
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
from batch_scorer.core.expressions.words import NotNamed, Path
from batch_scorer.models.scoring.error_rows import refused
from batch_scorer.models.scoring.numpy_functions import (
    EXTREMES,
    OF_ONE_NUMBER,
    absolute,
    position_of_largest,
    rounded,
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
_DTYPES = {"boolean": "bool", "integer": "int64", "floating": "float64", "mixed-integer-float": "float64"}
_INT64_END = 2.0**63


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """What a method gave for a batch: (n_rows,) or (n_rows, n), and how its columns are found."""

    values: np.ndarray
    layout: ResultLayout


def evaluate(expression: Expression, predicted: Predicted, source: str) -> np.ndarray:
    """One value per row: bool, int64, float64, or object holding str.

    source: the expression as written, for messages.
    Raises: SignatureInvalid for operands of the wrong kind; ScoringError for an int overflow.
    """
    # What becomes infinite or NaN is refused when the column is built.
    with np.errstate(all="ignore"):
        return _Evaluation(predicted, source).of(expression)


class _Evaluation:
    """One expression over one batch."""

    def __init__(self, predicted: Predicted, source: str) -> None:
        self._values = predicted.values
        self._layout = predicted.layout
        self._source = source

    def of(self, expression: Expression) -> np.ndarray:
        match expression:
            case Literal(value=value):
                return self._everywhere(value)
            case Name():
                return self._column(())
            case Item(path=path):
                return self._column(path)
            case Call():
                return self._call(expression)
            case Negate(operand=operand):
                return self._arithmetic("-", self._everywhere(0), self._number(operand))
            case Arithmetic(operator=operator, left=left, right=right):
                return self._arithmetic(operator, self._number(left), self._number(right))
            case Comparison():
                return self._comparison(expression)
            case Membership():
                return self._membership(expression)
            case Not(operand=operand):
                denied: np.ndarray = ~self._truth(operand)
                return denied
            case Logical():
                return self._logical(expression)
            case NullTest():
                raise self._invalid("a prediction is never null")
            case _:
                assert_never(expression)

    def _column(self, path: Path) -> np.ndarray:
        try:
            position = self._layout.position(path)
        except NotNamed as error:
            raise self._invalid(error.what) from None
        return self._widened(self._values if position is None else self._values[:, position])

    def _call(self, call: Call) -> np.ndarray:
        match call.function:
            case "if":
                condition, left, right = call.arguments
                return self._choice(self._truth(condition), self.of(left), self.of(right))
            case "min" | "max":
                return reduce(EXTREMES[call.function], self._numbers(call))
            case "round":
                digits = [each.value for each in call.arguments[1:] if isinstance(each, Literal)]
                return rounded(self._number(call.arguments[0]), *map(int, digits or [0]))
            case "abs":
                return self._checked(*absolute(self._number(call.arguments[0])))
            case "argmax":
                return position_of_largest(self._block(call)[0])
            case "label":
                values, block = self._block(call)
                labels = np.array(block.labels, dtype=object)
                named: np.ndarray = labels[position_of_largest(values)]
                return named
            case function if function in OF_ONE_NUMBER:
                return OF_ONE_NUMBER[function](self._number(call.arguments[0]))
            case _:
                raise self._invalid(f"{call.function} works in input.where only")

    def _numbers(self, call: Call) -> list[np.ndarray]:
        """The arguments, or the columns of the whole result that stands for them; of one type."""
        if len(call.arguments) > 1:
            values = [self._number(argument) for argument in call.arguments]
        else:
            columns, _ = self._block(call)
            values = list(columns.T)
        return [each.astype(np.result_type(*values)) for each in values]

    def _block(self, call: Call) -> tuple[np.ndarray, Block]:
        named = call.arguments[0]
        try:
            block = self._layout.block(named.path if isinstance(named, Item) else ())
        except NotNamed as error:
            raise self._invalid(error.what) from None
        if self._layout.n_columns is None:
            return self._as_number(self._widened(self._values)), block
        columns = self._values[:, block.first : block.stop].T
        return np.stack([self._as_number(self._widened(column)) for column in columns], axis=1), block

    def _choice(self, chosen: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        if _kind(left) != _kind(right):
            raise self._invalid("if(…) mixes text, numbers and truths")
        result: np.ndarray = np.where(chosen, left, right)
        return result

    def _arithmetic(self, operator: str, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        operation = _ARITHMETIC[operator]
        result: np.ndarray = operation(left, right)
        if result.dtype.kind != "i":
            return result
        magnitude = np.abs(operation(left.astype("float64"), right.astype("float64")))
        return self._checked(result, magnitude >= _INT64_END)

    def _checked(self, result: np.ndarray, too_large: np.ndarray) -> np.ndarray:
        if too_large.any():
            what = f'"{self._source}" leaves the range of int64'
            raise refused(what, too_large, fix="write one operand as a float, as in 2.0 for 2")
        return result

    def _logical(self, node: Logical) -> np.ndarray:
        left, right = self._truth(node.left), self._truth(node.right)
        result: np.ndarray = left & right if node.operator == "and" else left | right
        return result

    def _comparison(self, node: Comparison) -> np.ndarray:
        left, right = self.of(node.left), self.of(node.right)
        self._require_comparable(left, right)
        result: np.ndarray = _COMPARISON[node.operator](left, right)
        return result.astype(bool, copy=False)

    def _membership(self, node: Membership) -> np.ndarray:
        operand = self.of(node.operand)
        found = np.zeros(len(operand), dtype=bool)
        for value in node.values:
            values = self._everywhere(value)
            self._require_comparable(operand, values)
            found |= (operand == values).astype(bool)
        return ~found if node.negated else found

    def _everywhere(self, value: Scalar) -> np.ndarray:
        one = np.array(value, dtype=object if isinstance(value, str) else None)
        return np.broadcast_to(one, len(self._values))  # read-only, and no longer than one value

    def _number(self, node: Expression) -> np.ndarray:
        return self._as_number(self.of(node))

    def _as_number(self, values: np.ndarray) -> np.ndarray:
        if values.dtype.kind == "b":
            return values.astype("int64")
        if values.dtype.kind not in "iuf":
            raise self._invalid("it calculates with text")
        return values

    def _truth(self, node: Expression) -> np.ndarray:
        values = self.of(node)
        if values.dtype.kind != "b":
            raise self._invalid("and, or, not and if need comparisons, not numbers or text")
        return values

    def _require_comparable(self, left: np.ndarray, right: np.ndarray) -> None:
        if (left.dtype == object) is not (right.dtype == object):
            raise self._invalid("it compares text with a number")

    def _widened(self, values: np.ndarray) -> np.ndarray:
        kind = values.dtype.kind
        if kind == "O":
            return self._unpacked(values)
        if kind in "UT":
            return values.astype(object)
        if kind not in "biuf":
            raise self._invalid(f"the model gives values of type {values.dtype}, which no output can hold")
        if kind == "f":
            return values.astype("float64", copy=False)
        return values if kind == "b" or values.dtype == np.uint64 else values.astype("int64", copy=False)

    def _unpacked(self, values: np.ndarray) -> np.ndarray:
        """Labels of dtype object: what they are, where all are of one kind."""
        found = pd.api.types.infer_dtype(values, skipna=False)
        if found == "string":
            return values
        with suppress(OverflowError):  # whole numbers beyond 64 bits
            if found in _DTYPES:
                return values.astype(_DTYPES[found])
        raise self._invalid(f"the model gives objects ({found}), not only numbers, truths or texts")

    def _invalid(self, what: str) -> SignatureInvalid:
        return SignatureInvalid(f'"{self._source}": {what}')


def _kind(values: np.ndarray) -> str:
    return {"b": "truth", "O": "text"}.get(values.dtype.kind, "number")
