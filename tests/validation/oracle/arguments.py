"""Arguments for an expectation of every registered type, drawn to fit a column type most of the time."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from tests.validation.oracle.columns import ColumnType
from tests.validation.oracle.oracle import Json

_REGEXES = (
    "^a", "b$", "a|b", r"\d", r"\w+", "(a)(b)?", "(?i)A", "^$", "a(?=b)", "(?P<x>a)", ".", "[^a]",
    r"^\S+@\S+$", "a.c", r"(?s)a.", "^a$", r"\bA\b", r"a\Z", "é", "(a)\\1",
)  # fmt: skip
_FORMATS = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%d/%m/%Y", "%Y", "%H:%M", "%Y-%m-%d%z", "%y%m%d", "%j")
_SCHEMAS: tuple[Json, ...] = (
    {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
    {"type": "array"},
    {},
)
_TYPES = (
    "int64", "int", "float64", "float", "str", "object", "bool", "datetime64", "datetime64[ns]", "int8",
    "category", "StringDtype", "float32", "datetime64[us]", "Int64", "string", "DatetimeTZDtype",
    "CategoricalDtype",
)  # fmt: skip

Draw = Callable[[random.Random, ColumnType], Json]


def _member(rng: random.Random, of: ColumnType) -> Any:
    if rng.random() < 0.08:
        return rng.choice((None, True, 1.5, "a", 2, -1))
    return rng.choice(of.in_json)


def _members(rng: random.Random, of: ColumnType) -> list[Any]:
    many = list(of.in_json) if rng.random() < 0.3 else []
    return many + [_member(rng, of) for _ in range(rng.choice((1, 2, 4, 25)))]


def _column(rng: random.Random, of: ColumnType) -> Json:
    return {"column": "v"}


def _bounds_from(rng: random.Random, pool: tuple[Any, ...]) -> Json:
    """At least one of the two, mostly in order."""
    low, high = rng.choice(pool), rng.choice(pool)
    if rng.random() < 0.9 and type(low) is type(high) and low > high:
        low, high = high, low
    which = rng.choice(("low", "high", "both", "both"))
    kwargs: Json = {}
    if which != "high":
        kwargs["min_value"] = low
    if which != "low":
        kwargs["max_value"] = high
    for end in ("strict_min", "strict_max"):
        if rng.random() < 0.3:
            kwargs[end] = rng.random() < 0.7
    return kwargs


def _values_between(rng: random.Random, of: ColumnType) -> Json:
    pool = of.in_json if rng.random() < 0.9 else (0, 1.5, 2, "2024-01-02", "2024-01-02T00:00:00", "1")
    finite = tuple(one for one in pool if one is not None and one == one) or (0, 1)
    return {"column": "v", **_bounds_from(rng, finite)}


def _numbers_between(*pool: float) -> Draw:
    return lambda rng, of: {"column": "v", **_bounds_from(rng, pool)}


def _whole_between(rng: random.Random, of: ColumnType) -> Json:
    bounds = _bounds_from(rng, (0, 1, 3, 5, 10))
    if "min_value" in bounds and "max_value" in bounds:
        bounds["min_value"], bounds["max_value"] = sorted((bounds["min_value"], bounds["max_value"]))
    return {name: value for name, value in bounds.items() if not name.startswith("strict")}


def _numbers_or_own(rng: random.Random, of: ColumnType) -> Json:
    return (
        _values_between(rng, of)
        if rng.random() < 0.5
        else _numbers_between(-10, 0, 0.5, 1, 2, 3, 100)(rng, of)
    )


def _set(rng: random.Random, of: ColumnType) -> Json:
    return {"column": "v", "value_set": _members(rng, of)}


def _pair(rng: random.Random, of: ColumnType) -> Json:
    one, other = rng.choice(
        (("v", "w"), ("w", "v"), ("v", "u"), ("v", "n"), ("f", "v"), ("n", "f"), ("c", "v"))
    )
    return {"column_A": one, "column_B": other}


def _pairs(rng: random.Random, of: ColumnType) -> Json:
    pairs = [[_member(rng, of), _member(rng, of)] for _ in range(rng.choice((1, 5, 30)))]
    return {**_pair(rng, of), "value_pairs_set": pairs}


def _list(rng: random.Random, of: ColumnType) -> Json:
    names = ["v", "w", "u"] if rng.random() < 0.8 else ["v", "n", "f", "id"]
    return {"column_list": names[: rng.choice((2, 3, 3))]}


def _strictly(rng: random.Random, of: ColumnType) -> Json:
    # GX subtracts neighbours, and the difference of two large integers overflows: a documented difference.
    column = "n" if of.name == "int64, large" else "v"
    return {"column": column, "strictly": rng.choice((True, False, None))}


def _regexes(rng: random.Random, of: ColumnType) -> Json:
    chosen = [rng.choice(_REGEXES) for _ in range(rng.choice((1, 2, 3)))]
    return {"column": "v", "regex_list": chosen}


def _quantiles(rng: random.Random, of: ColumnType) -> Json:
    quantiles = sorted(rng.sample((0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 1), 3))
    ranges = [sorted(rng.sample((-100, 0, 1, 2, 3, 100), 2)) for _ in quantiles]
    drawn: list[Any] = [[None, pair[1]] if rng.random() < 0.3 else pair for pair in ranges]
    return {"column": "v", "quantile_ranges": {"quantiles": quantiles, "value_ranges": drawn}}


def _names(rng: random.Random) -> list[str]:
    names = ["v", "w", "u", "n", "f", "c", "id"]
    drawn = rng.random()
    if drawn < 0.3:
        return names
    return rng.sample([*names, "z", "V"], rng.choice((1, 3, 7)))


def _with(**draws: Callable[[random.Random], Any]) -> Draw:
    return lambda rng, of: {"column": "v"} | {name: draw(rng) for name, draw in draws.items()}


def _table(**draws: Callable[[random.Random], Any]) -> Draw:
    return lambda rng, of: {name: draw(rng) for name, draw in draws.items()}


def _like(rng: random.Random) -> str:
    return rng.choice(("a%", "%b", "_"))


def _likes(rng: random.Random) -> list[str]:
    return [_like(rng), _like(rng)]


ARGUMENTS: Mapping[str, Draw] = {
    "expect_column_distinct_values_to_be_in_set": _set,
    "expect_column_distinct_values_to_contain_set": _set,
    "expect_column_distinct_values_to_equal_set": _set,
    "expect_column_kl_divergence_to_be_less_than": _with(
        partition_object=lambda rng: {"bins": [0, 1, 2], "weights": [0.5, 0.5]}, threshold=lambda rng: 0.1
    ),
    "expect_column_max_to_be_between": _numbers_or_own,
    "expect_column_mean_to_be_between": _numbers_or_own,
    "expect_column_median_to_be_between": _numbers_or_own,
    "expect_column_min_to_be_between": _numbers_or_own,
    "expect_column_most_common_value_to_be_in_set": lambda rng, of: {
        **_set(rng, of),
        **rng.choice(({}, {"ties_okay": True}, {"ties_okay": False})),
    },
    "expect_column_pair_values_a_to_be_greater_than_b": lambda rng, of: {
        **_pair(rng, of),
        **rng.choice(({}, {"or_equal": True}, {"or_equal": False})),
    },
    "expect_column_pair_values_to_be_equal": _pair,
    "expect_column_pair_values_to_be_in_set": _pairs,
    "expect_column_proportion_of_non_null_values_to_be_between": _numbers_between(0, 0.3, 0.5, 0.9, 1),
    "expect_column_proportion_of_unique_values_to_be_between": _numbers_between(0, 0.3, 0.5, 0.9, 1),
    "expect_column_quantile_values_to_be_between": _quantiles,
    "expect_column_stdev_to_be_between": _numbers_between(0, 0.5, 1, 100, 1e9),
    "expect_column_sum_to_be_between": _numbers_or_own,
    "expect_column_to_exist": lambda rng, of: {
        "column": rng.choice(("v", "w", "z", "V")),
        **rng.choice(({}, {"column_index": 0}, {"column_index": 1}, {"column_index": 40})),
    },
    "expect_column_type_to_be": _with(type_=lambda rng: rng.choice(_TYPES)),
    "expect_column_unique_value_count_to_be_between": _numbers_between(0, 1, 3, 5, 10),
    "expect_column_value_lengths_to_be_between": _numbers_between(0, 1, 2, 3, 10, 2.0),
    "expect_column_value_lengths_to_equal": _with(value=lambda rng: rng.choice((0, 1, 2, 3, 1.5))),
    "expect_column_value_z_scores_to_be_less_than": _with(
        threshold=lambda rng: 1.0, double_sided=lambda rng: True
    ),
    "expect_column_values_to_be_between": _values_between,
    "expect_column_values_to_be_dateutil_parseable": _column,
    "expect_column_values_to_be_decreasing": _strictly,
    "expect_column_values_to_be_in_set": _set,
    "expect_column_values_to_be_in_type_list": _with(
        type_list=lambda rng: rng.sample(_TYPES, rng.choice((1, 3)))
    ),
    "expect_column_values_to_be_increasing": _strictly,
    "expect_column_values_to_be_json_parseable": _column,
    "expect_column_values_to_be_null": _column,
    "expect_column_values_to_be_of_type": _with(type_=lambda rng: rng.choice(_TYPES)),
    "expect_column_values_to_be_unique": _column,
    "expect_column_values_to_match_json_schema": _with(json_schema=lambda rng: rng.choice(_SCHEMAS)),
    "expect_column_values_to_match_like_pattern": _with(like_pattern=_like),
    "expect_column_values_to_match_like_pattern_list": _with(like_pattern_list=_likes),
    "expect_column_values_to_match_regex": _with(regex=lambda rng: rng.choice(_REGEXES)),
    "expect_column_values_to_match_regex_list": lambda rng, of: {
        **_regexes(rng, of),
        **rng.choice(({}, {"match_on": "any"}, {"match_on": "all"})),
    },
    "expect_column_values_to_match_strftime_format": _with(strftime_format=lambda rng: rng.choice(_FORMATS)),
    "expect_column_values_to_not_be_in_set": _set,
    "expect_column_values_to_not_be_null": _column,
    "expect_column_values_to_not_be_outliers": _with(method=lambda rng: "iqr", multiplier=lambda rng: 1.5),
    "expect_column_values_to_not_match_like_pattern": _with(like_pattern=_like),
    "expect_column_values_to_not_match_like_pattern_list": _with(like_pattern_list=_likes),
    "expect_column_values_to_not_match_regex": _with(regex=lambda rng: rng.choice(_REGEXES)),
    "expect_column_values_to_not_match_regex_list": _regexes,
    "expect_compound_columns_to_be_unique": _list,
    "expect_multicolumn_sum_to_equal": lambda rng, of: {
        **_list(rng, of),
        "sum_total": rng.choice((0, 3, 6, 2.5)),
    },
    "expect_multicolumn_values_to_be_equal": _list,
    "expect_query_results_to_match_comparison": _table(
        base_query=lambda rng: "SELECT 1",
        comparison_data_source_name=lambda rng: "oracle",
        comparison_query=lambda rng: "SELECT 1",
    ),
    "expect_select_column_values_to_be_unique_within_record": _list,
    "expect_table_column_count_to_be_between": _whole_between,
    "expect_table_column_count_to_equal": _table(value=lambda rng: rng.choice((6, 7))),
    "expect_table_columns_to_match_ordered_list": _table(column_list=_names),
    "expect_table_columns_to_match_set": _table(
        column_set=_names, exact_match=lambda rng: rng.choice((True, False, None))
    ),
    "expect_table_row_count_to_be_between": _whole_between,
    "expect_table_row_count_to_equal": _table(value=lambda rng: rng.choice((0, 1, 7))),
    "expect_table_row_count_to_equal_other_table": _table(other_table_name=lambda rng: "other"),
    "unexpected_rows_expectation": _table(
        unexpected_rows_query=lambda rng: "SELECT * FROM {batch} WHERE v > 1"
    ),
}
