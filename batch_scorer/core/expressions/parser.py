"""From text to the syntax `trees`: the language of `input.where` and `model.output`.

Its grammar is in docs/job.md. Bounded in length, nesting and operators, so that a tree is safe to walk,
compare and pickle. Which names and functions there are, is a matter of `words`.
"""

from __future__ import annotations

import re
from typing import Literal as OneOf
from typing import cast

from batch_scorer.core.expressions.arguments import Argument, check_arguments
from batch_scorer.core.expressions.cursor import Cursor, is_written
from batch_scorer.core.expressions.kinds import Kind, check_output_kind, kind_of, require_alike, require_kind
from batch_scorer.core.expressions.names import NameReader
from batch_scorer.core.expressions.tokens import ExpressionInvalid, Token, TokenKind
from batch_scorer.core.expressions.trees import (
    OUTPUT_TYPES,
    Arithmetic,
    Call,
    Comparison,
    Expression,
    Literal,
    Logical,
    Membership,
    Negate,
    Not,
    NullTest,
    OutputColumn,
    Scalar,
)
from batch_scorer.core.expressions.words import Anything, ColumnWords, Words
from batch_scorer.core.nearest import suggestion

_COMPARE = {"==": "==", "=": "==", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_OUTPUT = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*=(?!=)")


def parse_expression(source: str) -> Expression:
    """The tree of one expression. Raises: ExpressionInvalid, with the 0-based offset of the mistake."""
    return _Parser(source, start=0, words=Anything()).parse()


def parse_condition(source: str) -> Expression:
    """An expression over columns that holds for a row or not: `input.where`. Raises: ExpressionInvalid."""
    parser = _Parser(source, start=0, words=ColumnWords())
    expression = parser.parse()
    if parser.kind(expression) not in ("truth", "unknown"):
        raise ExpressionInvalid('is not a condition: compare it with something, as in "fare > 0"', offset=0)
    return expression


def parse_output(name: str, source: str, words: Words) -> OutputColumn:
    """One column of `model.output`: `float64 = proba[1]`.

    words: what can be named: the result of a known model or of any, see `result_layouts`.
    Raises: ExpressionInvalid, with the offset in source.
    """
    match = _OUTPUT.match(source)
    if match is None:
        raise ExpressionInvalid('is not "type = expression", as in "float64 = proba[1]"', offset=0)
    type_name = match.group(1)
    if type_name not in OUTPUT_TYPES:
        near = suggestion(type_name, OUTPUT_TYPES) or f"; one of {', '.join(OUTPUT_TYPES)}"
        raise ExpressionInvalid(f'unknown type "{type_name}"{near}', offset=match.start(1))
    parser = _Parser(source, start=match.end(), words=words)
    expression = parser.parse()
    check_output_kind(type_name, parser.kind(expression), offset=match.start(1))
    return OutputColumn(name=name, type=type_name, expression=expression, source=source)


class _Parser:
    """Recursive descent, one method per rule of the grammar."""

    def __init__(self, source: str, *, start: int, words: Words) -> None:
        self._tokens = Cursor(source, start=start)
        self._words = words
        self._names = NameReader(self._tokens, words)

    def parse(self) -> Expression:
        expression = self._expression()
        token = self._tokens.peek
        if token.kind is not TokenKind.END:
            hint = "; comparisons do not chain: join them with and" if token.text in _COMPARE else ""
            raise self._tokens.wrong(f'unexpected "{token.text}"{hint}')
        return expression

    def kind(self, expression: Expression) -> Kind:
        return kind_of(expression, self._words.value)

    def _expression(self) -> Expression:
        with self._tokens.one_level_deeper():
            left = self._and_part()
            while token := self._tokens.take("or"):
                left = self._logical("or", token, left, self._and_part())
        return left

    def _and_part(self) -> Expression:
        left = self._not_part()
        while token := self._tokens.take("and"):
            left = self._logical("and", token, left, self._not_part())
        return left

    def _logical(
        self, operator: OneOf["and", "or"], token: Token, left: Expression, right: Expression
    ) -> Expression:
        self._tokens.count(token)
        for side in (left, right):
            self._require("truth", side, f'"{operator}" joins conditions', token)
        return Logical(operator=operator, left=left, right=right)

    def _not_part(self) -> Expression:
        token = self._tokens.take("not")
        if token is None:
            return self._test()
        with self._tokens.one_level_deeper():
            operand = self._not_part()
        self._require("truth", operand, '"not" needs a condition', token)
        return Not(operand=operand)

    def _test(self) -> Expression:
        operand = self._sum()
        token = self._tokens.peek
        if token.kind is TokenKind.SYMBOL and token.text in _COMPARE:
            return self._comparison(operand)
        if self._tokens.take("is"):
            self._tokens.count(token)
            negated = self._tokens.take("not") is not None
            self._tokens.expect("null")
            if not self._words.has_nulls:
                raise ExpressionInvalid("a prediction is never null", offset=token.offset)
            return NullTest(operand=operand, negated=negated)
        negated = self._tokens.take("not") is not None
        if negated or self._tokens.is_at("in"):
            return self._membership(operand, token, negated=negated)
        return operand

    def _comparison(self, left: Expression) -> Expression:
        token = self._tokens.next()
        self._tokens.count(token)
        right = self._sum()
        self._require_alike((left, right), f'"{token.text}" compares', token)
        operator = cast("OneOf['==', '!=', '<', '<=', '>', '>=']", _COMPARE[token.text])
        return Comparison(operator=operator, left=left, right=right)

    def _membership(self, operand: Expression, token: Token, *, negated: bool) -> Expression:
        self._tokens.count(token)
        self._tokens.expect("in")
        self._tokens.expect("(")
        values = [self._value(operand)]
        while self._tokens.take(","):
            values.append(self._value(operand))
        self._tokens.expect(")")
        return Membership(operand=operand, values=tuple(values), negated=negated)

    def _value(self, operand: Expression) -> Scalar:
        token = self._tokens.peek
        value = self._factor()
        if not isinstance(value, Literal):
            raise ExpressionInvalid("in (…) takes numbers, texts, true and false only", offset=token.offset)
        self._require_alike((operand, value), "in (…) compares", token)
        return value.value

    def _sum(self) -> Expression:
        left = self._product()
        while token := self._tokens.take("+") or self._tokens.take("-"):
            left = self._arithmetic(token, left, self._product())
        return left

    def _product(self) -> Expression:
        left = self._factor()
        while token := self._tokens.take("*") or self._tokens.take("/"):
            left = self._arithmetic(token, left, self._factor())
        return left

    def _arithmetic(self, token: Token, left: Expression, right: Expression) -> Expression:
        self._tokens.count(token)
        for side in (left, right):
            self._require("number", side, f'"{token.text}" needs numbers', token)
        operator = cast("OneOf['+', '-', '*', '/']", token.text)
        return Arithmetic(operator=operator, left=left, right=right)

    def _factor(self) -> Expression:
        token = self._tokens.peek
        match token.kind:
            case TokenKind.NUMBER | TokenKind.TEXT:
                return Literal(value=self._tokens.next().value)
            case TokenKind.NAME if token.is_bare and is_written(self._tokens.after_next, "("):
                return self._call()
            case TokenKind.NAME:
                return self._names.value()
            case TokenKind.KEYWORD if token.text in ("true", "false"):
                return Literal(value=self._tokens.next().text == "true")
            case TokenKind.SYMBOL if token.text == "-":
                return self._negate()
            case TokenKind.SYMBOL if self._tokens.take("("):
                inner = self._expression()
                self._tokens.expect(")")
                return inner
        if token.text == "null":
            raise self._tokens.wrong('null equals nothing: write "is null" or "is not null"')
        raise self._tokens.wrong(f"expected a value, found {token.shown}")

    def _negate(self) -> Expression:
        token = self._tokens.next()
        with self._tokens.one_level_deeper():
            operand = self._factor()
        self._require("number", operand, '"-" needs a number', token)
        if isinstance(operand, Literal) and isinstance(operand.value, int | float):
            return Literal(value=-operand.value)
        return Negate(operand=operand)

    def _call(self) -> Expression:
        token = self._tokens.next()
        function = self._names.function(token)
        self._tokens.count(token)
        self._tokens.expect("(")
        whole = self._names.whole(function) if function.takes_result else None
        given = () if whole is not None else self._arguments()
        self._tokens.expect(")")
        if whole is not None:
            return Call(function=function.name, arguments=(whole,))
        check_arguments(function, given, token)
        return Call(function=function.name, arguments=tuple(each.expression for each in given))

    def _arguments(self) -> tuple[Argument, ...]:
        if self._tokens.is_at(")"):
            return ()
        arguments = [self._argument()]
        while token := self._tokens.take(","):
            self._tokens.count(token)
            arguments.append(self._argument())
        return tuple(arguments)

    def _argument(self) -> Argument:
        token = self._tokens.peek
        expression = self._expression()
        return Argument(expression=expression, kind=self.kind(expression), token=token)

    def _require(self, wanted: Kind, expression: Expression, what: str, token: Token) -> None:
        require_kind(wanted, self.kind(expression), what, token)

    def _require_alike(self, sides: tuple[Expression, Expression], what: str, token: Token) -> None:
        require_alike(map(self.kind, sides), what, token)
