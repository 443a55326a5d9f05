"""What an expression gives: a truth, a number or a text."""

from __future__ import annotations

from typing import Literal as OneOf

from batch_scorer.core.expression_tokens import ExpressionInvalid
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
)

Kind = OneOf["truth", "number", "text", "unknown"]


def kind_of(expression: Expression) -> Kind:
    """What an expression gives, as far as its form tells; columns and predictions are unknown."""
    match expression:
        case Literal(value=bool()) | Comparison() | Membership() | NullTest() | Not() | Logical():
            return "truth"
        case Literal(value=str()):
            return "text"
        case Literal() | Negate() | Arithmetic():
            return "number"
        case Name() | Item():
            return "unknown"


def check_output_kind(type_name: str, kind: Kind, *, offset: int) -> None:
    """A truth may become a number (0 or 1); nothing else changes its kind."""
    fits = {
        "truth": type_name != "string",
        "number": type_name not in ("string", "bool"),
        "text": type_name == "string",
        "unknown": True,
    }
    if not fits[kind]:
        raise ExpressionInvalid(f"the expression gives a {kind}, which is no {type_name}", offset=offset)
