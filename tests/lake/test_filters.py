"""The oracle is DuckDB: the same condition as SQL on the same table."""

from __future__ import annotations

import datetime as dt

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch_scorer.core.errors import InputError
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
    Scalar,
)
from batch_scorer.lake.reading.filters import row_mask

TABLE = pa.table(
    {
        "fare": pa.array([1.5, None, -2.0, 0.0, 10.0, None]),
        "rides": pa.array([1, 2, None, 0, -5, None], pa.int64()),
        "company": pa.array(["Flash", None, "Blue", "", "Flash", None]).dictionary_encode(),
        "valid": pa.array([True, False, None, True, None, False]),
        "started_at": pa.array([dt.datetime(2024, 1, day) for day in range(1, 7)], pa.timestamp("us")),  # noqa: DTZ001
    }
)
ORACLE = duckdb.connect()
ORACLE.execute("SET threads = 1")
ORACLE.register("t", TABLE)
SQL = {"==": "=", "!=": "<>"}


def name(column: str) -> Name:
    return Name(name=column)


def lit(value: Scalar) -> Literal:
    return Literal(value=value)


def compare(left: Expression, operator: str, right: Expression) -> Comparison:
    return Comparison(operator=operator, left=left, right=right)  # type: ignore[arg-type]


def sql(node: Expression) -> str:
    match node:
        case Name():
            return node.name
        case Literal():
            return f"'{node.value}'" if isinstance(node.value, str) else f"({node.value})"
        case Negate():
            return f"(-{sql(node.operand)})"
        case Arithmetic() | Comparison() | Logical():
            return f"({sql(node.left)} {SQL.get(node.operator, node.operator)} {sql(node.right)})"
        case Membership():
            values = ", ".join(sql(lit(value)) for value in node.values)
            return f"({sql(node.operand)} {'NOT ' * node.negated}IN ({values}))"
        case NullTest():
            return f"({sql(node.operand)} IS {'NOT ' * node.negated}NULL)"
        case Not():
            return f"(NOT {sql(node.operand)})"
        case Item() | Call():
            raise AssertionError(node)


numbers = st.recursive(
    st.one_of(st.sampled_from([name("fare"), name("rides")]), st.integers(-5, 10).map(lit)),
    lambda inner: st.one_of(
        st.builds(lambda o: Negate(operand=o), inner),
        st.builds(
            lambda op, a, b: Arithmetic(operator=op, left=a, right=b), st.sampled_from("+-*"), inner, inner
        ),
    ),
    max_leaves=4,
)
OPERATORS = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
texts = st.one_of(st.just(name("company")), st.sampled_from(["Flash", "", "Z"]).map(lit))
conditions = st.recursive(
    st.one_of(
        st.builds(compare, numbers, OPERATORS, numbers),
        st.builds(compare, texts, OPERATORS, texts),
        st.just(name("valid")),
        st.builds(
            lambda v, n: Membership(operand=name("company"), values=tuple(v), negated=n),
            st.lists(st.sampled_from(["Flash", "Blue", "Z"]), min_size=1),
            st.booleans(),
        ),
        st.builds(
            lambda v, n: Membership(operand=name("rides"), values=tuple(v), negated=n),
            st.lists(st.integers(-5, 2), min_size=1),
            st.booleans(),
        ),
        st.builds(
            lambda c, n: NullTest(operand=name(c), negated=n),
            st.sampled_from(TABLE.column_names),
            st.booleans(),
        ),
    ),
    lambda inner: st.one_of(
        st.builds(lambda o: Not(operand=o), inner),
        st.builds(
            lambda op, a, b: Logical(operator=op, left=a, right=b),
            st.sampled_from(["and", "or"]),
            inner,
            inner,
        ),
    ),
    max_leaves=6,
)


@settings(deadline=None, max_examples=150)
@given(conditions)
def test_the_rows_that_stay_are_the_ones_sql_would_keep(condition: Expression) -> None:
    wanted = ORACLE.sql(f"SELECT coalesce({sql(condition)}, false) FROM t").fetchall()
    mask = row_mask(condition, TABLE)
    assert mask.null_count == 0
    assert mask.to_pylist() == [row[0] for row in wanted]


def test_a_text_beside_a_time_means_a_time() -> None:
    since = compare(name("started_at"), ">=", lit("2024-01-04"))
    assert row_mask(since, TABLE).to_pylist() == [False] * 3 + [True] * 3


def test_division_is_of_floats_and_by_zero_no_error() -> None:
    half = compare(Arithmetic(operator="/", left=name("rides"), right=lit(2)), "==", lit(0.5))
    assert row_mask(half, TABLE).to_pylist() == [True] + [False] * 5
    infinite = compare(Arithmetic(operator="/", left=name("rides"), right=lit(0)), ">", lit(1e300))
    assert row_mask(infinite, TABLE).to_pylist() == [True, True] + [False] * 4


def test_a_constant_counts_for_every_row_and_an_empty_table_gives_an_empty_mask() -> None:
    assert row_mask(lit(True), TABLE).to_pylist() == [True] * 6
    assert row_mask(compare(name("fare"), ">", lit(0)), TABLE.slice(0, 0)).to_pylist() == []


def test_a_column_of_nothing_but_nulls_keeps_no_row() -> None:
    empty = pa.table({"fare": pa.nulls(2)})
    assert row_mask(compare(name("fare"), ">", lit(0)), empty).to_pylist() == [False, False]
    assert row_mask(NullTest(operand=name("fare"), negated=False), empty).to_pylist() == [True, True]


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (compare(name("company"), ">", lit(3)), ['column "company" is string', "3, which is int64"]),
        (Membership(operand=name("fare"), values=("a", "b"), negated=False), ['"fare"', "('a', 'b')"]),
        (name("fare"), ['column "fare" is float64, not true or false']),
        (Negate(operand=name("company")), ['column "company" is string, not a number']),
        (compare(name("started_at"), ">", lit("soon")), ["soon"]),
        (compare(Arithmetic(operator="*", left=lit(2**62), right=lit(4)), ">", lit(0)), ["overflow"]),
        (Item(name="proba", path=(1,)), ['"proba[1]" is not a column']),
    ],
)
def test_what_cannot_be_compared_is_said_with_names(condition: Expression, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        row_mask(condition, TABLE)
    assert caught.value.what.startswith("input.where: ")
    assert all(word in caught.value.what for word in words)
