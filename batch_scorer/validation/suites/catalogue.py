"""The expectations that Great Expectations 1.24 registers: their arguments, and the columns they read.

It stands in for importing GX, which costs seconds. A test compares it with the installed GX, so that it
cannot rot.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_CONDITION = ("row_condition", "condition_parser")
_MAP = ("mostly", *_CONDITION)
_BOUNDS = ("min_value", "max_value", "strict_min", "strict_max")
_LIBRARY = ("library_metadata",)  # GX lets it be given; it says who maintains the expectation
_GX_CONDITION = re.compile(r"""\s*col\(["']([^"']+)["']\)""")
_GX_PARSERS = ("great_expectations", "great_expectations__experimental__")

# Arguments every expectation takes that say how to run it, not what holds.
RUNTIME_KWARGS = frozenset({"result_format", "catch_exceptions", "batch_id", "windows", "library_metadata"})

# What GX leaves out when it saves a suite. ignore_row_if has one default for pairs and one for lists.
DEFAULTS: Mapping[str, tuple[Any, ...]] = {
    "mostly": (1,),
    "strict_min": (False,),
    "strict_max": (False,),
    "ignore_row_if": ("both_values_are_missing", "all_values_are_missing"),
    "match_on": ("any",),
    "regex": ("(?s).*",),
    "exact_match": (True,),
    "allow_relative_error": (False,),
    "method": ("iqr",),
    "multiplier": (1.5,),
    "bucketize_data": (True,),
    "internal_weight_holdout": (0,),
    "tail_weight_holdout": (0,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What one type of expectation takes.

    whole_schema: it asks for every column of the table, not for named ones.
    needs_bound: GX refuses it with neither min_value nor max_value.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    whole_schema: bool = False
    needs_bound: bool = False

    @property
    def kwargs(self) -> tuple[str, ...]:
        return (*self.required, *self.optional)


def columns_of(document: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The columns a suite reads, each once, as first named. None: every column of the table.

    That is so for expectations about the table's columns, for custom ones, and for a row condition in the
    language of a data frame, which cannot be read safely.
    """
    columns: dict[str, None] = {}
    for expectation in document["expectations"]:
        read = columns_read(expectation)
        if read is None:
            return None
        columns |= dict.fromkeys(read)
    return tuple(columns)


def columns_read(expectation: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The columns one expectation reads; None: it needs the whole table."""
    kind = CATALOGUE.get(expectation["type"])
    if kind is None or kind.whole_schema:
        return None
    kwargs = expectation["kwargs"]
    of_condition = _condition_columns(kwargs.get("row_condition"), kwargs.get("condition_parser"))
    return None if of_condition is None else (*columns_named(expectation), *of_condition)


def columns_named(expectation: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns an expectation is about, row conditions aside."""
    kind = CATALOGUE.get(expectation["type"])
    if kind is None or "column_list" in kind.optional:  # there it is the schema that is expected
        return ()
    kwargs = expectation["kwargs"]
    single = (kwargs[name] for name in ("column", "column_A", "column_B") if name in kwargs)
    return (*single, *kwargs.get("column_list", ()))


def _condition_columns(condition: object, parser: object) -> tuple[str, ...] | None:
    match condition:
        case None | "":
            return ()
        case str() if parser in _GX_PARSERS and (column := _GX_CONDITION.match(condition)):
            return (column[1],)
        case {"conditions": list(parts)}:
            return _union(_condition_columns(part, parser) for part in parts)
        case {"column": {"name": str(name)}}:
            return (name,)
        case _:
            return None


def _union(parts: Iterable[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    columns: list[str] = []
    for part in parts:
        if part is None:
            return None
        columns += part
    return tuple(columns)


def _rows(*required: str, optional: tuple[str, ...] = (), needs_bound: bool = False) -> Kind:
    return Kind(required=("column", *required), optional=(*_MAP, *optional), needs_bound=needs_bound)


def _aggregate(*required: str, optional: tuple[str, ...] = ()) -> Kind:
    return Kind(required=("column", *required), optional=(*_CONDITION, *optional))


def _pair(*required: str, optional: tuple[str, ...] = ()) -> Kind:
    return Kind(required=("column_A", "column_B", *required), optional=(*_MAP, "ignore_row_if", *optional))


def _record(*required: str) -> Kind:
    return Kind(required=("column_list", *required), optional=(*_MAP, "ignore_row_if"))


def _schema(*required: str, optional: tuple[str, ...] = ()) -> Kind:
    return Kind(required=required, optional=optional, whole_schema=True)


CATALOGUE: Mapping[str, Kind] = {
    "expect_column_distinct_values_to_be_in_set": _aggregate("value_set"),
    "expect_column_distinct_values_to_contain_set": _aggregate("value_set"),
    "expect_column_distinct_values_to_equal_set": _aggregate("value_set"),
    "expect_column_kl_divergence_to_be_less_than": _aggregate(
        optional=(
            "partition_object",
            "threshold",
            "internal_weight_holdout",
            "tail_weight_holdout",
            "bucketize_data",
            "min_value",
            "max_value",
        )
    ),
    "expect_column_max_to_be_between": _aggregate(optional=_BOUNDS),
    "expect_column_mean_to_be_between": _aggregate(optional=_BOUNDS),
    "expect_column_median_to_be_between": _aggregate(optional=_BOUNDS),
    "expect_column_min_to_be_between": _aggregate(optional=_BOUNDS),
    "expect_column_most_common_value_to_be_in_set": _aggregate("value_set", optional=("ties_okay",)),
    "expect_column_pair_values_a_to_be_greater_than_b": _pair(optional=("or_equal",)),
    "expect_column_pair_values_to_be_equal": _pair(),
    "expect_column_pair_values_to_be_in_set": _pair("value_pairs_set"),
    "expect_column_proportion_of_non_null_values_to_be_between": _aggregate(optional=(*_BOUNDS, *_LIBRARY)),
    "expect_column_proportion_of_unique_values_to_be_between": _aggregate(optional=(*_BOUNDS, *_LIBRARY)),
    "expect_column_quantile_values_to_be_between": _aggregate(
        "quantile_ranges", optional=("allow_relative_error",)
    ),
    "expect_column_stdev_to_be_between": _aggregate(optional=_BOUNDS),
    "expect_column_sum_to_be_between": _aggregate(optional=_BOUNDS),
    "expect_column_to_exist": _schema("column", optional=("column_index",)),
    "expect_column_type_to_be": Kind(required=("column", "type_")),
    "expect_column_unique_value_count_to_be_between": _aggregate(optional=(*_BOUNDS, *_LIBRARY)),
    "expect_column_value_lengths_to_be_between": _rows(optional=_BOUNDS, needs_bound=True),
    "expect_column_value_lengths_to_equal": _rows("value"),
    "expect_column_value_z_scores_to_be_less_than": _rows("threshold", "double_sided"),
    "expect_column_values_to_be_between": _rows(optional=_BOUNDS, needs_bound=True),
    "expect_column_values_to_be_dateutil_parseable": _rows(optional=_LIBRARY),
    "expect_column_values_to_be_decreasing": _rows(optional=("strictly", *_LIBRARY)),
    "expect_column_values_to_be_in_set": _rows("value_set"),
    "expect_column_values_to_be_in_type_list": _rows(optional=("type_list",)),
    "expect_column_values_to_be_increasing": _rows(optional=("strictly", *_LIBRARY)),
    "expect_column_values_to_be_json_parseable": _rows(optional=_LIBRARY),
    "expect_column_values_to_be_null": _rows(),
    "expect_column_values_to_be_of_type": _rows("type_"),
    "expect_column_values_to_be_unique": _rows(),
    "expect_column_values_to_match_json_schema": _rows("json_schema", optional=_LIBRARY),
    "expect_column_values_to_match_like_pattern": _rows("like_pattern", optional=("escape",)),
    "expect_column_values_to_match_like_pattern_list": _rows(
        "like_pattern_list", optional=("match_on", "escape")
    ),
    "expect_column_values_to_match_regex": _rows(optional=("regex",)),
    "expect_column_values_to_match_regex_list": _rows("regex_list", optional=("match_on",)),
    "expect_column_values_to_match_strftime_format": _rows("strftime_format"),
    "expect_column_values_to_not_be_in_set": _rows("value_set"),
    "expect_column_values_to_not_be_null": _rows(),
    "expect_column_values_to_not_be_outliers": _rows(optional=("method", "multiplier")),
    "expect_column_values_to_not_match_like_pattern": _rows("like_pattern", optional=("escape",)),
    "expect_column_values_to_not_match_like_pattern_list": _rows("like_pattern_list", optional=("escape",)),
    "expect_column_values_to_not_match_regex": _rows("regex"),
    "expect_column_values_to_not_match_regex_list": _rows("regex_list"),
    "expect_compound_columns_to_be_unique": _record(),
    "expect_multicolumn_sum_to_equal": _record("sum_total"),
    "expect_multicolumn_values_to_be_equal": _record(),
    "expect_query_results_to_match_comparison": _schema(
        "base_query", "comparison_data_source_name", "comparison_query", optional=("mostly",)
    ),
    "expect_select_column_values_to_be_unique_within_record": _record(),
    "expect_table_column_count_to_be_between": _schema(optional=("min_value", "max_value")),
    "expect_table_column_count_to_equal": _schema("value"),
    "expect_table_columns_to_match_ordered_list": _schema(optional=("column_list",)),
    "expect_table_columns_to_match_set": _schema(optional=("column_set", "exact_match")),
    "expect_table_row_count_to_be_between": Kind(required=(), optional=(*_BOUNDS, *_CONDITION)),
    "expect_table_row_count_to_equal": Kind(required=("value",), optional=_CONDITION),
    "expect_table_row_count_to_equal_other_table": Kind(required=("other_table_name",), optional=_CONDITION),
    "unexpected_rows_expectation": _schema("unexpected_rows_query"),
}
