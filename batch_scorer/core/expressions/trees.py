"""The small language of `input.where` and `model.output`, as frozen syntax trees.

Parsing is in `parser`; the lake compiles a tree to Arrow (`input.where`, SQL's three-valued
logic), models to NumPy (`model.output`). Nothing here is ever handed to Python's own eval.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal as OneOf

Scalar = bool | int | float | str
Step = int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    value: Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A column (`fare`) in `input.where`; a method's result (`prediction`, `proba`, …) in `model.output`."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """`proba[1]`, `proba['yes']`, `proba[0]['red']`: a column of a result, by position (from 0) or label.

    path: never empty; two steps where a model has several outputs of several classes each.
    """

    name: str
    path: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """`max(proba[1], 0.5)`. function: one of `functions`, in lower case."""

    function: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Negate:
    operand: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Arithmetic:
    operator: OneOf["+", "-", "*", "/"]
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    operator: OneOf["==", "!=", "<", "<=", ">", ">="]
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """`company in ('Flash Cab', 'Blue Ribbon')`, or `not in`."""

    operand: Expression
    values: tuple[Scalar, ...]
    negated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NullTest:
    """`company is null`, or `is not null`."""

    operand: Expression
    negated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    operand: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Logical:
    operator: OneOf["and", "or"]
    left: Expression
    right: Expression


Expression = (
    Literal | Name | Item | Call | Negate | Arithmetic | Comparison | Membership | NullTest | Not | Logical
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputColumn:
    """`big_tip_score: "float64 = proba[1]"`. type: one of OUTPUT_TYPES."""

    name: str
    type: str
    expression: Expression
    source: str  # as written, for manifests and messages


OUTPUT_TYPES = ("float64", "float32", "int64", "int32", "int16", "int8", "bool", "string")


def names_in(expression: Expression) -> frozenset[str]:
    """Every column or prediction name that the expression reads."""
    return frozenset(node.name for node in walk(expression) if isinstance(node, Name | Item))


def walk(expression: Expression) -> Iterator[Expression]:
    """The tree's nodes, parents first."""
    yield expression
    match expression:
        case Negate() | Membership() | NullTest() | Not():
            yield from walk(expression.operand)
        case Arithmetic() | Comparison() | Logical():
            yield from walk(expression.left)
            yield from walk(expression.right)
        case Call():
            for argument in expression.arguments:
                yield from walk(argument)
        case Literal() | Name() | Item():
            pass
