"""What an expression gives: a truth, a number or a text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal as OneOf

from batch_scorer.core.expressions.functions import FUNCTIONS, Arguments
from batch_scorer.core.expressions.tokens import ExpressionInvalid, Token
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
    Step,
)

Kind = OneOf["truth", "number", "text", "unknown"]
KindOfName = Callable[[str, tuple[Step, ...]], Kind]


def kind_of(expression: Expression, kind_of_name: KindOfName) -> Kind:
    """What an expression gives, as far as its form and the names in it tell."""
    match expression:
        case Literal(value=bool()) | Comparison() | Membership() | NullTest() | Not() | Logical():
            return "truth"
        case Literal(value=str()):
            return "text"
        case Literal() | Negate() | Arithmetic():
            return "number"
        case Name(name=name):
            return kind_of_name(name, ())
        case Item(name=name, path=path):
            return kind_of_name(name, path)
        case Call():
            return _kind_of_call(expression, kind_of_name)


def require_kind(wanted: Kind, kind: Kind, what: str, token: Token) -> None:
    """Raises: ExpressionInvalid, at the token."""
    if kind not in (wanted, "unknown"):
        raise ExpressionInvalid(f"{what}, and this is a {kind}", offset=token.offset)


def require_alike(kinds: Iterable[Kind], what: str, token: Token) -> None:
    """Raises: ExpressionInvalid, at the token: `"=" compares a number with a text`."""
    known = _known(kinds)
    if len(known) > 1:
        raise ExpressionInvalid(f"{what} a {' with a '.join(sorted(known))}", offset=token.offset)


def check_output_kind(type_name: str, kind: Kind, *, offset: int) -> None:
    """A truth may become a number (0 or 1); nothing else changes its kind."""
    fits = {
        "truth": type_name != "string",
        "number": type_name not in ("string", "bool"),
        "text": type_name == "string",
        "unknown": True,
    }
    if not fits[kind]:
        instead = {"text": "string", "number": "float64 or int64, or compare it", "truth": "bool"}[kind]
        what = f"the expression gives a {kind}, which is no {type_name}: write {instead}"
        raise ExpressionInvalid(what, offset=offset)


def _kind_of_call(call: Call, kind_of_name: KindOfName) -> Kind:
    match FUNCTIONS[call.function].takes:
        case Arguments.NUMBERS | Arguments.DIGITS:
            return "number"
        case Arguments.RESULT:
            return "text" if call.function == "label" else "number"
        case Arguments.CHOICE:
            return _common(call.arguments[1:], kind_of_name)
        case Arguments.ALIKE:
            return _common(call.arguments, kind_of_name)


def _common(arguments: tuple[Expression, ...], kind_of_name: KindOfName) -> Kind:
    kinds = _known(kind_of(argument, kind_of_name) for argument in arguments)
    return kinds[0] if kinds else "unknown"


def _known(kinds: Iterable[Kind]) -> tuple[Kind, ...]:
    return tuple(dict.fromkeys(kind for kind in kinds if kind != "unknown"))
