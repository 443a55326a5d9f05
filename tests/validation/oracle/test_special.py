"""Arguments, names and values that GX treats in a way of its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

from tests.validation.oracle.oracle import Compared, Json, Oracle, expectation

_FEW = 20
_COMPLETE: Json = {"result_format": "COMPLETE"}
_BOUNDED = ("min", "max", "values", "mean", "median", "sum", "stdev")
_COUNTED = ("unique_value_count", "proportion_of_unique_values", "proportion_of_non_null_values")
_NAMES = ("v", "a b", "a.b", "é", "`q`", '"x"', "1", "class", "a-b", "col#")
_KEYS = (
    "expect_column_values_to_be_in_set",
    "expect_column_values_to_not_be_in_set",
    "expect_column_distinct_values_to_be_in_set",
    "expect_column_distinct_values_to_contain_set",
    "expect_column_distinct_values_to_equal_set",
    "expect_column_most_common_value_to_be_in_set",
)
_LISTED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("expect_multicolumn_sum_to_equal", {"sum_total": 3}),
    ("expect_multicolumn_values_to_be_equal", {}),
    ("expect_select_column_values_to_be_unique_within_record", {}),
    ("expect_compound_columns_to_be_unique", {}),
)


def _agree(
    oracle: Oracle, table: pa.Table, suite: Sequence[Json], result_format: Json = _COMPLETE
) -> list[Compared]:
    """In suites of a few expectations: GX's time grows with the square of their number."""
    results = []
    for at in range(0, len(suite), _FEW):
        few, cuts = suite[at : at + _FEW], list(range(1, table.num_rows))
        results.append(oracle.compare(table, few, result_format, cuts))
        assert not results[-1].differences, "\n".join(map(str, results[-1].differences))
    return results


def _n_equal(results: Sequence[Compared]) -> int:
    return sum(result.n_equal for result in results)


def _bounds(metrics: Sequence[str], column: str, *bounds: Json) -> list[Json]:
    return [
        expectation(f"expect_column_{metric}_to_be_between", column=column, **given)
        for metric in metrics
        for given in bounds
    ]


def _about(name: str) -> list[Json]:
    greater = {"type": "comparison", "column": {"name": name}, "operator": ">", "parameter": 1}
    null = {"type": "nullity", "column": {"name": name}, "is_null": True}
    ranges = {"quantiles": [0.5], "value_ranges": [[0, 9]]}
    return [
        expectation("expect_column_values_to_not_be_null", column=name),
        expectation("expect_column_values_to_be_unique", column=name),
        expectation("expect_column_min_to_be_between", column=name, min_value=1),
        expectation("expect_column_to_exist", column=name),
        expectation("expect_column_values_to_be_of_type", column=name, type_="float64"),
        expectation("expect_column_quantile_values_to_be_between", column=name, quantile_ranges=ranges),
        expectation("expect_column_distinct_values_to_be_in_set", column=name, value_set=[1, 2, 4]),
        expectation("expect_column_pair_values_to_be_equal", column_A=name, column_B="id"),
        expectation("expect_compound_columns_to_be_unique", column_list=[name, "id"]),
        expectation("expect_column_values_to_not_be_null", column="v", row_condition=greater),
        expectation("expect_column_min_to_be_between", column="v", min_value=1, row_condition=greater),
        expectation("expect_column_values_to_not_be_null", column="v", row_condition=null),
        expectation("expect_column_values_to_be_of_type", column="v", type_="int64", row_condition=greater),
    ]


def test_columns_of_any_name(oracle: Oracle) -> None:
    columns = {name: pa.array([1, 2, None, 4, 4, i], pa.int64()) for i, name in enumerate(_NAMES)}
    table = pa.table(columns | {"id": [1, 2, 3, 4, 5, 6]})
    results = _agree(oracle, table, [one for name in _NAMES for one in _about(name)])
    # Only the backticks, with which a row condition quotes a name, are left to GX.
    assert sum(len(result.left) for result in results) == 4


@pytest.mark.parametrize(
    "result_format",
    [
        {"result_format": "SUMMARY", "include_unexpected_rows": True},
        {"result_format": "COMPLETE", "unexpected_index_column_names": ["a b", "é"]},
    ],
    ids=["rows", "index"],
)
def test_columns_of_any_name_are_shown(oracle: Oracle, result_format: Json) -> None:
    table = pa.table({name: pa.array([1, 2, None, 4, 4], pa.int64()) for name in ("v", "a b", "é")})
    suite = [expectation("expect_column_values_to_be_unique", column=name) for name in table.column_names]
    suite.append(expectation("expect_compound_columns_to_be_unique", column_list=["v", "é"]))
    assert _n_equal(_agree(oracle, table, suite, result_format)) == 4


def test_an_empty_row_condition_is_left_to_gx(oracle: Oracle) -> None:
    one = expectation("expect_column_values_to_be_unique", column="v", row_condition="")
    (result,) = _agree(oracle, pa.table({"v": [1, 1]}), [one])
    assert result.left
    assert not result.streamed


def test_columns_that_are_not_there_are_left_to_gx(oracle: Oracle) -> None:
    table = pa.table({"v": [1], "id": [1], "both": [1], "Both": [2]})
    suite = [one for name in ("z", "V", "both") for one in _about(name)]
    results = _agree(oracle, table, suite)
    assert {type_ for result in results for type_ in result.streamed} <= {
        "expect_column_to_exist", "expect_column_values_to_not_be_null", "expect_column_min_to_be_between",
        "expect_column_values_to_be_of_type",
    }  # fmt: skip


def test_severity_meta_and_notes_are_passed_on(oracle: Oracle) -> None:
    table = pa.table({"v": [1, 1]})
    unique = expectation("expect_column_values_to_be_unique", column="v", severity="info")
    suite = [{**unique, "meta": {"owner": "ann"}, "notes": "why"}, {**unique, "notes": ["a", "b"]}, unique]
    assert _n_equal(_agree(oracle, table, suite)) == 3


@pytest.mark.parametrize(
    "type_", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())], ids=str
)
def test_lengths(oracle: Oracle, type_: pa.DataType) -> None:
    table = pa.table({"s": pa.array(["a", "bb", None, "ccc", "é", "日本"]).cast(type_)})
    bounds: list[Json] = [
        {"min_value": 1.0}, {"min_value": 1.5}, {"max_value": 2, "strict_max": True},
        {"min_value": 1, "max_value": 1},
        {"min_value": 2, "max_value": 1}, {"min_value": "1"}, {"min_value": 0, "max_value": 3.0},
    ]  # fmt: skip
    suite = _bounds(["value_lengths"], "s", *bounds)
    suite += [
        expectation("expect_column_value_lengths_to_equal", column="s", value=n) for n in (1, 1.0, 1.5, True)
    ]
    assert _n_equal(_agree(oracle, table, suite)) >= 6


@pytest.mark.parametrize("tz", [None, "UTC", "Europe/Berlin"])
@pytest.mark.parametrize("unit", ["ns", "us", "s"])
def test_bounds_on_times(oracle: Oracle, unit: str, tz: str | None) -> None:
    times = [dt.datetime(2024, 1, 1, tzinfo=dt.UTC), dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC), None]
    table = pa.table({"t": pa.array(times, pa.timestamp(unit, "UTC")).cast(pa.timestamp(unit, tz))})
    lows = (
        "2024-01-01", "2024-01-01T00:00:00", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00+02:00", 0,
        "1/2/2024",
        "2024-01", "20240101", "2024-01-01T00:00", "2024-01-01T00:00:00.123456789", "2024-01-02 03:04:05",
        "2024-01-02T03:04:05.000001",
    )  # fmt: skip
    suite = _bounds(_BOUNDED, "t", *({"min_value": low} for low in lows))
    assert _n_equal(_agree(oracle, table, suite)) >= 6


def test_bounds_on_dates(oracle: Oracle) -> None:
    table = pa.table({"d": pa.array([dt.date(2024, 1, 1), None, dt.date(2024, 3, 1)])})
    strict = {"min_value": "2024-01-01", "max_value": "2024-02-01", "strict_max": True}
    suite = _bounds(
        ("min", "max", "values"), "d", {"min_value": "2024-01-01"}, strict,
        {"min_value": "2024-01-01T00:00:00"}, {"max_value": "2024-1-1"}, {"min_value": 1},
    )  # fmt: skip
    assert _n_equal(_agree(oracle, table, suite)) >= 2


@pytest.mark.parametrize("type_", ["int64", "float64", "float32", "int8", "uint8", "uint64", "bool"])
def test_bounds_and_sets_of_mixed_types(oracle: Oracle, type_: str) -> None:
    values: list[Any] = [True, False, None, True] if type_ == "bool" else [1, 2, None, 100]
    table = pa.table({"n": pa.array(values, pa.bool_() if type_ == "bool" else type_)})
    bounds: list[Json] = [
        {"min_value": "1"}, {"min_value": 1.5, "max_value": 100}, {"min_value": 2, "max_value": 1},
        {"min_value": True},
        {"min_value": "2024-01-01"}, {"min_value": 1, "max_value": "2"}, {"max_value": 0, "strict_max": True},
        {"min_value": -0.0},
    ]  # fmt: skip
    sets: list[list[Any]] = [
        [1], [1.0], [1.5], [True], ["1"], [None], [1, None], [1, "a"], [0.1], [2**60], [-1], [300],
        [1, 1.0], [1e10],
    ]  # fmt: skip
    suite = _bounds((*_BOUNDED, *_COUNTED), "n", *bounds)
    suite += [expectation(key, column="n", value_set=members) for key in _KEYS for members in sets]
    _agree(oracle, table, suite)


@pytest.mark.parametrize("values", [[], [5], [None], [1, 2], [1, 2, 3, 4], [1, 1, 2, 2]], ids=str)
def test_numbers_of_few_rows(oracle: Oracle, values: list[int | None]) -> None:
    table = pa.table({"i": pa.array(values, pa.int64()), "f": pa.array(values, pa.float64())})
    ranges = {"quantiles": [0, 0.3, 0.5, 0.7, 1], "value_ranges": [[0, 9]] * 5}
    common = "expect_column_most_common_value_to_be_in_set"
    suite: list[Json] = []
    for name in "if":
        suite += _bounds((*_BOUNDED, *_COUNTED), name, {"min_value": -1, "max_value": 9})
        suite.append(
            expectation("expect_column_quantile_values_to_be_between", column=name, quantile_ranges=ranges)
        )
        suite += [expectation(common, column=name, value_set=[1, 2], ties_okay=ok) for ok in (None, True)]
    assert _n_equal(_agree(oracle, table, suite)) == len(suite)


def test_infinities_and_nan(oracle: Oracle) -> None:
    values = [0.1, 0.1, 0.2, float("nan"), float("inf"), -float("inf"), None]
    table = pa.table({"f": values, "g": pa.array(values, pa.float32())})
    ranges = {"quantiles": [0, 0.5, 1], "value_ranges": [[0, 9], [None, 1], [None, None]]}
    suite = [
        expectation(
            "expect_column_quantile_values_to_be_between",
            column=name,
            quantile_ranges=ranges,
            allow_relative_error=way,
        )
        for name in "fg"
        for way in ("linear", "lower", "higher", "midpoint", "nearest", False)
    ]
    for name in "fg":
        suite += _bounds((*_BOUNDED, *_COUNTED), name, {"min_value": -1, "max_value": 9})
    assert _n_equal(_agree(oracle, table, suite)) >= 14


def test_nan_and_null_are_one_key(oracle: Oracle) -> None:
    """Whichever comes first, in whichever batch."""
    nan = float("nan")
    table = pa.table(
        {
            "v": pa.array([nan, None, None, nan, 1.0, nan, None]),
            "w": pa.array([2.5, 2.5, nan, None, nan, 7.0, 8.0]),
        }
    )
    one = expectation("expect_compound_columns_to_be_unique", column_list=["v", "w"], ignore_row_if="never")
    (found,) = _agree(oracle, table, [one])
    assert found.n_equal == 1


def test_lists_of_many_columns_and_of_one_twice(oracle: Oracle) -> None:
    numbers = {f"c{i}": pa.array([0.1 * i, 1.0, None, i], pa.float64()) for i in range(9)}
    table = pa.table(numbers | {"z": pa.array([1, 2, 3, 4], pa.int64()), "s": ["a", "b", "c", "d"]})
    seven = [f"c{i}" for i in range(7)]
    lists = (
        ["c1", "c2"],
        ["c1", "c1"],
        seven,
        [*seven, "c7", "c8"],
        ["c1", "z", "c3"],
        ["c1", "s"],
        ["z", "z"],
    )
    ignored = ("all_values_are_missing", "any_value_is_missing", "never")
    suite = [
        expectation(type_, column_list=names, ignore_row_if=how, **total)
        for type_, total in _LISTED
        for names in lists
        for how in ignored
    ]
    assert _n_equal(_agree(oracle, table, suite)) >= 40


def test_schema_errors_outside_the_row_condition_do_not_matter(oracle: Oracle) -> None:
    table = pa.table({"j": ['{"a": 1}', "no json", None], "keep": [1, 0, 1]})
    kept = {"type": "comparison", "column": {"name": "keep"}, "operator": "==", "parameter": 1}
    schema = "expect_column_values_to_match_json_schema"
    suite = [
        expectation(schema, column="j", json_schema={"type": "object"}, row_condition=kept),
        expectation(schema, column="j", json_schema={"type": "object"}),
    ]
    assert _n_equal(_agree(oracle, table, suite)) == 2
    lost = expectation(schema, column="j", json_schema={"$ref": "#/nowhere"}, row_condition=kept)
    assert _n_equal(_agree(oracle, table, [lost])) == 1


def test_nanoseconds(oracle: Oracle) -> None:
    start = 1_704_067_200_000_000_000  # 2024-01-01
    times = pa.array([start + 1, start + 2, None, start + 2, start + 1000, -1], pa.timestamp("ns"))
    table = pa.table({"t": times, "u": times.take(pa.array([1, 0, 2, 3, 5, 4]))})
    suite = [
        expectation("expect_column_min_to_be_between", column="t"),
        expectation("expect_column_values_to_be_unique", column="t"),
        expectation("expect_column_values_to_be_increasing", column="t", strictly=True),
        expectation("expect_column_values_to_be_between", column="t", max_value="2024-01-01T00:00:00.000001"),
        expectation("expect_column_pair_values_a_to_be_greater_than_b", column_A="t", column_B="u"),
        expectation("expect_compound_columns_to_be_unique", column_list=["t", "u"]),
    ]
    assert _n_equal(_agree(oracle, table, suite)) == 6


_REGEXES = (
    "^.$", "(?i)k", "(?i)ß", r"\s", "$", r"\w", r"\W", r"\d", "(?m)^$", "a.b", "[[:alpha:]]", r"\pL", "x*",
    "(?x) a", r"\x00", r"[^\W\d]", "(?<!a)b", "(?i:I)", r"(?a)\w", r".\Z", r"\bK\b", "{", "(",
    "(?P<n>a)(?P=n)", "*", r"\da{,2}", r"[[:alpha:]]\w", r"(a)\1",
)  # fmt: skip


@pytest.mark.parametrize("type_", [pa.string(), pa.dictionary(pa.int32(), pa.string())], ids=str)
def test_regexes_and_odd_texts(oracle: Oracle, type_: pa.DataType) -> None:
    texts = [
        "a\x00b",
        "1aaa",
        "::]a",
        "😀x",
        "ß",
        "ẞ",
        "İ",
        "ſ",
        "K",
        "\u2028",
        "a\r\n",
        "\r",
        "e\u0301",
        "",
        None,
        "\ufeff1",
    ]
    table = pa.table({"s": pa.array(texts).cast(type_)})
    suite = [
        expectation("expect_column_values_to_match_regex", column="s", regex=regex) for regex in _REGEXES
    ]
    for match_on in ("any", "all"):
        suite += [
            expectation(
                "expect_column_values_to_match_regex_list", column="s", regex_list=pair, match_on=match_on
            )
            for pair in ([r"\w", "(?=a)"], ["^$", "."])
        ]
    assert _n_equal(_agree(oracle, table, suite)) >= 20


def test_keys_of_dates_booleans_and_categories(oracle: Oracle) -> None:
    columns = {
        "d": pa.array([dt.date(2024, 1, 1), dt.date(2024, 1, 1), None, dt.date(1, 1, 1)]),
        "b": pa.array([True, True, None, False]),
        "c": pa.array(["a", "b", None, "a"]).dictionary_encode(),
    }
    suite = [expectation("expect_column_values_to_be_unique", column=name) for name in columns]
    suite += [
        expectation("expect_compound_columns_to_be_unique", column_list=names, ignore_row_if=how)
        for names in (["d", "b"], ["b", "c"], ["d", "b", "c"])
        for how in ("never", "any_value_is_missing", "all_values_are_missing")
    ]
    assert _n_equal(_agree(oracle, pa.table(columns), suite)) == len(suite)


_MOMENTS = (
    "9999-12-31T00:00:00",
    "2300-01-01T00:00:00",
    "2025-01-01T01:02:03.000001",
    "2025-01-01T01:02:03",
    "1600-01-01T00:00:00",
)


@pytest.mark.parametrize("tz", [None, "America/Chicago"])
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_bounds_beyond_what_a_unit_can_hold_are_compared_all_the_same(
    oracle: Oracle, unit: str, tz: str | None
) -> None:
    moments = pa.array(["2024-01-01", "2025-01-01 01:02:03", None]).cast(pa.timestamp("us"))
    table = pa.table({"v": moments.cast(pa.timestamp(unit)).cast(pa.timestamp(unit, tz))})
    zone = "+00:00" if tz else ""
    bounds = [
        {f"{end}_value": moment + zone, f"strict_{end}": strict}
        for moment in _MOMENTS
        for end in ("min", "max")
        for strict in (False, True)
    ]
    assert _n_equal(_agree(oracle, table, _bounds(["values"], "v", *bounds))) == len(bounds)


def test_times_that_python_cannot_hold_have_a_smallest_and_a_largest(oracle: Oracle) -> None:
    table = pa.table({"v": pa.array([10**18, 2, 3], pa.timestamp("us"))})
    suite = _bounds(["max"], "v", {})
    assert _n_equal(_agree(oracle, table, suite, {"result_format": "BOOLEAN_ONLY"})) == 1


def test_a_column_called_as_we_call_a_rows_place_is_left_to_gx(oracle: Oracle) -> None:
    table = pa.table({"_position": [1, 2], "v": [1, -1]})
    (result,) = _agree(oracle, table, _bounds(["values", "mean"], "v", {"min_value": 0}))
    assert [type_ for type_, _ in result.left] == ["expect_column_values_to_be_between"]
