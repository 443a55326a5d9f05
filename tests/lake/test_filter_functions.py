"""Functions in `input.where`, with nulls. The oracle is DuckDB: the same condition as SQL, the same table."""

from __future__ import annotations

import datetime as dt
import math

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch_scorer.core.errors import InputError
from batch_scorer.core.expressions.parser import parse_condition
from batch_scorer.core.expressions.trees import Expression, Literal, Name, NullTest
from batch_scorer.lake.reading.filters import row_mask
from tests.expressions import call, comparisons, memberships, numbers, sql, truths

TABLE = pa.table(
    {
        "fare": pa.array([1.5, None, -2.5, 0.0, 10.25, None]),
        "rides": pa.array([1, 2, None, 0, -5, None], pa.int64()),
        "small": pa.array([100, None, -128, 127, 0, 1], pa.int8()),
        "company": pa.array(["Flash", None, "Blue", "", "Flash", None]).dictionary_encode(),
        "owner": pa.array(["Ada", "Flash", None, "", None, None], pa.large_string()),
        "valid": pa.array([True, False, None, True, None, False]),
        "late": pa.array([None, True, None, False, True, False]),
        "at": pa.array([dt.date(2024, 1, 1), None, dt.date(2024, 1, 3), None, None, None]),
    }
)
ORACLE = duckdb.connect()
ORACLE.execute("SET threads = 1")
ORACLE.register("t", TABLE)


def names(*columns: str) -> st.SearchStrategy[Expression]:
    return st.sampled_from([Name(name=column) for column in columns])


def coalesced(parts: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    return st.lists(parts, min_size=2, max_size=3).map(lambda several: call("coalesce", *several))


_literals = st.sampled_from([0, 2, -3, 2.5, -0.5]).map(lambda value: Literal(value=value))
_simple = names("fare", "rides") | _literals
_numbers = numbers(_simple | coalesced(_simple), functions=["abs", "floor", "ceil"], max_digits=0)
_strings = names("company", "owner") | st.sampled_from(["Flash", ""]).map(lambda text: Literal(value=text))
_texts = (
    _strings
    | coalesced(_strings)
    | st.builds(lambda *parts: call("if", *parts), names("valid", "late"), _strings, _strings)
)
_flags = names("valid", "late")
_conditions = truths(
    comparisons(_numbers)
    | comparisons(_texts)
    | _flags
    | coalesced(_flags)
    | memberships(_texts, st.sampled_from(["Flash", "Blue"]))
    | st.builds(NullTest, operand=_numbers | _texts, negated=st.booleans())
)


@settings(deadline=None, max_examples=120)
@given(_conditions)
def test_the_rows_that_stay_are_the_ones_sql_would_keep(condition: Expression) -> None:
    wanted = ORACLE.execute(f"SELECT coalesce({sql(condition)}, false) FROM t").fetchall()
    assert row_mask(condition, TABLE).to_pylist() == [row[0] for row in wanted]


def _kept(condition: str, table: pa.Table = TABLE) -> list[int]:
    return [row for row, stays in enumerate(row_mask(parse_condition(condition), table).to_pylist()) if stays]


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("abs(fare) = 2.5", [2]),
        ("small * 100 = 10000", [0]),  # beyond int8, and int16 on the way
        ("abs(small) = 128", [2]),
        ("-small = 128", [2]),
        ("round(fare, 1) = 10.2", [4]),
        ("sqrt(abs(fare) - 2.25) = 0.5", [2]),
        ("round(exp(rides), 3) = 2.718", [0]),
        ("ln(rides) = 0", [0]),
        ("min(fare, rides) = 1", [0]),  # of null and a number there is no smallest
        ("coalesce(min(fare, rides), 7) = 7", [1, 2, 5]),
        ("if(valid, 'y', 'n') = 'n'", [1, 2, 4, 5]),  # unknown: the last
        ("coalesce(company, owner, '?') = 'Flash'", [0, 1, 4]),
        ("coalesce(company, owner, '?') = '?'", [5]),
        ("coalesce(at, '2024-02-01') > '2024-01-31'", [1, 3, 4, 5]),
        ("if(rides > 0, at, '2024-02-01') = '2024-01-01'", [0]),
        ("coalesce(small, fare) = 1", [5]),
        ("max(1, 2) = 2", [0, 1, 2, 3, 4, 5]),
    ],
)
def test_each_function_keeps_the_rows_it_says(condition: str, rows: list[int]) -> None:
    assert _kept(condition) == rows


def test_what_has_no_answer_is_nan_or_infinite_and_never_an_error() -> None:
    table = pa.table({"x": [-1.0, 0.0, 800.0]})
    assert _kept("ln(x) > 0", table) == [2]
    assert _kept("ln(x) < -1e300", table) == [1]
    assert _kept("sqrt(x) >= 0", table) == [1, 2]
    assert _kept("exp(x) > 1e300", table) == [2]
    assert _kept("ln(x) != ln(x)", table) == [0]  # NaN: only != is true
    assert _kept("max(ln(x), 0) >= 0", table) == [1, 2]
    assert _kept("ln(x) is null", table) == []
    assert _kept("if(x > 0, ln(x), 0) >= 0", table) == [0, 1, 2]


def test_whole_numbers_stay_exact_and_overflow_is_an_error() -> None:
    large = 2**62 + 1
    table = pa.table({"n": [large], "m": pa.array([-(2**63)])})
    assert _kept(f"max(n, 0) = {large} and coalesce(n, 0) = {large} and floor(n) = {large}", table) == [0]
    for condition in ("n * 2 > 0", "abs(m) > 0", "-m > 0"):
        with pytest.raises(InputError, match="overflow"):
            _kept(condition, table)


def test_a_column_of_nothing_but_nulls_goes_with_everything() -> None:
    table = pa.table({"n": pa.nulls(2), "x": [1.0, None]})
    assert _kept("coalesce(n, x, 5) = 5", table) == [1]
    assert _kept("abs(n) > 0 or max(n, x) > 0 or round(n) > 0 or if(n > 1, n, x) = 7", table) == []
    assert _kept("coalesce(n, n) is null", table) == [0, 1]


def test_exponent_and_logarithm_are_those_of_the_c_library() -> None:
    table = pa.table({"x": [0.1 * n for n in range(1, 50)]})
    for row, value in enumerate(table["x"].to_pylist()):
        near = f"abs(ln(x) - {math.log(value)!r}) < 1e-14 and abs(exp(x) / {math.exp(value)!r} - 1) < 1e-14"
        assert row in _kept(near, table)


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("coalesce(company, fare) = 'x'", ['column "company" is string', 'column "fare" is number']),
        ("if(valid, at, 'soon') = '2024-01-01'", ["soon"]),
        ("abs(company) > 1", ['column "company" is string, not a number']),
        ("if(fare, 1, 2) = 1", ['column "fare" is float64, not true or false']),
        ("max(fare, at) > 1", ['column "at" is date32, not a number']),
        ("abs(fare - 1) = coalesce(at, at)", ['"abs(fare - 1)" is float64', '"coalesce(at, at)"']),
    ],
)
def test_what_does_not_go_together_is_said_with_its_own_words(condition: str, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        _kept(condition)
    assert caught.value.what.startswith("input.where: ")
    assert [word for word in words if word not in caught.value.what] == [], caught.value.what
