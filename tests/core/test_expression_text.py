"""A tree written out reads as the same tree; and no text whatever is more than a mistake in it."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from batch_scorer.core.expressions.parser import parse_condition, parse_expression, parse_output
from batch_scorer.core.expressions.result_layouts import layout_of
from batch_scorer.core.expressions.text import text_of
from batch_scorer.core.expressions.tokens import ExpressionInvalid
from batch_scorer.core.expressions.trees import Expression, Item, Literal, Name, NullTest
from batch_scorer.core.expressions.words import ResultWords
from batch_scorer.core.models import Method, Signature
from tests.expressions import call, comparisons, memberships, numbers, truths

_texts = st.text(max_size=5)
_names = st.text(min_size=1, max_size=5).map(lambda name: Name(name=name))
_items = st.builds(
    Item,
    name=st.sampled_from(["proba", "or", "größe"]),
    path=st.lists(st.integers(0, 9_999) | _texts, min_size=1, max_size=3).map(tuple),
)
_literals = (st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False)).map(
    lambda value: Literal(value=value)
)
_numbers = numbers(_names | _items | _literals, functions=["abs", "floor", "sqrt", "ln"])
_truths = truths(
    comparisons(_numbers)
    | memberships(_names, _texts)
    | st.builds(NullTest, operand=_names, negated=st.booleans())
    | st.sampled_from(["argmax", "max"]).map(lambda name: parse_expression(f"{name}(proba) > 0"))
)


@settings(deadline=None)
@given(_numbers | _truths | _texts.map(lambda text: Literal(value=text)))
@example(call("abs", Literal(value=-0.0)))
def test_a_tree_written_out_reads_as_the_same_tree(tree: Expression) -> None:
    assert repr(parse_expression(text_of(tree))) == repr(tree)  # repr: 0.0 equals -0.0, and 1 equals True


_PARTS = st.sampled_from(
    ["proba", "[", "]", "(", ")", ",", "'", '"', "`", "max", "if", "label", "round", "not", "in", "is",
     "null", "and", "or", "-", "*", "/", "==", "=", "0", "1e309", "9" * 40, ".5", "'yes'", "`a b`", "bool",
     "true", " ", "\u0661", "\u2028", "\N{GREEK SMALL LETTER MU}", "\x00", "é"]
)  # fmt: skip
_SIGNATURE = Signature(columns=(), outputs={Method.PREDICT_PROBA: (2,)}, classes=("no", "yes"))


@settings(deadline=None, max_examples=300)
@given(st.lists(_PARTS, max_size=30).map("".join) | st.text(max_size=60))
def test_whatever_is_written_is_an_expression_or_a_mistake_at_a_character(source: str) -> None:
    for words in (ResultWords("proba"), layout_of(Method.PREDICT_PROBA, _SIGNATURE)):
        for text in (source, f"float64 = {source}"):
            try:
                parse_output("x", text, words)
            except ExpressionInvalid as invalid:
                _assert_inside(invalid, text)
    try:
        parse_condition(source)
    except ExpressionInvalid as invalid:
        _assert_inside(invalid, source)


@pytest.mark.parametrize(
    "source",
    ["(" * 1_999, "abs(" * 499, "-" * 1_999, "not " * 499, "[" * 1_000, "a[" * 900, "if(" * 600, "9" * 2_000,
     "a" * 2_001, "'" + "x" * 1_999, "max(" + "1," * 990, "a" + "[0]" * 600, "1e" + "9" * 1_900, "`" * 1_999],
)  # fmt: skip
def test_deep_long_and_huge_texts_are_mistakes_too(source: str) -> None:
    with pytest.raises(ExpressionInvalid) as caught:
        parse_condition(source)
    _assert_inside(caught.value, source)
    assert len(caught.value.what) <= 501


def _assert_inside(invalid: ExpressionInvalid, source: str) -> None:
    if not (0 <= invalid.offset <= len(source) and invalid.what):
        raise AssertionError((source, invalid))
