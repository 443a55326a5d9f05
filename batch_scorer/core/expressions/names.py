"""The names in an expression: columns, results and functions, held against the words that there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from batch_scorer.core.expressions.cursor import Cursor
from batch_scorer.core.expressions.functions import FUNCTIONS, WHERE_FUNCTIONS, Arguments, Function
from batch_scorer.core.expressions.tokens import ExpressionInvalid, Token, TokenKind
from batch_scorer.core.expressions.trees import Item, Name, Step
from batch_scorer.core.expressions.words import NotNamed, Words
from batch_scorer.core.nearest import suggestion

_MAX_INDEX = 9_999


class NameReader:
    def __init__(self, tokens: Cursor, words: Words) -> None:
        self._tokens = tokens
        self._words = words

    def value(self) -> Name | Item:
        """One value per row. Raises: ExpressionInvalid."""
        named, tokens = self._path()
        try:
            self._words.value(named.name, _steps(named))
        except NotNamed as error:
            raise _misnamed(error, tokens) from None
        return named

    def function(self, token: Token) -> Function:
        """Raises: ExpressionInvalid."""
        name, known = token.text.lower(), self._words.functions
        if name in known:
            return known[name]
        if name in FUNCTIONS:
            elsewhere = "input.where" if name in WHERE_FUNCTIONS else "model.output"
            raise ExpressionInvalid(f"{name}(…) works in {elsewhere} only", offset=token.offset)
        near = suggestion(name, tuple(known)) or f"; there are {', '.join(known)}"
        raise ExpressionInvalid(f'unknown function "{token.text}"{near}', offset=token.offset)

    def whole(self, function: Function) -> Name | Item | None:
        """The one argument that stands for all columns of a result; None when it is none.

        Raises: ExpressionInvalid.
        """
        before = self._tokens.mark()
        if self._tokens.peek.kind is TokenKind.NAME:
            named, tokens = self._path()
            if self._tokens.is_at(")"):
                try:
                    self._words.check_whole(function.name, named.name, _steps(named))
                except NotNamed as error:
                    raise _misnamed(error, tokens) from None
                return named
        self._tokens.back_to(before)
        if function.takes is Arguments.RESULT:
            what = f"{function.form} takes the name of a result, as in {function.name}(proba)"
            raise self._tokens.wrong(what)
        return None

    def _path(self) -> tuple[Name | Item, list[Token]]:
        """A name and its steps, and the token of each."""
        tokens = [self._tokens.next()]
        while self._tokens.take("["):
            tokens.append(self._step())
            self._tokens.expect("]")
        name, *steps = (token.value for token in tokens)
        if not steps:
            return Name(name=str(name)), tokens
        return Item(name=str(name), path=tuple(cast("list[Step]", steps))), tokens

    def _step(self) -> Token:
        token = self._tokens.peek
        if token.kind is not TokenKind.TEXT:
            if token.kind is not TokenKind.NUMBER or not isinstance(token.value, int):
                raise self._tokens.wrong("in [ ] goes a whole number, counted from 0, or a label in quotes")
            if token.value > _MAX_INDEX:
                raise self._tokens.wrong(f"a position is at most {_MAX_INDEX:,}")
        return self._tokens.next()


def _misnamed(error: NotNamed, tokens: Sequence[Token]) -> ExpressionInvalid:
    """tokens: of the name and the steps behind it."""
    at = 0 if error.step is None else error.step + 1
    return ExpressionInvalid(error.what, offset=tokens[at].offset)


def _steps(named: Name | Item) -> tuple[Step, ...]:
    return named.path if isinstance(named, Item) else ()
