"""Functions: what each takes, told before anything is computed."""

from __future__ import annotations

import pytest

from batch_scorer.core.expressions.functions import FUNCTIONS
from batch_scorer.core.expressions.parser import parse_condition, parse_expression, parse_output
from batch_scorer.core.expressions.result_layouts import words_of
from batch_scorer.core.expressions.tokens import ExpressionInvalid, names_at
from batch_scorer.core.expressions.trees import Call, Comparison, Item, Literal, Name, names_in
from batch_scorer.core.models import Method

PROBA = words_of(Method.PREDICT_PROBA)


@pytest.mark.parametrize(
    ("source", "tree"),
    [
        ("abs(a)", Call(function="abs", arguments=(Name(name="a"),))),
        ("ROUND (a, 2)", Call(function="round", arguments=(Name(name="a"), Literal(value=2)))),
        ("max(proba)", Call(function="max", arguments=(Name(name="proba"),))),
        ("label(proba[0])", Call(function="label", arguments=(Item(name="proba", path=(0,)),))),
        ("proba[0]['red']", Item(name="proba", path=(0, "red"))),
        ('proba["it""s"]', Item(name="proba", path=('it"s',))),
        ("abs", Name(name="abs")),
        ("`abs`", Name(name="abs")),
        (
            "if(a > 1, 'x', b)",
            Call(
                function="if",
                arguments=(
                    Comparison(operator=">", left=Name(name="a"), right=Literal(value=1)),
                    Literal(value="x"),
                    Name(name="b"),
                ),
            ),
        ),
    ],
)
def test_each_form_has_its_tree(source: str, tree: Call) -> None:
    assert parse_expression(source) == tree


@pytest.mark.parametrize(
    ("source", "offset", "words"),
    [
        ("flor(a) > 1", 0, 'unknown function "flor"; did you mean "floor"?'),
        ("eval(a) > 1", 0, 'unknown function "eval"; there are abs, '),
        ("`abs`(a) > 1", 5, 'unexpected "("'),
        ("label(a) = 'x'", 0, "works in model.output only"),
        ("max(a) > 1", 4, "as in max(a, 0)"),
        ("max(1) > 1", 0, "takes at least 2 values, and here are 1"),
        ("abs() > 1", 0, "takes 1 value, and here are 0"),
        ("abs(a, b) > 1", 0, "takes 1 value, and here are 2"),
        ("if(a, b) > 1", 0, "takes 3 values, and here are 2"),
        ("round(a, 1, 2) > 1", 0, "takes 1 or 2 values, and here are 3"),
        ("round(a, b) > 1", 9, "whole number from 0 to 15"),
        ("round(a, 16) > 1", 9, "whole number from 0 to 15"),
        ("round(a, -1) > 1", 9, "whole number from 0 to 15"),
        ("round(a, true) > 1", 9, "whole number from 0 to 15"),
        ("sqrt('x') > 1", 5, "takes numbers, and this is a text"),
        ("min(a, b > 1) > 1", 7, "takes numbers, and this is a truth"),
        ("if(1, a, b) > 1", 3, "begins with a condition, and this is a number"),
        ("if(a, 1, 'x') = 1", 9, "mixes a number with a text"),
        ("coalesce(a, 1, true) > 1", 15, "mixes a number with a truth"),
        ("if(a, 'x', b) + 1 > 2", 14, "needs numbers, and this is a text"),
        ("abs(a > 1", 9, 'expected ")", found the end'),
        ("abs(a,) > 1", 6, "expected a value"),
        ("abs(a b) > 1", 6, 'expected ")", found "b"'),
        ("coalesce(a, b)", 0, ""),
    ],
)
def test_a_wrong_filter_is_named_at_its_character(source: str, offset: int, words: str) -> None:
    if not words:
        parse_condition(source)  # of two columns that may be truths
        return
    with pytest.raises(ExpressionInvalid) as caught:
        parse_condition(source)
    assert (caught.value.offset, words in caught.value.what) == (offset, True), caught.value


@pytest.mark.parametrize(
    ("source", "offset", "words"),
    [
        ("string = label(1)", 15, "takes the name of a result, as in label(proba)"),
        ("string = label(proba + 1)", 15, "takes the name of a result"),
        ("string = label(prob)", 15, 'only "proba" can be named'),
        ("float64 = label(proba)", 0, "gives a text, which is no float64: write string"),
        ("string = argmax(proba)", 0, "gives a number, which is no string"),
        ("bool = max(proba)", 0, "gives a number, which is no bool"),
        ("int64 = if(proba[0] > 1, 'a', 'b')", 0, "gives a text"),
        ("bool = proba[1] == 'x'", 16, "compares a number with a text"),
        ("bool = if(proba[1] > 0.5, proba[0], true)", 36, "mixes a number with a truth"),
        ("float64 = proba[1.5]", 16, "a whole number, counted from 0, or a label in quotes"),
        ("float64 = proba[yes]", 16, "or a label in quotes"),
        ("float64 = proba[10000]", 16, "at most 9,999"),
        ("float64 = proba[1", 17, 'expected "]"'),
        ("float64 = label(proba)[0]", 22, 'unexpected "["'),
    ],
)
def test_a_wrong_output_is_named_at_its_character(source: str, offset: int, words: str) -> None:
    with pytest.raises(ExpressionInvalid) as caught:
        parse_output("x", source, PROBA)
    assert (caught.value.offset, words in caught.value.what) == (offset, True), caught.value


def test_arguments_count_as_operators_and_calls_as_levels() -> None:
    parse_expression(f"max({', '.join('a' * 100)})")
    for source in (f"max({', '.join('a' * 102)})", "abs(" * 33 + "a" + ")" * 33):
        with pytest.raises(ExpressionInvalid, match=r"more than 100 operators|nested deeper"):
            parse_expression(source)


def test_names_are_found_inside_of_functions_and_functions_are_no_names() -> None:
    source = "if(abs > 1, max(a, `b c`), 'a') = 'x' and abs(a) > 0"
    assert names_in(parse_expression("if(abs > 1, max(a, `b c`), d)")) == {"abs", "a", "b c", "d"}
    assert dict(names_at(source)) == {"abs": 3, "a": 16, "b c": 19}


def test_a_function_is_named_once() -> None:
    assert all(name == function.name for name, function in FUNCTIONS.items())
