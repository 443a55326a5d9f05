"""The language of `input.where` and `model.output`; DuckDB says what precedence means."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch_scorer.core.expressions.cursor import MAX_NESTING, MAX_OPERATORS
from batch_scorer.core.expressions.parser import parse_condition, parse_expression, parse_output
from batch_scorer.core.expressions.tokens import MAX_CHARS, ExpressionInvalid
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
    names_in,
    walk,
)
from batch_scorer.core.expressions.words import ResultWords

ROWS = """(values (0.0, 1.0, 'x'), (2.0, NULL, 'it''s'), (NULL, -3.0, NULL), (5.5, 5.5, 'y')) rows(a, b, t)"""


def in_full(expression: Expression) -> str:
    """SQL with every pair of parentheses written, so that no precedence is left to decide."""
    match expression:
        case Literal(value=str() as text):
            return "'" + text.replace("'", "''") + "'"
        case Literal(value=value):
            return f"({str(value).lower()})"
        case Name(name=name):
            return f'"{name}"'
        case Item() | Call():
            raise AssertionError("not in these tests")
        case Negate():
            return f"(- {in_full(expression.operand)})"
        case Not():
            return f"(NOT {in_full(expression.operand)})"
        case NullTest():
            return f"({in_full(expression.operand)} IS {'NOT ' * expression.negated}NULL)"
        case Membership():
            values = ", ".join(in_full(Literal(value=value)) for value in expression.values)
            return f"({in_full(expression.operand)} {'NOT ' * expression.negated}IN ({values}))"
        case Arithmetic() | Comparison() | Logical():
            return f"({in_full(expression.left)} {expression.operator} {in_full(expression.right)})"


def joined(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(" ".join)


def nested_sums() -> st.SearchStrategy[str]:
    return sums.map("({})".format)


factors: st.SearchStrategy[str] = (
    st.sampled_from(["a", "b", "a", "b", "0", "1", "2.5", ".5", "1e1"])
    | joined(st.just("-"), st.sampled_from(["a", "3"]))
    | st.deferred(nested_sums)
)
products = factors | joined(factors, st.sampled_from("*/"), factors)
sums: st.SearchStrategy[str] = products | joined(products, st.sampled_from("+-"), products)
tests = (
    joined(sums, st.sampled_from(["=", "==", "!=", "<>", "<", "<=", ">", ">="]), sums)
    | joined(sums, st.sampled_from(["in (1, 2, -3.0)", "NOT IN (0)", "is null", "Is Not Null"]))
    | st.sampled_from(["t = 'it''s'", "t in ('x', 'y')", "t is null", "true", "FALSE"])
)
conditions: st.SearchStrategy[str] = st.recursive(
    tests,
    lambda inner: (
        joined(st.just("not"), inner)
        | joined(inner, st.sampled_from(["and", "or", "AND"]), inner)
        | inner.map("({})".format)
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        yield connection


@settings(max_examples=150, deadline=None)
@given(source=conditions)
def test_precedence_is_that_of_sql(database: duckdb.DuckDBPyConnection, source: str) -> None:
    full = in_full(parse_condition(source))
    rows = database.execute(f"SELECT ({source}), {full} FROM {ROWS}").fetchall()
    assert [ours for _, ours in rows] == [theirs for theirs, _ in rows]


@given(source=st.text(max_size=80) | st.text(alphabet="ab1.'\"`()[],+-*/=<>! notinsul", max_size=60))
def test_any_text_is_a_tree_or_a_mistake_inside_the_text(source: str) -> None:
    try:
        tree = parse_expression(source)
    except ExpressionInvalid as invalid:
        if not 0 <= invalid.offset <= len(source):
            raise
        return
    assert all(name in source.replace("``", "`") for name in names_in(tree))
    assert pickle.loads(pickle.dumps(tree)) == tree


@pytest.mark.parametrize(
    ("source", "tree"),
    [
        ("-3", Literal(value=-3)),
        ("- fare", Negate(operand=Name(name="fare"))),
        ("`trip miles`", Name(name="trip miles")),
        ("`a``b`", Name(name="a`b")),
        ('"it""s"', Literal(value='it"s')),
        ("proba[1]", Item(name="proba", path=(1,))),
        ("TRUE", Literal(value=True)),
        (
            "company NOT IN ('a', -1)",
            Membership(operand=Name(name="company"), values=("a", -1), negated=True),
        ),
        ("nothing", Name(name="nothing")),
    ],
)
def test_each_form_has_its_tree(source: str, tree: Expression) -> None:
    assert parse_expression(source) == tree


@pytest.mark.parametrize(
    ("source", "offset", "words"),
    [
        ("", 0, "expected a value, found the end"),
        ("fare >", 6, "expected a value, found the end"),
        ("fare > > 0", 7, 'expected a value, found ">"'),
        ("a < b < c", 6, "do not chain"),
        ("a && b", 2, 'write "and"'),
        ("company = null", 10, "is null"),
        ("company = 'Flash", 10, "never closed"),
        ("(fare > 0", 9, 'expected ")"'),
        ("fare > 0)", 8, 'unexpected ")"'),
        ("fare in (a)", 9, "numbers, texts"),
        ("fare in ()", 9, "expected a value"),
        ("fare between 1 and 2", 5, 'unexpected "between"'),
        ("1 + 'x' > 0", 2, "needs numbers"),
        ("fare > 0 and 3", 9, "joins conditions"),
        ("1 = 'x'", 2, "compares a number with a text"),
        ("12abc", 0, "not a number"),
        ("99999999999999999999", 0, "64 bits"),
        ("1e999", 0, "finite"),
        ("a = 'x\ud800'", 6, "half a character"),
        ("proba[x]", 6, "whole number"),
        ("proba[-1]", 6, "whole number"),
        ("__import__('os')", 0, 'unknown function "__import__"'),
    ],
)
def test_a_mistake_is_named_at_its_character(source: str, offset: int, words: str) -> None:
    with pytest.raises(ExpressionInvalid) as caught:
        parse_expression(source)
    assert (caught.value.offset, words in caught.value.what) == (offset, True), caught.value


def test_length_nesting_and_operators_are_bounded() -> None:
    for source in (
        "a" * (MAX_CHARS + 1),
        "(" * (MAX_NESTING + 1) + "a" + ")" * (MAX_NESTING + 1),
        "not " * (MAX_NESTING + 1) + "a",
        "- " * (MAX_NESTING + 1) + "a",
        " + ".join("a" * (MAX_OPERATORS + 2)),
    ):
        with pytest.raises(ExpressionInvalid):
            parse_expression(source)


def test_the_largest_trees_can_be_walked_compared_and_pickled() -> None:
    longest = parse_expression(" + ".join("a" * (MAX_OPERATORS + 1)))
    deepest = parse_expression("(" * (MAX_NESTING - 1) + "a" + ")" * (MAX_NESTING - 1))
    assert deepest == Name(name="a")
    assert len(list(walk(longest))) == 2 * MAX_OPERATORS + 1
    assert pickle.loads(pickle.dumps(longest)) == longest


@pytest.mark.parametrize("source", ["fare + 1", "'x'", "3", "-fare"])
def test_a_where_that_is_no_condition_is_refused(source: str) -> None:
    with pytest.raises(ExpressionInvalid, match="not a condition"):
        parse_condition(source)


def test_a_where_cannot_index_a_column() -> None:
    with pytest.raises(ExpressionInvalid) as caught:
        parse_condition("fare > 0 and proba[1] > 0")
    assert caught.value.offset == 13


def test_an_output_keeps_its_type_tree_and_source() -> None:
    output = parse_output("big_tip", " bool = proba[1] > 0.5", ResultWords("proba"))
    assert (output.name, output.type, output.source) == ("big_tip", "bool", " bool = proba[1] > 0.5")
    assert output.expression == parse_expression("proba[1] > 0.5")


@pytest.mark.parametrize(
    ("source", "offset", "words"),
    [
        ("proba[1]", 0, 'is not "type = expression"'),
        ("float64 == proba[1]", 0, 'is not "type = expression"'),
        ("flaot64 = proba[1]", 0, 'did you mean "float64"?'),
        ("float64 = prob[1]", 10, 'only "proba" can be named'),
        ("float64 = fare", 10, 'only "proba" can be named'),
        ("bool = proba[1] * 2", 0, "no bool"),
        ("float64 = 'x'", 0, "no float64"),
        ("string = proba[1] > 0.5", 0, "no string"),
        ("float64 = ", 10, "the end"),
    ],
)
def test_a_wrong_output_is_named_at_its_character(source: str, offset: int, words: str) -> None:
    with pytest.raises(ExpressionInvalid) as caught:
        parse_output("score", source, ResultWords("proba"))
    assert (caught.value.offset, words in caught.value.what) == (offset, True), caught.value


def test_a_truth_may_be_published_as_a_number() -> None:
    assert parse_output("flag", "int8 = proba[1] > 0.5", ResultWords("proba")).type == "int8"
