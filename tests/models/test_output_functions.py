"""Functions over predictions. The oracles: `input.where` on the same values, and scikit-learn's predict."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from batch_scorer.core.errors import ScoringError, SignatureInvalid
from batch_scorer.core.expressions.parser import parse_output
from batch_scorer.core.expressions.result_layouts import ResultLayout, layout_of
from batch_scorer.core.expressions.trees import Comparison, Expression, Item, Literal, Name
from batch_scorer.core.models import Method, Signature
from batch_scorer.lake.reading.filters import row_mask
from batch_scorer.models.scoring.numpy_expressions import Predicted, evaluate
from batch_scorer.models.scoring.output_values import evaluate_outputs
from tests.expressions import comparisons, memberships, numbers, truths

COLUMNS: dict[str, list[Any]] = {
    "f": [0.0, -0.0, 0.5, 2.5, -3.75, 1e300, 1e-300, 7.25],
    "g": [1.005, 0.125, -1.0, 4503599627370497.5, 2.0, -1e300, 3.0, 0.1],
    "i": [0, 1, -1, 7, -50, 100, 2, 3],
    "t": ["a", "b", "", "it's", "a", "ä", "B", "b"],
    "u": ["b", "b", "a", "x", "ä", "a", "B", ""],
    "b": [True, False, True, True, False, False, True, False],
}
TABLE = pa.table(COLUMNS)
MATRIX = np.empty((8, len(COLUMNS)), dtype=object)
for _at, _values in enumerate(COLUMNS.values()):
    MATRIX[:, _at] = _values
PREDICTED = Predicted(
    values=MATRIX,
    layout=ResultLayout(name="c", kind="unknown", n_columns=len(COLUMNS), labels=tuple(COLUMNS)),
)


def of_result(node: Any) -> Any:
    """The tree with `c['f']` for each name `f`."""
    if isinstance(node, Name):
        return Item(name="c", path=(node.name,))
    if isinstance(node, tuple):
        return tuple(map(of_result, node))
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        changes = {each.name: of_result(getattr(node, each.name)) for each in dataclasses.fields(node)}
        return type(node)(**changes)
    return node


def names(*columns: str) -> st.SearchStrategy[Expression]:
    return st.sampled_from([Name(name=column) for column in columns])


def literals(*values: float | str) -> st.SearchStrategy[Expression]:
    return st.sampled_from([Literal(value=value) for value in values])


_numbers = numbers(
    names("f", "g", "i") | literals(0, 1, 2.5, -3, 0.5), functions=["abs", "floor", "ceil", "sqrt"]
)
_texts = names("t", "u") | literals("a", "", "ä")
_truths = truths(
    comparisons(_numbers)
    | comparisons(_texts)
    | names("b")
    | memberships(_numbers, st.sampled_from([0, 2.5, -1]))
    | memberships(_texts, st.sampled_from(["a", "it's"]))
)


@settings(deadline=None, max_examples=120)
@given(_truths)
def test_an_output_means_what_a_filter_means(condition: Expression) -> None:
    assert evaluate(of_result(condition), PREDICTED, "").tolist() == row_mask(condition, TABLE).to_pylist()


@settings(deadline=None, max_examples=120)
@given(_numbers, st.integers(0, 7))
def test_and_its_numbers_are_the_same_to_the_last_bit(number: Expression, row: int) -> None:
    value = evaluate(of_result(number), PREDICTED, "")[row].item()
    if value == value:  # not NaN, which equals nothing
        same = Comparison(operator="==", left=number, right=Literal(value=value))
        assert row_mask(same, TABLE)[row].as_py()
    else:
        nan = Comparison(operator="!=", left=number, right=number)
        assert row_mask(nan, TABLE)[row].as_py()


def _out(source: str, prediction: np.ndarray, method: Method, signature: Signature) -> pa.ChunkedArray:
    output = parse_output("out", source, layout_of(method, signature))
    return evaluate_outputs(prediction, method, [output], signature)["out"]


def _numeric(source: str, *values: float) -> list[Any]:
    signature = Signature(columns=(), outputs={Method.PREDICT: ()})
    found: list[Any] = _out(source, np.array(values), Method.PREDICT, signature).to_pylist()
    return found


@pytest.mark.parametrize(
    ("source", "values", "expected"),
    [
        ("float64 = abs(prediction)", [-1.5, 0.0], [1.5, 0.0]),
        ("int32 = floor(prediction)", [2.5, -2.5], [2, -3]),
        ("int8 = ceil(prediction)", [2.5, -2.5], [3, -2]),
        ("int8 = round(prediction)", [0.5, 1.5, 2.5, -0.5, 2.51], [0, 2, 2, 0, 3]),
        ("float64 = round(prediction, 2)", [2.125, 1.0, 1e308], [2.12, 1.0, 1e308]),
        ("float64 = sqrt(prediction)", [2.25], [1.5]),
        ("float64 = exp(prediction)", [0.0], [1.0]),
        ("float64 = ln(prediction)", [1.0], [0.0]),
        ("float64 = min(prediction, 1)", [0.5, 2.0], [0.5, 1.0]),
        ("float64 = max(0, prediction, 0.75)", [0.5, 2.0], [0.75, 2.0]),
        ("string = if(prediction > 1, 'big', 'small')", [0.5, 2.0], ["small", "big"]),
        ("float64 = if(prediction > 0, ln(prediction), 0)", [1.0, -1.0, 0.0], [0.0, 0.0, 0.0]),
        ("bool = if(prediction > 1, true, prediction == 0)", [0.0, 0.5, 2.0], [True, False, True]),
    ],
)
def test_each_function_gives_what_it_says(source: str, values: list[float], expected: list[Any]) -> None:
    assert _numeric(source, *values) == expected


@pytest.mark.parametrize(
    ("source", "good", "bad"),
    [
        ("float64 = 1 / prediction", 2, 0),
        ("float64 = 0 / prediction", 2, 0),
        ("float64 = ln(prediction)", 2, 0),
        ("float64 = ln(prediction)", 2, -1),
        ("float64 = sqrt(prediction)", 2, -1),
        ("float64 = exp(prediction)", 2, 710),
        ("float64 = max(ln(prediction), 0)", 2, -1),
        ("float64 = min(1, 0 / prediction)", 2, 0),
        ("int64 = floor(1 / prediction)", 2, 0),
        ("float32 = prediction * 2", 2, 3e38),
        ("int8 = prediction + 200", -100, 0),
        ("int32 = prediction + 0.5", 0.5, 0),
        ("bool = prediction", 1, 2),
    ],
)
def test_what_cannot_be_published_is_an_error_row(source: str, good: float, bad: float) -> None:
    with pytest.raises(ScoringError, match="on 1 of 2 rows, first at batch row 1") as caught:
        _numeric(source, good, bad)
    assert (caught.value.n_error_rows, caught.value.error_rows) == (1, (1,))


def test_whole_numbers_that_overflow_are_error_rows() -> None:
    signature = Signature(columns=(), outputs={Method.PREDICT: ()})
    for source in ("int64 = prediction + 1", "int64 = abs(-prediction - 1) * 2"):
        with pytest.raises(ScoringError, match="leaves the range of int64") as caught:
            _out(source, np.array([1, 2**63 - 1]), Method.PREDICT, signature)
        assert caught.value.error_rows == (1,)
    assert _out("int64 = abs(prediction)", np.array([-7], "int8"), Method.PREDICT, signature).to_pylist() == [
        7
    ]
    with pytest.raises(ScoringError, match="leaves the range of int64"):
        _out("int64 = abs(prediction)", np.array([-(2**63)]), Method.PREDICT, signature)


@pytest.mark.parametrize(
    "labels", [["no", "yes"], [0, 1], [False, True], ["blue", "green", "red"], [3, 5, 9]]
)
@pytest.mark.parametrize("kind", [LogisticRegression, LinearSVC, DecisionTreeClassifier])
def test_label_is_what_predict_says(kind: type, labels: list[Any]) -> None:
    features, target = make_classification(
        300, n_informative=4, n_classes=len(labels), flip_y=0.2, random_state=0
    )
    model = kind(random_state=0).fit(features, np.array(labels)[target])
    classes = tuple(map(str, model.classes_))
    method = Method.DECISION_FUNCTION if kind is LinearSVC else Method.PREDICT_PROBA
    result = getattr(model, method.value)(features)
    shape = result.shape[1:]
    signature = Signature(
        columns=(),
        outputs={Method.PREDICT: (), method: shape},
        classes=classes,
        labels={method: classes} if shape else {},
    )
    name = method.result_name
    predicted = model.predict(features)
    assert _out(f"string = label({name})", result, method, signature).to_pylist() == list(map(str, predicted))
    positions = _out(f"int8 = argmax({name})", result, method, signature).to_pylist()
    assert model.classes_[positions].tolist() == predicted.tolist()
    if shape:
        largest = _out(f"float64 = max({name})", result, method, signature).to_pylist()
        assert largest == result.max(axis=1).tolist()


def test_of_equal_columns_the_first_is_the_label_and_zero_is_the_first_class() -> None:
    proba = np.array([[0.25, 0.5, 0.25], [0.4, 0.2, 0.4]])
    three = Signature(columns=(), outputs={Method.PREDICT_PROBA: (3,)}, classes=("a", "b", "c"))
    assert _out("string = label(proba)", proba, Method.PREDICT_PROBA, three).to_pylist() == ["b", "a"]
    two = Signature(columns=(), outputs={Method.DECISION_FUNCTION: ()}, classes=("no", "yes"))
    decision = np.array([0.0, -0.0, 1e-300, -1.0])
    labels = _out("string = label(decision)", decision, Method.DECISION_FUNCTION, two).to_pylist()
    assert labels == ["no", "no", "yes", "no"]


def test_of_several_outputs_each_has_a_label_of_its_own() -> None:
    signature = Signature(
        columns=(),
        outputs={Method.PREDICT: (2,), Method.PREDICT_PROBA: (5,)},
        output_classes=(("green", "red"), ("1", "2", "3")),
    )
    proba = np.array([[0.25, 0.75, 0.5, 0.25, 0.25], [0.9, 0.1, 0.0, 0.25, 0.75]])
    expected = {
        "string = label(proba[0])": ["red", "green"],
        "string = label(proba[1])": ["1", "3"],
        "int8 = argmax(proba[1])": [0, 2],
        "float64 = max(proba[1])": [0.5, 0.75],
        "float64 = min(proba[0])": [0.25, 0.1],
        "float64 = proba[0]['red']": [0.75, 0.1],
        "float64 = proba[1]['3'] + proba[1][0]": [0.75, 0.75],
    }
    for source, values in expected.items():
        assert _out(source, proba, Method.PREDICT_PROBA, signature).to_pylist() == values


@pytest.mark.parametrize(
    ("labels", "source", "expected"),
    [
        (np.array([True, False], dtype=object), "bool = prediction", [True, False]),
        (np.array([1, 2], dtype=object), "int8 = prediction", [1, 2]),
        (np.array([1, 2.5], dtype=object), "float64 = prediction", [1.0, 2.5]),
        (np.array(["a", "b"], dtype=object), "string = prediction", ["a", "b"]),
        (np.array(["a", "b"], dtype="T"), "string = prediction", ["a", "b"]),
        (np.array(["a", "b"]), "bool = prediction in ('a')", [True, False]),
        (np.array([True, False]), "int8 = prediction", [1, 0]),
        (np.array([1, 2], dtype="uint8"), "int8 = prediction - 3", [-2, -1]),
        (np.array([0.1], dtype="float32"), "bool = prediction == 0.1", [False]),
        (np.array([-1, 1]), "bool = prediction == -1", [True, False]),
    ],
)
def test_labels_of_every_dtype_are_published(labels: np.ndarray, source: str, expected: list[Any]) -> None:
    signature = Signature(columns=(), outputs={Method.PREDICT: ()})
    assert _out(source, labels, Method.PREDICT, signature).to_pylist() == expected


@pytest.mark.parametrize(
    ("labels", "source", "fix"),
    [
        (np.array([1, 2]), "string = prediction", "declare it int64"),
        (np.array([1.5]), "string = prediction", "declare it float64"),
        (np.array(["a"]), "float64 = prediction", "declare it string"),
        (np.array(["a"]), "float64 = abs(prediction)", None),
        (np.array([1, "a"], dtype=object), "float64 = prediction + 1", None),
        (np.array([1]), "string = if(true, prediction, 'x')", None),
        (np.array(["a"]), "string = if(prediction, 'x', 'y')", None),
        (np.array([1, "a"], dtype=object), "bool = prediction < 'b'", None),
        (np.array([2**70, 1], dtype=object), "int64 = prediction", None),
        (np.array(["2024-01-01"], dtype="datetime64[s]"), "string = prediction", None),
        (np.array([1j]), "float64 = prediction", None),
    ],
)
def test_a_kind_that_only_the_batch_shows_is_refused_with_what_to_write(
    labels: np.ndarray, source: str, fix: str | None
) -> None:
    signature = Signature(columns=(), outputs={Method.PREDICT: ()})
    with pytest.raises(SignatureInvalid) as caught:
        _out(source, labels, Method.PREDICT, signature)
    assert fix is None or fix in str(caught.value.fix)


@pytest.mark.parametrize("function", ["argmax", "max"])
def test_a_whole_result_of_texts_has_no_largest(function: str) -> None:
    signature = Signature(columns=(), outputs={Method.TRANSFORM: (2,)})
    source = f"int8 = {function}(transformed)"
    for texts in (np.array([["a", "b"]]), np.array([["a", 1]], dtype=object)):
        with pytest.raises(SignatureInvalid, match="calculates with text"):
            _out(source, texts, Method.TRANSFORM, signature)
    numbers = np.array([[1, 0]], dtype=object)
    assert _out(source, numbers, Method.TRANSFORM, signature).to_pylist() == [
        0 if function == "argmax" else 1
    ]
