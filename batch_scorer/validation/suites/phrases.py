"""What an expectation asks, in the words a person would use: `fare between 0 and 500`. Pure."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from batch_scorer.core.visible import visible

_MAX_LISTED = 5

# Braces name an argument; {bounds} joins min_value, max_value and their strictness.
_PHRASES: Mapping[str, str] = {
    "expect_column_distinct_values_to_be_in_set": "distinct values of {column} in {value_set}",
    "expect_column_distinct_values_to_contain_set": "distinct values of {column} contain {value_set}",
    "expect_column_distinct_values_to_equal_set": "distinct values of {column} equal {value_set}",
    "expect_column_kl_divergence_to_be_less_than": "KL divergence of {column} less than {threshold}",
    "expect_column_max_to_be_between": "max of {column} {bounds}",
    "expect_column_mean_to_be_between": "mean of {column} {bounds}",
    "expect_column_median_to_be_between": "median of {column} {bounds}",
    "expect_column_min_to_be_between": "min of {column} {bounds}",
    "expect_column_most_common_value_to_be_in_set": "most common value of {column} in {value_set}",
    "expect_column_pair_values_a_to_be_greater_than_b": "{column_A} {greater} {column_B}",
    "expect_column_pair_values_to_be_equal": "{column_A} equal to {column_B}",
    "expect_column_pair_values_to_be_in_set": "({column_A}, {column_B}) in {value_pairs_set}",
    "expect_column_proportion_of_non_null_values_to_be_between": "share of non-null {column} {bounds}",
    "expect_column_proportion_of_unique_values_to_be_between": "share of unique {column} {bounds}",
    "expect_column_quantile_values_to_be_between": "quantiles of {column} within their ranges",
    "expect_column_stdev_to_be_between": "standard deviation of {column} {bounds}",
    "expect_column_sum_to_be_between": "sum of {column} {bounds}",
    "expect_column_to_exist": "column {column} exists",
    "expect_column_type_to_be": "type of {column} is {type_}",
    "expect_column_unique_value_count_to_be_between": "number of distinct {column} {bounds}",
    "expect_column_value_lengths_to_be_between": "length of {column} {bounds}",
    "expect_column_value_lengths_to_equal": "length of {column} equal to {value}",
    "expect_column_value_z_scores_to_be_less_than": "z-score of {column} less than {threshold}",
    "expect_column_values_to_be_between": "{column} {bounds}",
    "expect_column_values_to_be_dateutil_parseable": "{column} readable as a date",
    "expect_column_values_to_be_decreasing": "{column} decreasing",
    "expect_column_values_to_be_in_set": "{column} in {value_set}",
    "expect_column_values_to_be_in_type_list": "type of {column} in {type_list}",
    "expect_column_values_to_be_increasing": "{column} increasing",
    "expect_column_values_to_be_json_parseable": "{column} readable as JSON",
    "expect_column_values_to_be_null": "{column} null",
    "expect_column_values_to_be_of_type": "type of {column} is {type_}",
    "expect_column_values_to_be_unique": "{column} unique",
    "expect_column_values_to_match_json_schema": "{column} matches its JSON schema",
    "expect_column_values_to_match_like_pattern": "{column} like {like_pattern}",
    "expect_column_values_to_match_like_pattern_list": "{column} like {match_on} of {like_pattern_list}",
    "expect_column_values_to_match_regex": "{column} matches {regex}",
    "expect_column_values_to_match_regex_list": "{column} matches {match_on} of {regex_list}",
    "expect_column_values_to_match_strftime_format": "{column} in the format {strftime_format}",
    "expect_column_values_to_not_be_in_set": "{column} not in {value_set}",
    "expect_column_values_to_not_be_null": "{column} not null",
    "expect_column_values_to_not_be_outliers": "{column} without outliers",
    "expect_column_values_to_not_match_like_pattern": "{column} not like {like_pattern}",
    "expect_column_values_to_not_match_like_pattern_list": "{column} not like any of {like_pattern_list}",
    "expect_column_values_to_not_match_regex": "{column} does not match {regex}",
    "expect_column_values_to_not_match_regex_list": "{column} does not match any of {regex_list}",
    "expect_compound_columns_to_be_unique": "{column_list} unique together",
    "expect_multicolumn_sum_to_equal": "sum of {column_list} equal to {sum_total}",
    "expect_multicolumn_values_to_be_equal": "{column_list} equal to each other",
    "expect_query_results_to_match_comparison": "query results match {comparison_data_source_name}",
    "expect_select_column_values_to_be_unique_within_record": "{column_list} different within a row",
    "expect_table_column_count_to_be_between": "column count {bounds}",
    "expect_table_column_count_to_equal": "column count equal to {value}",
    "expect_table_columns_to_match_ordered_list": "columns match list",
    "expect_table_columns_to_match_set": "columns match set",
    "expect_table_row_count_to_be_between": "row count {bounds}",
    "expect_table_row_count_to_equal": "row count equal to {value}",
    "expect_table_row_count_to_equal_other_table": "row count equal to that of {other_table_name}",
    "unexpected_rows_expectation": "no row found by the query",
}


def rule_in_words(type_: str, kwargs: Mapping[str, Any]) -> str:
    """One line without a verdict; a type that GX does not know is told from its name."""
    phrase = _PHRASES.get(type_)
    text = _own_phrase(type_, kwargs) if phrase is None else phrase.format_map(_parts(kwargs))
    condition = kwargs.get("row_condition")
    return f"{text} where {_condition(condition)}" if condition else text


def value_in_words(value: Any) -> str:
    """A number without a needless fraction, a list cut after a few items, everything else as JSON would."""
    match value:
        case bool() | None:
            return json.dumps(value)
        case float() if value.is_integer() and abs(value) < 2**53:
            return str(int(value))
        case int() | float():
            return f"{value:.6g}" if isinstance(value, float) else str(value)
        case str():
            return visible(value)
        case Mapping():
            return ", ".join(f"{name} {value_in_words(member)}" for name, member in value.items())
        case list() | tuple():
            shown = ", ".join(value_in_words(item) for item in value[:_MAX_LISTED])
            return f"[{shown}{f', … {len(value)} in all' if len(value) > _MAX_LISTED else ''}]"
        case _:
            return str(value)


def _parts(kwargs: Mapping[str, Any]) -> defaultdict[str, str]:
    parts = defaultdict(lambda: "…", {name: value_in_words(value) for name, value in kwargs.items()})
    if isinstance(columns := kwargs.get("column_list"), Sequence):
        parts["column_list"] = ", ".join(columns)
    parts["bounds"] = _bounds(kwargs)
    parts["greater"] = "at least" if kwargs.get("or_equal") else "greater than"
    parts["match_on"] = str(kwargs.get("match_on") or "any")
    return parts


def _bounds(kwargs: Mapping[str, Any]) -> str:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    strict_low, strict_high = kwargs.get("strict_min"), kwargs.get("strict_max")
    at_least = f"{'more than' if strict_low else 'at least'} {value_in_words(low)}"
    at_most = f"{'less than' if strict_high else 'at most'} {value_in_words(high)}"
    if low is None:
        return "anything" if high is None else at_most
    if high is None:
        return at_least
    if strict_low or strict_high:
        return f"{at_least} and {at_most}"
    return f"between {value_in_words(low)} and {value_in_words(high)}"


def _condition(condition: Any) -> str:
    match condition:
        case {"type": ("and" | "or") as joint, "conditions": list(parts)}:
            return f" {joint} ".join(
                f"({_condition(part)})" if "conditions" in part else _condition(part) for part in parts
            )
        case {"type": "nullity", "column": {"name": name}, "is_null": is_null}:
            return f"{name} is {'null' if is_null else 'not null'}"
        case {"column": {"name": name}, "operator": operator, "parameter": parameter}:
            return f"{name} {str(operator).lower().replace('_', ' ')} {value_in_words(parameter)}"
        case {"pass_through_filter": text}:
            return str(text)
        case _:
            return str(condition)


def _own_phrase(type_: str, kwargs: Mapping[str, Any]) -> str:
    """`fare, column values to be even` for `expect_column_values_to_be_even`."""
    words = type_.removeprefix("expect_").replace("_", " ")
    column = kwargs.get("column")
    return f"{column}, {words}" if column else words
