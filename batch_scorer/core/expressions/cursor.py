"""Walking along the tokens of an expression, within its bounds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from batch_scorer.core.expressions.tokens import ExpressionInvalid, Token, TokenKind, tokenize

MAX_NESTING = 32
MAX_OPERATORS = 100


class Cursor:
    def __init__(self, source: str, *, start: int) -> None:
        """Raises: ExpressionInvalid."""
        self._tokens = tokenize(source, start)
        self._at = 0
        self._nesting = 0
        self._operators = 0

    @property
    def peek(self) -> Token:
        return self._tokens[self._at]

    @property
    def after_next(self) -> Token:
        return self._tokens[min(self._at + 1, len(self._tokens) - 1)]

    def next(self) -> Token:
        """The last token, the end, can be taken again and again."""
        token = self.peek
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def mark(self) -> int:
        """A place to come `back_to`."""
        return self._at

    def back_to(self, mark: int) -> None:
        self._at = mark

    def is_at(self, text: str) -> bool:
        return is_written(self.peek, text)

    def take(self, text: str) -> Token | None:
        return self.next() if self.is_at(text) else None

    def expect(self, text: str) -> None:
        if not self.take(text):
            raise self.wrong(f'expected "{text}", found {self.peek.shown}')

    @contextmanager
    def one_level_deeper(self) -> Iterator[None]:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise self.wrong(f"is nested deeper than {MAX_NESTING}")
        yield
        self._nesting -= 1

    def count(self, token: Token) -> None:
        """Operators, and the arguments of functions."""
        self._operators += 1
        if self._operators > MAX_OPERATORS:
            what = f"has more than {MAX_OPERATORS} operators; long lists go into in (…)"
            raise ExpressionInvalid(what, offset=token.offset)

    def wrong(self, what: str) -> ExpressionInvalid:
        return ExpressionInvalid(what, offset=self.peek.offset)


def is_written(token: Token, text: str) -> bool:
    return token.kind in (TokenKind.SYMBOL, TokenKind.KEYWORD) and token.text == text
