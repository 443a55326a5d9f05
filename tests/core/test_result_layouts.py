"""Which column of a result a path names: by position, by label, by output and class."""

from __future__ import annotations

import pytest

from batch_scorer.core.expressions.parser import parse_output
from batch_scorer.core.expressions.result_layouts import ResultLayout, layout_of
from batch_scorer.core.expressions.tokens import ExpressionInvalid
from batch_scorer.core.expressions.words import NotNamed, Path
from batch_scorer.core.models import Method, Signature

P, PROBA, DECISION, SCORE, TRANSFORM = Method
THREE = Signature(
    columns=(),
    outputs={P: (), PROBA: (3,), DECISION: (3,)},
    classes=("blue", "green", "it's"),
    labels={PROBA: ("blue", "green", "it's")},
)
SEVERAL = Signature(
    columns=(),
    outputs={P: (2,), PROBA: (5,)},
    output_classes=(("red", "green"), ("0", "1", "2")),
    labels={P: ("colour", "size")},
)
BINARY = Signature(columns=(), outputs={P: (), DECISION: ()}, classes=("no", "yes"))
OUTLIERS = Signature(columns=(), outputs={P: (), DECISION: (), SCORE: ()})
PARTS = Signature(columns=(), outputs={TRANSFORM: (2,)}, labels={TRANSFORM: ("pca0", "pca1")})
WIDE = Signature(
    columns=(), outputs={TRANSFORM: (300,)}, labels={TRANSFORM: tuple(f"word {i}" * 20 for i in range(300))}
)
CHAIN = Signature(columns=(), outputs={P: (2,), PROBA: (2,)}, classes=("0", "1"), labels={PROBA: ("0", "1")})


@pytest.mark.parametrize(
    ("method", "signature", "path", "position"),
    [
        (PROBA, THREE, (1,), 1),
        (PROBA, THREE, ("green",), 1),
        (PROBA, THREE, ("it's",), 2),
        (DECISION, THREE, (2,), 2),
        (PROBA, SEVERAL, (0, "green"), 1),
        (PROBA, SEVERAL, (1, 0), 2),
        (PROBA, SEVERAL, (1, "2"), 4),
        (PROBA, SEVERAL, ("size", "2"), 4),
        (P, SEVERAL, (1,), 1),
        (P, SEVERAL, ("size",), 1),
        (TRANSFORM, PARTS, ("pca1",), 1),
        (P, THREE, (), None),
        (DECISION, BINARY, (), None),
        (SCORE, OUTLIERS, (), None),
    ],
)
def test_a_path_leads_to_one_column(
    method: Method, signature: Signature, path: Path, position: int | None
) -> None:
    assert layout_of(method, signature).position(path) == position


@pytest.mark.parametrize(
    ("method", "signature", "source", "offset", "words"),
    [
        (PROBA, THREE, "float64 = proba['gren']", 16, 'did you mean "green"?; there are blue, green, it\'s'),
        (PROBA, THREE, "float64 = proba[3]", 16, "there is no proba[3]: proba is 3 columns"),
        (PROBA, THREE, "float64 = proba", 10, "write proba[0] to proba[2]"),
        (PROBA, THREE, "float64 = proba[0]['blue']", 19, "proba[0] is one column"),
        (DECISION, THREE, "float64 = decision['blue']", 19, "no labels; write a position, 0 to 2"),
        (DECISION, THREE, "string = label(decision)", 15, "write argmax(decision)"),
        (PROBA, SEVERAL, "float64 = proba[0]", 10, "write proba[0][0] for the first class of that output"),
        (PROBA, SEVERAL, "float64 = proba[2]['red']", 16, "proba is 2 outputs"),
        (PROBA, SEVERAL, "float64 = proba[0]['rad']", 19, 'did you mean "red"?'),
        (PROBA, SEVERAL, "float64 = proba[1][3]", 19, "proba[1] is 3 columns: 0, 1, 2"),
        (PROBA, SEVERAL, "string = label(proba)", 15, "write proba[0] for the first"),
        (PROBA, SEVERAL, "string = label(proba[0][1])", 24, "not a whole result"),
        (PROBA, CHAIN, "string = label(proba)", 15, "have no labels"),
        (P, THREE, "string = prediction[0]", 20, "write prediction without [ ]"),
        (P, THREE, "float64 = prediction", 0, "gives a text, which is no float64: write string"),
        (P, THREE, "bool = prediction > 1", 18, "compares a number with a text"),
        (P, THREE, "bool = prediction in ('blue', 1)", 30, "compares a number with a text"),
        (P, THREE, "int32 = argmax(prediction)", 15, "no columns to choose from"),
        (P, SEVERAL, "float64 = prediction", 10, "several columns; write prediction[0] to prediction[1]"),
        (DECISION, OUTLIERS, "string = label(decision)", 15, "one value per row"),
        (DECISION, BINARY, "float64 = max(decision)", 14, "write max(decision, 0)"),
        (DECISION, BINARY, "bool = decision == 'yes'", 16, "compares a number with a text"),
        (SCORE, OUTLIERS, "float64 = decision", 10, 'only "score" can be named'),
        (TRANSFORM, PARTS, "float64 = transformed['pca2']", 22, 'did you mean "pca1"?'),
        (SCORE, OUTLIERS, "bool = score is null", 13, "never null"),
        (SCORE, OUTLIERS, "float64 = coalesce(score, 1)", 10, "works in input.where only"),
    ],
)
def test_what_a_model_cannot_give_is_named_at_its_character(
    method: Method, signature: Signature, source: str, offset: int, words: str
) -> None:
    with pytest.raises(ExpressionInvalid) as caught:
        parse_output("x", source, layout_of(method, signature))
    assert (caught.value.offset, words in caught.value.what) == (offset, True), caught.value


def test_long_lists_of_long_labels_stay_short() -> None:
    with pytest.raises(NotNamed) as caught:
        layout_of(TRANSFORM, WIDE).position(("other",))
    assert "and 290 more" in caught.value.what
    assert len(caught.value.what) < 700


def test_a_label_of_two_columns_names_neither() -> None:
    twice = ResultLayout(name="transformed", kind="unknown", n_columns=2, labels=("x", "x"))
    with pytest.raises(NotNamed, match="could be 2 columns; write a position"):
        twice.position(("x",))


@pytest.mark.parametrize(
    ("classes", "kind"),
    [
        (("no", "yes"), "text"),
        (("0", "1"), "unknown"),
        (("False", "True"), "unknown"),
        (("1.5", "x"), "text"),
    ],
)
def test_only_classes_that_are_no_numbers_tell_that_labels_are_texts(
    classes: tuple[str, ...], kind: str
) -> None:
    assert layout_of(P, Signature(columns=(), outputs={P: ()}, classes=classes)).kind == kind
