"""A syntax tree as text again: what it parses to is the tree."""

from __future__ import annotations

import re

from batch_scorer.core.expressions.tokens import KEYWORDS
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
    Step,
)

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def text_of(expression: Expression) -> str:
    """The expression with parentheses around every part that has parts of its own."""
    match expression:
        case Literal(value=value):
            return text_of_value(value)
        case Name(name=name):
            return text_of_path(name, ())
        case Item(name=name, path=path):
            return text_of_path(name, path)
        case Call(function=function, arguments=arguments):
            return f"{function}({', '.join(map(text_of, arguments))})"
        case Negate(operand=operand):
            return f"-{_part(operand)}"
        case Not(operand=operand):
            return f"not {_part(operand)}"
        case NullTest(operand=operand, negated=negated):
            return f"{_part(operand)} is {'not ' * negated}null"
        case Membership(operand=operand, values=values, negated=negated):
            return f"{_part(operand)} {'not ' * negated}in ({', '.join(map(text_of_value, values))})"
        case Arithmetic() | Comparison() | Logical():
            return f"{_part(expression.left)} {expression.operator} {_part(expression.right)}"


def text_of_value(value: Scalar) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return "'" + value.replace("'", "''") + "'"
        case _:
            return repr(value)


def text_of_path(name: str, path: tuple[Step, ...]) -> str:
    """`proba[0]['red']`."""
    is_word = _WORD.fullmatch(name) and name.lower() not in KEYWORDS
    quoted = name if is_word else "`" + name.replace("`", "``") + "`"
    return quoted + "".join(f"[{text_of_value(step)}]" for step in path)


def _part(expression: Expression) -> str:
    match expression:
        case Literal() | Name() | Item() | Call():
            return text_of(expression)
        case _:
            return f"({text_of(expression)})"
