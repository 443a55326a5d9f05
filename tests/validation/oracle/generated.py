"""Suites, result formats and cuts drawn at random, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from batch_scorer.validation.streaming.compile import Way, compile_suite
from batch_scorer.validation.suites.catalogue import CATALOGUE
from tests.validation.oracle.arguments import ARGUMENTS
from tests.validation.oracle.columns import ColumnType
from tests.validation.oracle.oracle import Json, expectation

_OPERATORS = ("==", "!=", "<", "<=", ">", ">=", "IN", "NOT_IN")
_IGNORE_PAIR = ("both_values_are_missing", "either_value_is_missing", "neither")
_IGNORE_LIST = ("all_values_are_missing", "any_value_is_missing", "never")


# Neighbours beyond 2**53 are the same float to GX, and of a few rows the bound may lie between its answer and
# the exact one: a difference that is documented, and tried in test_differences.
_ROUNDED = {("int64, large", "expect_column_stdev_to_be_between")}


def one_of_each(rng: random.Random, of: ColumnType) -> list[Json]:
    """One expectation of every registered type but those that GX cannot have without a second data source."""
    found = []
    for type_ in CATALOGUE:
        kwargs = ARGUMENTS[type_](rng, of)
        kwargs |= _common(rng, of, type_)
        found.append(expectation(type_, severity=rng.choice(("critical", "warning", "info")), **kwargs))
    return [one for one in found if (of.name, one["type"]) not in _ROUNDED]


def streamed(expectations: Sequence[Json], schema: pa.Schema) -> list[str]:
    """The types of those that are not left to GX."""
    return [check.type for check in compile_suite(expectations, schema).checks if check.way is Way.STREAMED]


def _common(rng: random.Random, of: ColumnType, type_: str) -> Json:
    kind = CATALOGUE[type_]
    kwargs: Json = {}
    takes_rows = (
        "mostly" in kind.optional
        and kind.required
        and kind.required[0] in ("column", "column_A", "column_list")
    )
    if takes_rows and rng.random() < 0.5:
        kwargs["mostly"] = rng.choice((0, 0.5, 0.75, 0.9, 1, 1.0))
    if "row_condition" in kind.optional and rng.random() < 0.35:
        kwargs["row_condition"] = condition(rng, of)
    if type_.startswith("expect_column_pair") and rng.random() < 0.6:
        kwargs["ignore_row_if"] = rng.choice(_IGNORE_PAIR)
    if "column_list" in kind.required and rng.random() < 0.6:
        kwargs["ignore_row_if"] = rng.choice(_IGNORE_LIST)
    return kwargs


def condition(rng: random.Random, of: ColumnType) -> Json:
    """GX takes an and of comparisons, and an or of those and of comparisons."""
    drawn = rng.random()
    if drawn < 0.12:
        return _all(rng, of)
    if drawn < 0.24:
        parts = [rng.choice((_all, _simple))(rng, of) for _ in range(rng.choice((1, 2, 3)))]
        return {"type": "or", "conditions": parts}
    return _simple(rng, of)


def _all(rng: random.Random, of: ColumnType) -> Json:
    return {"type": "and", "conditions": [_simple(rng, of) for _ in range(rng.choice((1, 2, 3)))]}


def _simple(rng: random.Random, of: ColumnType) -> Json:
    name, pool = rng.choice(
        (("v", of.in_json), ("n", (1, 2, 3, 2.5)), ("c", ("a", "b", "z")), ("f", (0.1, 1, 3.0)))
    )
    if rng.random() < 0.2:
        return {"type": "nullity", "column": {"name": name}, "is_null": rng.random() < 0.5}
    operator = rng.choice(_OPERATORS)
    several = [rng.choice(pool) for _ in range(rng.choice((1, 2, 3)))]
    given: Any = several if operator in ("IN", "NOT_IN") else several[0]
    return {"type": "comparison", "column": {"name": name}, "operator": operator, "parameter": given}


_FORMATS_OF_RESULTS: tuple[Json, ...] = (
    {"result_format": "BOOLEAN_ONLY"},
    {"result_format": "BASIC"},
    {"result_format": "SUMMARY"},
    {"result_format": "COMPLETE"},
    {"result_format": "BASIC", "partial_unexpected_count": 0},
    {"result_format": "SUMMARY", "partial_unexpected_count": 1},
    {"result_format": "SUMMARY", "partial_unexpected_count": 5, "unexpected_index_column_names": ["id"]},
    {"result_format": "COMPLETE", "unexpected_index_column_names": ["id", "c"]},
    {"result_format": "COMPLETE", "include_unexpected_rows": True},
    {"result_format": "SUMMARY", "include_unexpected_rows": True, "unexpected_index_column_names": ["id"]},
    {"result_format": "COMPLETE", "unexpected_index_column_names": ["id"], "exclude_unexpected_values": True},
    {"result_format": "COMPLETE", "return_unexpected_index_query": False},
    {
        "result_format": "COMPLETE",
        "return_unexpected_index_query": True,
        "unexpected_index_column_names": ["id"],
    },
    {"result_format": "BASIC", "unexpected_index_column_names": ["id"], "partial_unexpected_count": 3},
)


def result_format(rng: random.Random) -> Json:
    return dict(rng.choice(_FORMATS_OF_RESULTS))


def cuts(rng: random.Random, n: int) -> list[int]:
    """None, after every row, or here and there; an edge may come twice, and that batch is empty."""
    match rng.choice(("whole", "rows", "random")):
        case "whole":
            return []
        case "rows":
            return list(range(1, n))
        case _:
            return sorted(rng.randint(0, n) for _ in range(4))
