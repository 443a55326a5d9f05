"""From text to the syntax trees of `core.expressions`: the language of `input.where` and `model.output`.

::

    expression = and-part { "or" and-part }
    and-part   = not-part { "and" not-part }
    not-part   = "not" not-part | test
    test       = sum [ compare sum | ["not"] "in" "(" value { "," value } ")" | "is" ["not"] "null" ]
    sum        = product { ("+" | "-") product }
    product    = factor { ("*" | "/") factor }
    factor     = "-" factor | number | text | "true" | "false" | name [ "[" index "]" ] | "(" expression ")"
    compare    = "==" | "=" | "!=" | "<>" | "<" | "<=" | ">" | ">="

Bounded in length, nesting and operators, so that a tree is safe to walk, compare and pickle.
"""

from __future__ import annotations

import difflib
import re
from typing import Literal as OneOf
from typing import cast

from batch_scorer.core.expression_kinds import check_output_kind, kind_of
from batch_scorer.core.expression_tokens import ExpressionInvalid, Token, TokenKind, tokenize
from batch_scorer.core.expressions import (
    OUTPUT_TYPES,
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
    OutputColumn,
    Scalar,
    walk,
)

MAX_NESTING = 32
MAX_OPERATORS = 100

_COMPARE = {"==": "==", "=": "==", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_OUTPUT = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*=(?!=)")
_MAX_INDEX = 9_999


def parse_expression(source: str) -> Expression:
    """The tree of one expression. Raises: ExpressionInvalid, with the 0-based offset of the mistake."""
    return _Parser(source, start=0, only_name=None).parse()


def parse_condition(source: str) -> Expression:
    """An expression over columns that holds for a row or not: `input.where`. Raises: ExpressionInvalid."""
    expression = parse_expression(source)
    if kind_of(expression) not in ("truth", "unknown"):
        raise ExpressionInvalid('is not a condition: compare it with something, as in "fare > 0"', offset=0)
    for node in walk(expression):
        if isinstance(node, Item):
            offset = max(source.find(node.name), 0)
            raise ExpressionInvalid(f"a column has no [{node.index}]; only model.output has", offset=offset)
    return expression


def parse_output(name: str, source: str, result_name: str | None) -> OutputColumn:
    """One column of `model.output`: `float64 = proba[1]`.

    result_name: what the method's result is called (Method.result_name); nothing else can be named. None
    when the method is not known: then any name will do.
    Raises: ExpressionInvalid, with the offset in source.
    """
    match = _OUTPUT.match(source)
    if match is None:
        raise ExpressionInvalid(
            f'is not "type = expression", as in "float64 = {result_name or "proba[1]"}"', offset=0
        )
    type_name = match.group(1)
    if type_name not in OUTPUT_TYPES:
        raise ExpressionInvalid(
            f'unknown type "{type_name}"{_nearest(type_name)}',
            offset=match.start(1),
        )
    expression = _Parser(source, start=match.end(), only_name=result_name).parse()
    check_output_kind(type_name, kind_of(expression), offset=match.start(1))
    return OutputColumn(name=name, type=type_name, expression=expression, source=source)


class _Parser:
    """Recursive descent, one method per line of the grammar."""

    def __init__(self, source: str, *, start: int, only_name: str | None) -> None:
        self._tokens = tokenize(source, start)
        self._at = 0
        self._nesting = 0
        self._operators = 0
        self._only_name = only_name

    def parse(self) -> Expression:
        expression = self._expression()
        token = self._peek
        if token.kind is not TokenKind.END:
            hint = "; comparisons do not chain: join them with and" if token.text in _COMPARE else ""
            raise self._wrong(f'unexpected "{token.text}"{hint}')
        return expression

    def _expression(self) -> Expression:
        self._enter()
        left = self._and_part()
        while token := self._take("or"):
            left = self._logical("or", token, left, self._and_part())
        self._nesting -= 1
        return left

    def _and_part(self) -> Expression:
        left = self._not_part()
        while token := self._take("and"):
            left = self._logical("and", token, left, self._not_part())
        return left

    def _logical(
        self, operator: OneOf["and", "or"], token: Token, left: Expression, right: Expression
    ) -> Expression:
        self._count(token)
        for side in (left, right):
            _require(kind_of(side) in ("truth", "unknown"), f'"{operator}" joins conditions', token)
        return Logical(operator=operator, left=left, right=right)

    def _not_part(self) -> Expression:
        token = self._take("not")
        if token is None:
            return self._test()
        self._enter()
        operand = self._not_part()
        self._nesting -= 1
        _require(kind_of(operand) in ("truth", "unknown"), '"not" needs a condition', token)
        return Not(operand=operand)

    def _test(self) -> Expression:
        operand = self._sum()
        token = self._peek
        if token.kind is TokenKind.SYMBOL and token.text in _COMPARE:
            return self._comparison(operand)
        if self._take("is"):
            self._count(token)
            negated = self._take("not") is not None
            self._expect("null")
            return NullTest(operand=operand, negated=negated)
        negated = self._take("not") is not None
        if negated or self._is("in"):
            self._count(token)
            self._expect("in")
            return Membership(operand=operand, values=self._values(), negated=negated)
        return operand

    def _comparison(self, left: Expression) -> Expression:
        token = self._next()
        self._count(token)
        right = self._sum()
        kinds = {kind_of(left), kind_of(right)} - {"unknown"}
        _require(len(kinds) < 2, f'"{token.text}" compares a {" with a ".join(sorted(kinds))}', token)
        operator = cast("OneOf['==', '!=', '<', '<=', '>', '>=']", _COMPARE[token.text])
        return Comparison(operator=operator, left=left, right=right)

    def _values(self) -> tuple[Scalar, ...]:
        self._expect("(")
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        self._expect(")")
        return tuple(values)

    def _value(self) -> Scalar:
        token = self._peek
        operand = self._factor()
        if not isinstance(operand, Literal):
            raise ExpressionInvalid("in (…) takes numbers, texts, true and false only", offset=token.offset)
        return operand.value

    def _sum(self) -> Expression:
        left = self._product()
        while token := self._take("+") or self._take("-"):
            left = self._arithmetic(token, left, self._product())
        return left

    def _product(self) -> Expression:
        left = self._factor()
        while token := self._take("*") or self._take("/"):
            left = self._arithmetic(token, left, self._factor())
        return left

    def _arithmetic(self, token: Token, left: Expression, right: Expression) -> Expression:
        self._count(token)
        for side in (left, right):
            _require(kind_of(side) in ("number", "unknown"), f'"{token.text}" needs numbers', token)
        operator = cast("OneOf['+', '-', '*', '/']", token.text)
        return Arithmetic(operator=operator, left=left, right=right)

    def _factor(self) -> Expression:
        token = self._next()
        match token.kind:
            case TokenKind.NUMBER | TokenKind.TEXT:
                return Literal(value=token.value)
            case TokenKind.NAME:
                return self._name(token)
            case TokenKind.KEYWORD if token.text in ("true", "false"):
                return Literal(value=token.text == "true")
            case TokenKind.SYMBOL if token.text == "-":
                return self._negate(token)
            case TokenKind.SYMBOL if token.text == "(":
                inner = self._expression()
                self._expect(")")
                return inner
        self._at -= 1
        if token.text == "null":
            raise self._wrong('null equals nothing: write "is null" or "is not null"')
        raise self._wrong(f"expected a value, found {token.shown}")

    def _negate(self, token: Token) -> Expression:
        self._enter()
        operand = self._factor()
        self._nesting -= 1
        _require(kind_of(operand) in ("number", "unknown"), '"-" needs a number', token)
        if isinstance(operand, Literal) and isinstance(operand.value, int | float):
            return Literal(value=-operand.value)
        return Negate(operand=operand)

    def _name(self, token: Token) -> Expression:
        name = str(token.value)
        if self._only_name not in (None, name):
            what = f'unknown name "{name}"; with this method only "{self._only_name}" can be named'
            raise ExpressionInvalid(what, offset=token.offset)
        if not self._take("["):
            return Name(name=name)
        index = self._next().value
        if not isinstance(index, int) or index > _MAX_INDEX:
            self._at -= 1
            raise self._wrong("an index is a whole number, counted from 0")
        self._expect("]")
        return Item(name=name, index=index)

    @property
    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _is(self, text: str) -> bool:
        return self._peek.kind in (TokenKind.SYMBOL, TokenKind.KEYWORD) and self._peek.text == text

    def _take(self, text: str) -> Token | None:
        return self._next() if self._is(text) else None

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise self._wrong(f'expected "{text}", found {self._peek.shown}')

    def _enter(self) -> None:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise self._wrong(f"is nested deeper than {MAX_NESTING}")

    def _count(self, token: Token) -> None:
        self._operators += 1
        if self._operators > MAX_OPERATORS:
            what = f"has more than {MAX_OPERATORS} operators; long lists go into in (…)"
            raise ExpressionInvalid(what, offset=token.offset)

    def _wrong(self, what: str) -> ExpressionInvalid:
        return ExpressionInvalid(what, offset=self._peek.offset)


def _require(holds: bool, what: str, token: Token) -> None:
    if not holds:
        raise ExpressionInvalid(what, offset=token.offset)


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name.lower(), OUTPUT_TYPES, n=1, cutoff=0.4)
    return f'; did you mean "{near[0]}"?' if near else f"; one of {', '.join(OUTPUT_TYPES)}"
