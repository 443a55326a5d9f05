"""The words of an expression, and the error that says which character is wrong."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from batch_scorer.core.expressions.trees import Scalar

MAX_CHARS = 2_000
KEYWORDS = frozenset({"and", "or", "not", "in", "is", "null", "true", "false"})

_TOKEN = re.compile(
    r"""
      (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?![A-Za-z0-9_.])
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
    | (?P<name>`(?:[^`]|``)+`)
    | (?P<symbol>==|!=|<>|<=|>=|[=<>+\-*/(),\[\]])
    """,
    re.VERBOSE,
)
_SPACE = re.compile(r"\s*")
_HINTS = {"&": 'write "and"', "|": 'write "or"', "!": 'write "not", or "!="'}
_MAX_SAID = 500  # characters
_INT64_MAX = 2**63 - 1


class ExpressionInvalid(ValueError):
    """what: the mistake, without its place. offset: 0-based, into the source as it was given."""

    def __init__(self, what: str, offset: int = 0) -> None:
        # A message may repeat a word of the source, which can be very long.
        what = what if len(what) <= _MAX_SAID else f"{what[:_MAX_SAID]}…"
        super().__init__(what, offset)
        self.what = what
        self.offset = offset

    def __str__(self) -> str:
        return f"{self.what} (at character {self.offset + 1})"


class TokenKind(Enum):
    NUMBER = "number"
    TEXT = "text"
    NAME = "name"
    KEYWORD = "keyword"
    SYMBOL = "symbol"
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """text: as written, keywords in lower case. value: of a number, text or name, without its quotes."""

    kind: TokenKind
    text: str
    offset: int
    value: Scalar = ""

    @property
    def is_bare(self) -> bool:
        """Without quotes or backticks around it."""
        return not self.text.startswith(("'", '"', "`"))

    @property
    def shown(self) -> str:
        return "the end" if self.kind is TokenKind.END else f'"{self.text}"'


def tokenize(source: str, start: int = 0) -> tuple[Token, ...]:
    """The tokens of source from start on, the last of kind END. Raises: ExpressionInvalid."""
    if len(source) > MAX_CHARS:
        raise ExpressionInvalid(f"is longer than {MAX_CHARS:,} characters", offset=MAX_CHARS)
    tokens = []
    at = _after_space(source, start)
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            raise _unreadable(source, at)
        tokens.append(_token(match))
        at = _after_space(source, match.end())
    tokens.append(Token(kind=TokenKind.END, text="", offset=len(source)))
    return tuple(tokens)


def names_at(source: str) -> Iterator[tuple[str, int]]:
    """Every name in an expression that parses, with its first offset; a function is none."""
    found: dict[str, int] = {}
    tokens = tokenize(source)
    for token, after in pairwise(tokens):
        is_function = token.is_bare and after.text == "("
        if token.kind is TokenKind.NAME and not is_function:
            found.setdefault(str(token.value), token.offset)
    yield from found.items()


def _token(match: re.Match[str]) -> Token:
    text, offset = match.group(), match.start()
    match match.lastgroup:
        case "number":
            return Token(kind=TokenKind.NUMBER, text=text, offset=offset, value=_number(text, offset))
        case "text":
            value = _storable(text[1:-1].replace(text[0] * 2, text[0]), offset)
            return Token(kind=TokenKind.TEXT, text=text, offset=offset, value=value)
        case "name":
            value = _storable(text[1:-1].replace("``", "`"), offset)
            return Token(kind=TokenKind.NAME, text=text, offset=offset, value=value)
        case "word" if text.lower() in KEYWORDS:
            return Token(kind=TokenKind.KEYWORD, text=text.lower(), offset=offset)
        case "word":
            return Token(kind=TokenKind.NAME, text=text, offset=offset, value=text)
        case _:
            return Token(kind=TokenKind.SYMBOL, text=text, offset=offset)


def _storable(text: str, offset: int) -> str:
    """Half of a surrogate pair, as YAML's escapes can make one, is in no column and in no file."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ExpressionInvalid("holds half a character", offset=offset + 1 + error.start) from None
    return text


def _number(text: str, offset: int) -> int | float:
    if text.isdigit():
        if int(text) > _INT64_MAX:
            raise ExpressionInvalid(f"{text} does not fit in 64 bits", offset=offset)
        return int(text)
    if not math.isfinite(float(text)):
        raise ExpressionInvalid(f"{text} is no finite number", offset=offset)
    return float(text)


def _unreadable(source: str, at: int) -> ExpressionInvalid:
    character = source[at]
    if character in "'\"`":
        return ExpressionInvalid(f"the {character} is never closed", offset=at)
    if character in "0123456789.":
        return ExpressionInvalid(f'"{source[at : at + 12].split()[0]}" is not a number', offset=at)
    hint = f": {_HINTS[character]}" if character in _HINTS else ""
    return ExpressionInvalid(f'unexpected "{character}"{hint}', offset=at)


def _after_space(source: str, at: int) -> int:
    match = _SPACE.match(source, at)
    return match.end() if match else at
