"""The oracle for expressions is DuckDB, for casts NumPy's own round trip."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.errors import ScoringError, SignatureInvalid
from batch_scorer.core.expressions.text import text_of
from batch_scorer.core.expressions.trees import (
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
)
from batch_scorer.core.models import Method, Signature
from batch_scorer.models.scoring.output_values import evaluate_outputs
from batch_scorer.models.scoring.outputs import check_outputs

PROBA = np.array([[0.75, 0.25], [0.5, 0.5], [0.125, 0.875], [1.0, 0.0]])
SIGNATURE = Signature(
    columns=(), outputs={Method.PREDICT: (), Method.PREDICT_PROBA: (2,)}, classes=("small", "big")
)
SECOND = Item(name="proba", path=(1,))
PREDICTION = Name(name="prediction")


def _output(kind: str, expression: Expression, name: str = "out") -> OutputColumn:
    source = f"{kind} = {text_of(expression)}"
    return OutputColumn(name=name, type=kind, expression=expression, source=source)


def _evaluate(kind: str, expression: Expression, prediction: np.ndarray) -> pa.ChunkedArray:
    method = Method.PREDICT if prediction.ndim == 1 else Method.PREDICT_PROBA
    return evaluate_outputs(prediction, method, [_output(kind, expression)], SIGNATURE)["out"]


def _literals() -> st.SearchStrategy[Expression]:
    return st.sampled_from([-1.0, 0.25, 0.5, 2.0]).map(lambda value: Literal(value=value))


_items = st.sampled_from([0, 1]).map(lambda index: Item(name="proba", path=(index,)))
_numbers = st.recursive(
    _literals() | _items,
    lambda inner: (
        st.builds(Negate, operand=inner)
        | st.builds(Arithmetic, operator=st.sampled_from(["+", "-", "*"]), left=inner, right=inner)
    ),
    max_leaves=5,
)
_operators = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
_truths = st.recursive(
    st.builds(Comparison, operator=_operators, left=_numbers, right=_numbers)
    | st.builds(
        Membership,
        operand=_numbers,
        values=st.lists(st.sampled_from([0.25, 0.5, 0.75]), min_size=1, max_size=3).map(tuple),
        negated=st.booleans(),
    ),
    lambda inner: (
        st.builds(Not, operand=inner)
        | st.builds(Logical, operator=st.sampled_from(["and", "or"]), left=inner, right=inner)
    ),
    max_leaves=4,
)


def _sql(node: Expression) -> str:
    match node:
        case Literal(value=value):
            return f"({value}::DOUBLE)"
        case Item(path=(index,)):
            return f"p{index}"
        case Negate(operand=operand):
            return f"(-{_sql(operand)})"
        case Not(operand=operand):
            return f"(NOT {_sql(operand)})"
        case Arithmetic() | Comparison() | Logical():
            return f"({_sql(node.left)} {node.operator.replace('==', '=')} {_sql(node.right)})"
        case Membership():
            inside = f"{_sql(node.operand)} IN ({', '.join(map(str, node.values))})"
            return f"(NOT {inside})" if node.negated else f"({inside})"
        case _:
            raise AssertionError(node)


@given(_numbers | _truths)
def test_expressions_mean_what_sql_says(expression: Expression) -> None:
    is_truth = isinstance(expression, Comparison | Membership | Not | Logical)
    got = _evaluate("bool" if is_truth else "float64", expression, PROBA).to_pylist()
    rows = pa.table({"p0": PROBA[:, 0], "p1": PROBA[:, 1]})
    expected = duckdb.from_arrow(rows).project(_sql(expression)).fetchall()
    assert got == [value for (value,) in expected]


@given(
    st.sampled_from([kind for kind in OUTPUT_TYPES if kind != "string"]),
    st.lists(
        st.integers(-(2**63), 2**63 - 1)
        | st.sampled_from([0, 1, 127, 128, -128, -129, 2**31 - 1, 2**31, 2**53, 2**53 + 1]),
        min_size=1,
        max_size=4,
    ),
)
def test_an_integer_label_is_cast_without_loss_or_not_at_all(kind: str, values: list[int]) -> None:
    labels = np.array(values, dtype="int64")
    with np.errstate(all="ignore"):
        cast = labels.astype(kind)
    exact = [int(value) for value in cast.tolist()] == values
    if kind == "float32" or (exact and all(abs(value) <= 2**53 or kind == "int64" for value in values)):
        assert _evaluate(kind, PREDICTION, labels).to_pylist() == cast.tolist()
    else:
        with pytest.raises(ScoringError, match=f"no {kind}"):
            _evaluate(kind, PREDICTION, labels)


@given(
    st.sampled_from(["int64", "int32", "int16", "int8", "bool"]),
    st.floats(allow_nan=False, allow_infinity=False) | st.integers(-300, 300).map(float),
)
def test_an_integer_comes_from_a_float_only_when_it_is_one(kind: str, value: float) -> None:
    low, high = (0, 1) if kind == "bool" else (np.iinfo(kind).min, np.iinfo(kind).max)
    if value.is_integer() and low <= int(value) <= high:
        assert _evaluate(kind, PREDICTION, np.array([value])).to_pylist() == [int(value)]
    else:
        with pytest.raises(ScoringError) as caught:
            _evaluate(kind, PREDICTION, np.array([value]))
        assert caught.value.error_rows == (0,)


def test_the_usual_outputs_have_the_types_they_declare() -> None:
    outputs = [
        _output("float64", SECOND, "score"),
        _output("float32", SECOND, "small_score"),
        _output("bool", Comparison(operator=">", left=SECOND, right=Literal(value=0.5)), "big"),
        _output("int8", Comparison(operator=">", left=SECOND, right=Literal(value=0.5)), "flag"),
        _output("bool", Literal(value=True), "always"),
        _output("string", Literal(value="v"), "tag"),
    ]
    check_outputs(outputs, Method.PREDICT_PROBA, SIGNATURE)
    table = evaluate_outputs(PROBA, Method.PREDICT_PROBA, outputs, SIGNATURE)
    assert [str(kind) for kind in table.schema.types] == ["double", "float", "bool", "int8", "bool", "string"]
    assert table["score"].to_pylist() == PROBA[:, 1].tolist()
    assert table["flag"].to_pylist() == [0, 0, 1, 0]
    assert table["tag"].to_pylist() == ["v"] * 4


@pytest.mark.parametrize("labels", [np.array(["yes", "no"]), np.array(["yes", "no"], dtype=object)])
def test_text_labels_are_compared_and_published(labels: np.ndarray) -> None:
    is_yes = Comparison(operator="==", left=PREDICTION, right=Literal(value="yes"))
    one_of = Membership(operand=PREDICTION, values=("no", "maybe"), negated=False)
    assert _evaluate("string", PREDICTION, labels).to_pylist() == ["yes", "no"]
    assert _evaluate("bool", is_yes, labels).to_pylist() == [True, False]
    assert _evaluate("bool", one_of, labels).to_pylist() == [False, True]


@pytest.mark.parametrize(
    ("kind", "expression", "labels"),
    [
        ("float64", PREDICTION, np.array(["yes"])),
        ("string", PREDICTION, np.array([1])),
        ("bool", Comparison(operator="==", left=PREDICTION, right=Literal(value=1)), np.array(["yes"])),
        ("bool", Membership(operand=PREDICTION, values=("a",), negated=True), np.array([1])),
        ("float64", Arithmetic(operator="+", left=PREDICTION, right=Literal(value=1)), np.array(["yes"])),
        ("bool", Not(operand=PREDICTION), np.array([1.5])),
        ("bool", NullTest(operand=PREDICTION, negated=False), np.array([1.5])),
    ],
)
def test_text_and_numbers_are_never_mixed(kind: str, expression: Expression, labels: np.ndarray) -> None:
    with pytest.raises(SignatureInvalid):
        _evaluate(kind, expression, labels)


def test_small_labels_do_not_wrap() -> None:
    doubled = Arithmetic(operator="*", left=PREDICTION, right=Literal(value=2))
    assert _evaluate("int64", doubled, np.array([100], dtype="int8")).to_pylist() == [200]
    with pytest.raises(ScoringError, match="range of int64"):
        _evaluate("int64", doubled, np.array([2**62]))


def test_a_division_by_zero_is_an_error_row() -> None:
    inverse = Arithmetic(operator="/", left=Literal(value=1), right=SECOND)
    with pytest.raises(ScoringError, match="no float64, on 1 of 4 rows, first at batch row 3"):
        _evaluate("float64", inverse, PROBA)


@pytest.mark.parametrize("kind", OUTPUT_TYPES)
def test_an_empty_batch_gives_empty_columns_of_the_declared_type(kind: str) -> None:
    full = {"string": pa.string(), "bool": pa.bool_()}.get(kind) or pa.from_numpy_dtype(kind)
    assert _evaluate(kind, PREDICTION, np.empty(0)).type == full


@pytest.mark.parametrize(
    ("method", "expression", "told"),
    [
        (Method.PREDICT_PROBA, Item(name="proba", path=(2,)), "no proba[2]"),
        (Method.PREDICT_PROBA, Name(name="proba"), "write proba[0] to proba[1]"),
        (Method.PREDICT_PROBA, Name(name="prediction"), 'only "proba" can be named'),
        (Method.PREDICT, Item(name="prediction", path=(0,)), "without [ ]"),
        (Method.PREDICT, NullTest(operand=PREDICTION, negated=True), "never null"),
        (Method.DECISION_FUNCTION, Name(name="decision"), "no decision_function"),
    ],
)
def test_an_output_the_model_cannot_give_is_refused_before_the_run(
    method: Method, expression: Expression, told: str
) -> None:
    with pytest.raises(SignatureInvalid) as caught:
        check_outputs([_output("float64", expression)], method, SIGNATURE)
    assert told in caught.value.what
    assert caught.value.fix


def test_all_mistakes_of_the_outputs_are_told_at_once() -> None:
    wrong = [_output("float64", Item(name="proba", path=(index,)), f"p{index}") for index in (2, 3)]
    with pytest.raises(SignatureInvalid, match=r"p2: .*p3: ") as caught:
        check_outputs(wrong, Method.PREDICT_PROBA, SIGNATURE)
    assert "small, big" in str(caught.value.fix)


def test_an_output_is_its_own_whatever_the_model_does_with_what_it_gave() -> None:
    for kind, prediction in (("float64", np.array([0.5, 2.0])), ("int64", np.array([1, 2]))):
        found = _evaluate(kind, Name(name="prediction"), prediction)
        before = found.to_pylist()
        prediction[:] = 7
        assert found.to_pylist() == before


def test_one_number_for_every_row_is_as_long_as_the_rows() -> None:
    for kind, value in (("float64", 1.5), ("int8", 3), ("bool", True), ("string", "high")):
        found = _evaluate(kind, Literal(value=value), np.array([0.5, 2.0, 3.0]))
        assert found.to_pylist() == [value] * 3
