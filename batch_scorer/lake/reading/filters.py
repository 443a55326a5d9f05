"""`input.where` on Arrow tables: SQL's three-valued logic inside, and a row stays only where it is true."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from batch_scorer.core.errors import InputError
from batch_scorer.core.expressions.text import text_of
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
from batch_scorer.lake.arrow_types import arrow_type_name, is_string
from batch_scorer.lake.reading.filter_functions import (
    EXTREMES,
    OF_ONE_NUMBER,
    rounded,
    widened,
    with_one_type,
)

Value = Any  # pa.Array, pa.ChunkedArray or pa.Scalar: pyarrow publishes no types

_COMPARE: Mapping[str, Callable[[Value, Value], Value]] = {
    "==": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
_COMPUTE: Mapping[str, Callable[[Value, Value], Value]] = {
    "+": pc.add_checked,
    "-": pc.subtract_checked,
    "*": pc.multiply_checked,
}


def row_mask(expression: Expression, table: pa.Table) -> pa.BooleanArray:
    """One True per row that stays, (n_rows,), without nulls: a row whose answer is unknown goes.

    Numbers are computed in 64 bits. Division is always of floats, as in Python; what has no answer (x / 0,
    ln of a negative number) is infinite or NaN, never an error.
    Raises: InputError, for types that do not go together and for integer overflow.
    """
    try:
        answer = _boolean(expression, table)
    except pa.ArrowException as error:
        raise _mistyped(f'"{text_of(expression)}" cannot be computed: {error}') from error
    if isinstance(answer, pa.Scalar):
        return pa.repeat(pa.scalar(answer.as_py() is True), table.num_rows)
    filled = pc.fill_null(answer, False)
    return filled.combine_chunks() if isinstance(filled, pa.ChunkedArray) else filled


def _evaluate(node: Expression, table: pa.Table) -> Value:
    match node:
        case Literal():
            return pa.scalar(node.value)
        case Name():
            return _column(node.name, table)
        case Item():
            raise _mistyped(f'"{text_of(node)}" is not a column')
        case Call():
            return _call(node, table)
        case Negate():
            return pc.negate_checked(_number(node.operand, table))
        case Arithmetic():
            return _arithmetic(node, table)
        case Comparison():
            left, right = _evaluate(node.left, table), _evaluate(node.right, table)
            return _compare(node.operator, left, right, node)
        case Membership():
            return _membership(node, table)
        case NullTest():
            is_null = pc.is_null(_evaluate(node.operand, table))
            return pc.invert(is_null) if node.negated else is_null
        case Not():
            return pc.invert(_boolean(node.operand, table))
        case Logical():
            join = pc.and_kleene if node.operator == "and" else pc.or_kleene
            return join(_boolean(node.left, table), _boolean(node.right, table))


def _column(name: str, table: pa.Table) -> Value:
    column = table.column(name)
    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    return column


def _call(node: Call, table: pa.Table) -> Value:
    match node.function:
        case "if":
            condition, *choices = node.arguments
            chosen = pc.fill_null(_boolean(condition, table), False)
            return pc.if_else(chosen, *_alike(choices, table))
        case "coalesce":
            return pc.coalesce(*_alike(node.arguments, table))
        case "min" | "max":
            numbers = with_one_type([_number(argument, table) for argument in node.arguments])
            return reduce(EXTREMES[node.function], numbers)
        case "round":
            return rounded(_number(node.arguments[0], table), _digits(node))
        case function if function in OF_ONE_NUMBER:
            return OF_ONE_NUMBER[function](_number(node.arguments[0], table))
        case _:
            raise _mistyped(f"{node.function} works in model.output only")


def _digits(node: Call) -> int:
    match node.arguments:
        case (_, Literal(value=int() as digits)):
            return digits
        case _:
            return 0


def _alike(nodes: Sequence[Expression], table: pa.Table) -> list[Value]:
    """Their values, of one type."""
    values = [widened(_evaluate(node, table)) for node in nodes]
    typed = next((value for value in values if not isinstance(value, pa.StringScalar)), values[0])
    values = [_like(value, typed) for value in values]
    families = {_family(value.type): node for node, value in zip(nodes, values, strict=True)}
    families.pop("null", None)
    if len(families) > 1:
        mixed = " and ".join(f"{_words(node)} is {family}" for family, node in families.items())
        raise _mistyped(f"{mixed}, which do not go together")
    return with_one_type(values)


def _arithmetic(node: Arithmetic, table: pa.Table) -> Value:
    left, right = _number(node.left, table), _number(node.right, table)
    if node.operator == "/":
        return pc.divide(left.cast(pa.float64()), right.cast(pa.float64()))
    return _COMPUTE[node.operator](left, right)


def _membership(node: Membership, table: pa.Table) -> Value:
    operand = _evaluate(node.operand, table)
    hits = [_compare("==", operand, pa.scalar(value), node) for value in node.values]
    found = reduce(pc.or_kleene, hits, pa.scalar(False))
    return pc.invert(found) if node.negated else found


def _compare(operator: str, left: Value, right: Value, node: Comparison | Membership) -> Value:
    left, right = _like(left, right), _like(right, left)
    if pa.types.is_null(left.type) or pa.types.is_null(right.type):
        return pa.scalar(None, pa.bool_())  # a column of nothing but nulls has no type to disagree with
    if _family(left.type) != _family(right.type):
        raise _mistyped(
            f"{_described(node, 'left')} is {arrow_type_name(left.type)} "
            f"and cannot be compared with {_described(node, 'right')}, which is {arrow_type_name(right.type)}"
        )
    return _COMPARE[operator](left, right)


def _like(value: Value, other: Value) -> Value:
    """A text literal beside a date or time means a date or time: `started_at >= '2024-01-01'`."""
    if isinstance(value, pa.StringScalar) and pa.types.is_temporal(other.type):
        return value.cast(other.type)
    return value


def _number(node: Expression, table: pa.Table) -> Value:
    value = _evaluate(node, table)
    if _family(value.type) not in ("number", "null"):
        raise _mistyped(f"{_words(node)} is {arrow_type_name(value.type)}, not a number")
    return value.cast(pa.float64()) if pa.types.is_null(value.type) else widened(value)


def _boolean(node: Expression, table: pa.Table) -> Value:
    value = _evaluate(node, table)
    if not pa.types.is_boolean(value.type):
        raise _mistyped(f"{_words(node)} is {arrow_type_name(value.type)}, not true or false")
    return value


def _family(arrow_type: pa.DataType) -> str:
    if pa.types.is_integer(arrow_type) or pa.types.is_floating(arrow_type) or pa.types.is_decimal(arrow_type):
        return "number"
    if is_string(arrow_type):
        return "string"
    if pa.types.is_timestamp(arrow_type):
        return "aware timestamp" if arrow_type.tz else "naive timestamp"
    return str(arrow_type)


def _described(node: Comparison | Membership, side: str) -> str:
    match node:
        case Comparison():
            return _words(node.left if side == "left" else node.right)
        case Membership():
            return _words(node.operand) if side == "left" else _listed(node.values)


def _words(node: Expression) -> str:
    match node:
        case Name():
            return f'column "{node.name}"'
        case Literal():
            return repr(node.value)
        case _:
            return f'"{text_of(node)}"'


def _listed(values: tuple[Scalar, ...]) -> str:
    return "(" + ", ".join(repr(value) for value in values) + ")"


def _mistyped(what: str) -> InputError:
    return InputError(f"input.where: {what}", fix="correct input.where in the job file")
