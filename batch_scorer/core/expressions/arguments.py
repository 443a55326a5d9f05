"""Do the arguments of a function have the number and the kinds that it takes?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from batch_scorer.core.expressions.functions import MAX_DIGITS, Arguments, Function
from batch_scorer.core.expressions.kinds import Kind, require_alike, require_kind
from batch_scorer.core.expressions.tokens import ExpressionInvalid, Token
from batch_scorer.core.expressions.trees import Expression, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """token: its first one."""

    expression: Expression
    kind: Kind
    token: Token


def check_arguments(function: Function, arguments: Sequence[Argument], token: Token) -> None:
    """token: the name of the function. Raises: ExpressionInvalid."""
    _check_number(function, len(arguments), token)
    match function.takes:
        case Arguments.NUMBERS:
            for argument in arguments:
                _require("number", argument, f"{function.form} takes numbers")
        case Arguments.DIGITS:
            _require("number", arguments[0], f"{function.form} takes a number")
            for argument in arguments[1:]:
                _require_digits(argument)
        case Arguments.CHOICE:
            _require("truth", arguments[0], f"{function.form} begins with a condition")
            _require_alike(function, arguments[1:])
        case Arguments.ALIKE:
            _require_alike(function, arguments)
        case Arguments.RESULT:
            pass  # named, not computed


def _check_number(function: Function, n: int, token: Token) -> None:
    least, most = function.n_least, function.n_most
    if least <= n and (most is None or n <= most):
        return
    if most is None:
        wanted = f"at least {least} values"
    elif least == most:
        wanted = f"{least} value" if least == 1 else f"{least} values"
    else:
        wanted = f"{least} or {most} values"
    raise ExpressionInvalid(f"{function.form} takes {wanted}, and here are {n}", offset=token.offset)


def _require(wanted: Kind, argument: Argument, what: str) -> None:
    require_kind(wanted, argument.kind, what, argument.token)


def _require_alike(function: Function, arguments: Sequence[Argument]) -> None:
    known: Kind = "unknown"
    for argument in arguments:
        require_alike((known, argument.kind), f"{function.form} mixes", argument.token)
        known = argument.kind if known == "unknown" else known


def _require_digits(argument: Argument) -> None:
    match argument.expression:
        case Literal(value=bool()):
            pass
        case Literal(value=int() as digits) if 0 <= digits <= MAX_DIGITS:
            return
    what = f"the digits of round are a whole number from 0 to {MAX_DIGITS}, as in round(x, 2)"
    raise ExpressionInvalid(what, offset=argument.token.offset)
