"""Which rule stands for which type of expectation, and why some types have none."""

from __future__ import annotations

from collections.abc import Mapping

from batch_scorer.validation.streaming.rules.aggregates import AGGREGATES
from batch_scorer.validation.streaming.rules.distinct import DISTINCT
from batch_scorer.validation.streaming.rules.row_level import OrderRule, RowRule
from batch_scorer.validation.streaming.rules.rule import Rule
from batch_scorer.validation.streaming.rules.schemas import SCHEMAS
from batch_scorer.validation.streaming.rules.uniqueness import UniqueRule

RULES: Mapping[str, Rule] = {
    "expect_column_values_to_not_be_null": RowRule(metric="column_values.nonnull", of_nulls=True),
    "expect_column_values_to_be_null": RowRule(metric="column_values.null", of_nulls=True),
    "expect_column_values_to_be_between": RowRule(metric="column_values.between"),
    "expect_column_values_to_be_in_set": RowRule(metric="column_values.in_set"),
    "expect_column_values_to_not_be_in_set": RowRule(metric="column_values.not_in_set"),
    "expect_column_value_lengths_to_equal": RowRule(metric="column_values.value_length.equals"),
    "expect_column_value_lengths_to_be_between": RowRule(metric="column_values.value_length.between"),
    "expect_column_values_to_match_regex": RowRule(metric="column_values.match_regex"),
    "expect_column_values_to_not_match_regex": RowRule(metric="column_values.not_match_regex"),
    "expect_column_values_to_match_regex_list": RowRule(metric="column_values.match_regex_list"),
    "expect_column_values_to_not_match_regex_list": RowRule(metric="column_values.not_match_regex_list"),
    "expect_column_values_to_match_strftime_format": RowRule(metric="column_values.match_strftime_format"),
    "expect_column_values_to_be_dateutil_parseable": RowRule(metric="column_values.dateutil_parseable"),
    "expect_column_values_to_be_json_parseable": RowRule(metric="column_values.json_parseable"),
    "expect_column_values_to_match_json_schema": RowRule(metric="column_values.match_json_schema"),
    "expect_column_values_to_be_increasing": OrderRule(rising=True),
    "expect_column_values_to_be_decreasing": OrderRule(rising=False),
    "expect_column_pair_values_to_be_equal": RowRule(metric="column_pair_values.equal"),
    "expect_column_pair_values_a_to_be_greater_than_b": RowRule(metric="column_pair_values.a_greater_than_b"),
    "expect_column_pair_values_to_be_in_set": RowRule(
        metric="column_pair_values.in_set", ignores_conditions=True
    ),
    "expect_multicolumn_values_to_be_equal": RowRule(metric="multicolumn_values.equal"),
    "expect_multicolumn_sum_to_equal": RowRule(metric="multicolumn_sum.equal"),
    "expect_select_column_values_to_be_unique_within_record": RowRule(
        metric="select_column_values.unique.within_record"
    ),
    "expect_column_values_to_be_unique": UniqueRule(metric="column_values.unique"),
    "expect_compound_columns_to_be_unique": UniqueRule(metric="compound_columns.unique"),
    **AGGREGATES,
    **DISTINCT,
    **SCHEMAS,
}

_NO_PANDAS = "GX has no way to evaluate it on a data frame"
_WHOLE_COLUMN = "it compares each value with the whole column's own statistics"
NO_RULE: Mapping[str, str] = {
    "expect_column_values_to_match_like_pattern": _NO_PANDAS,
    "expect_column_values_to_match_like_pattern_list": _NO_PANDAS,
    "expect_column_values_to_not_match_like_pattern": _NO_PANDAS,
    "expect_column_values_to_not_match_like_pattern_list": _NO_PANDAS,
    "expect_query_results_to_match_comparison": _NO_PANDAS,
    "expect_table_row_count_to_equal_other_table": _NO_PANDAS,
    "unexpected_rows_expectation": _NO_PANDAS,
    "expect_column_value_z_scores_to_be_less_than": _WHOLE_COLUMN,
    "expect_column_values_to_not_be_outliers": _WHOLE_COLUMN,
    "expect_column_kl_divergence_to_be_less_than": "it bins the whole column",
}

NEVER_EVALUATED = frozenset(type_ for type_, why in NO_RULE.items() if why == _NO_PANDAS)
