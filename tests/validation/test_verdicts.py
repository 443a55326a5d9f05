"""Verdicts from results that Great Expectations really gave, and from ones it gives on bad days."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.validation import Severity, Suite, SuiteVerdict
from batch_scorer.validation.suites.catalogue import CATALOGUE
from batch_scorer.validation.suites.phrases import rule_in_words
from batch_scorer.validation.verdicts import verdict_from_gx
from tests.validation.conftest import SuiteMaker, document_of, request_for

Judge = Callable[..., SuiteVerdict]

_SUMMARY = {"result_format": "SUMMARY", "unexpected_index_column_names": ["ride_id"]}
_VALUES: Mapping[str, Any] = {
    "column": "fare",
    "column_A": "fare",
    "column_B": "tip",
    "column_list": ["fare", "tip"],
    "column_set": ["fare"],
    "min_value": 0,
    "max_value": 500,
    "value_set": ["a", "b"],
    "value_pairs_set": [["a", "b"]],
    "type_": "float64",
    "value": 3,
    "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[0, 1]]},
}


@pytest.fixture
def judge(ask_gx: Callable[..., dict[str, Any]], rides: pa.Table, make_suite: SuiteMaker) -> Judge:
    """Expectations → the verdict on the rides, from GX's own result."""

    def verdict(*expectations: tuple[Any, ...]) -> SuiteVerdict:
        suite = make_suite(*expectations)
        result = ask_gx(rides, suite.document, _SUMMARY)
        return verdict_from_gx(json.loads(json.dumps(result)), request_for(suite, ()), 0.1)

    return verdict


@pytest.mark.parametrize(
    ("type_", "kwargs", "summary"),
    [
        (
            "expect_column_values_to_be_between",
            {"column": "fare", "min_value": 0, "max_value": 500},
            "fare between 0 and 500 fails for 25 %",
        ),
        (
            "expect_column_values_to_be_between",
            {"column": "fare", "min_value": 0, "strict_min": True, "mostly": 0.99},
            "fare more than 0 fails for 25 % (limit 1 %)",
        ),
        ("expect_column_values_to_not_be_null", {"column": "company"}, "company not null fails for 20 %"),
        ("expect_column_values_to_be_unique", {"column": "ride_id"}, "ride_id unique fails for 1 %"),
        (
            "expect_column_values_to_be_in_set",
            {"column": "company", "value_set": ["Cab 0", "Cab 1"]},
            "company in [Cab 0, Cab 1] fails for 33.1 %",
        ),
        ("expect_table_row_count_to_be_between", {"min_value": 1000}, "row count at least 1000 fails: 200"),
        (
            "expect_column_max_to_be_between",
            {"column": "fare", "max_value": 100, "strict_max": True},
            "max of fare less than 100 fails: 199",
        ),
        (
            "expect_table_columns_to_match_set",
            {"column_set": ["ride_id", "tip"], "exact_match": False},
            "columns match set fails: missing [tip]",
        ),
        (
            "expect_table_columns_to_match_set",
            {"column_set": ["ride_id", "fare", "passengers", "company"]},
            "columns match set fails: unexpected [started_at]",
        ),
        (
            "expect_table_columns_to_match_ordered_list",
            {"column_list": ["ride_id", "tip"]},
            "columns match list fails: expected tip, found fare",
        ),
        ("expect_column_to_exist", {"column": "tip"}, "column tip exists fails"),
        (
            "expect_column_values_to_be_of_type",
            {"column": "fare", "type_": "int64"},
            "type of fare is int64 fails: float64",
        ),
        (
            "expect_column_pair_values_a_to_be_greater_than_b",
            {"column_A": "fare", "column_B": "ride_id", "or_equal": True},
            "fare at least ride_id fails for 25 %",
        ),
        (
            "expect_column_values_to_be_between",
            {
                "column": "fare",
                "min_value": 0,
                "row_condition": {
                    "type": "comparison",
                    "column": {"name": "company"},
                    "operator": "==",
                    "parameter": "Cab 1",
                },
            },
            "fare at least 0 where company == Cab 1 fails for 25.9 %",
        ),
    ],
)
def test_a_failure_is_told_in_plain_words(judge: Judge, type_: str, kwargs: Any, summary: str) -> None:
    verdict = judge((type_, kwargs))
    assert [failure.summary for failure in verdict.failed] == [summary]
    assert (verdict.success, verdict.blocks, verdict.not_evaluated) == (False, True, None)


def test_a_failure_counts_the_share_of_rows_tested_and_shows_keys(judge: Judge) -> None:
    (failure,) = judge(
        ("expect_column_values_to_be_between", {"column": "fare", "min_value": 0}, "warning")
    ).failed
    assert (failure.share, failure.n_unexpected, failure.severity) == (0.25, 50, Severity.WARNING)
    assert ", ".join(failure.examples[:2]) == "ride_id 0, 4"


def test_without_a_key_the_unexpected_values_are_the_examples(
    ask_gx: Callable[..., dict[str, Any]], rides: pa.Table, make_suite: SuiteMaker
) -> None:
    suite = make_suite(
        ("expect_column_values_to_not_be_in_set", {"column": "company", "value_set": ["Cab 1"]})
    )
    result = ask_gx(rides, suite.document, {"result_format": "SUMMARY"})
    (failure,) = verdict_from_gx(result, request_for(suite, ()), 0.1).failed
    assert failure.examples == ("Cab 1",)


def test_a_suite_that_holds_passes_and_says_nothing(judge: Judge) -> None:
    verdict = judge(
        ("expect_column_values_to_be_between", {"column": "fare", "min_value": 0, "mostly": 0.7}),
        ("expect_column_values_to_not_be_null", {"column": "ride_id"}),
    )
    assert (verdict.success, verdict.failed, verdict.not_evaluated, verdict.blocks) == (True, (), None, False)


def test_a_failing_warning_fails_the_suite_but_does_not_block(judge: Judge) -> None:
    verdict = judge(("expect_column_values_to_not_be_null", {"column": "company"}, "warning"))
    assert (verdict.success, verdict.blocks) == (False, False)


def test_critical_failures_come_before_warnings(judge: Judge) -> None:
    verdict = judge(
        ("expect_column_values_to_not_be_null", {"column": "company"}, "warning"),
        ("expect_column_values_to_be_unique", {"column": "ride_id"}),
    )
    assert [failure.severity for failure in verdict.failed] == [Severity.CRITICAL, Severity.WARNING]


@pytest.mark.parametrize(
    ("type_", "kwargs", "why"),
    [
        ("expect_column_values_to_be_unique", {"column": "tip"}, 'tip unique: The column "tip" in BatchData'),
        (
            "expect_column_values_to_match_like_pattern",
            {"column": "company", "like_pattern": "Cab%"},
            "company like Cab%: No provider found",
        ),
    ],
)
def test_an_expectation_that_raised_makes_the_suite_not_evaluated_and_blocks(
    judge: Judge, type_: str, kwargs: dict[str, Any], why: str
) -> None:
    verdict = judge((type_, kwargs), ("expect_column_values_to_not_be_null", {"column": "ride_id"}))
    assert verdict.not_evaluated is not None
    assert verdict.not_evaluated.startswith(why)
    assert (verdict.success, verdict.failed, verdict.blocks) == (False, (), True)


def test_a_result_with_fewer_expectations_than_the_suite_never_passes(
    ask_gx: Callable[..., dict[str, Any]], rides: pa.Table, make_suite: SuiteMaker
) -> None:
    holds = ("expect_column_values_to_not_be_null", {"column": "ride_id"})
    result = ask_gx(rides, document_of([holds]), _SUMMARY)
    assert result["success"]
    suite = make_suite(holds, ("expect_column_values_to_be_unique", {"column": "ride_id"}))
    verdict = verdict_from_gx(result, request_for(suite, ()), 0.1)
    assert not verdict.success
    assert verdict.not_evaluated == "GX evaluated 1 of 2 expectations"


def test_every_expectation_of_gx_has_words_of_its_own_without_gaps() -> None:
    told = set()
    for type_, kind in CATALOGUE.items():
        words = rule_in_words(
            type_, {name: _VALUES.get(name, "x") for name in kind.kwargs if name != "row_condition"}
        )
        assert "…" not in words, type_
        assert "_" not in words.replace("BatchData", ""), type_
        told.add(words)
    # The type of a column can be asked for in two ways.
    assert len(told) == len(CATALOGUE) - 1


def test_a_custom_expectation_is_told_from_its_name() -> None:
    assert rule_in_words("expect_column_values_to_be_even", {"column": "fare"}) == (
        "fare, column values to be even"
    )


_RESULTS = st.fixed_dictionaries(
    {},
    optional={
        "unexpected_percent": st.none() | st.floats(0, 100),
        "unexpected_count": st.integers(0, 10),
        "observed_value": st.none() | st.floats() | st.text() | st.lists(st.integers()),
        "partial_unexpected_list": st.lists(st.none() | st.floats() | st.text() | st.lists(st.integers())),
        "partial_unexpected_index_list": st.none() | st.lists(st.integers()),
        "details": st.none() | st.just({"mismatched": {"missing": ["a"]}}),
    },
)


@given(st.sampled_from(sorted(CATALOGUE)), _RESULTS, st.sampled_from([None, 0, 0.99, 1]))
def test_whatever_gx_answers_a_failure_is_one_readable_line(
    type_: str, result: dict[str, Any], mostly: float | None
) -> None:
    kwargs = {name: _VALUES.get(name, "x") for name in CATALOGUE[type_].required} | {"mostly": mostly}
    suite = _suite_of(document_of([(type_, kwargs)]))
    config = {"type": type_, "kwargs": kwargs, "severity": "info"}
    gx_result = {
        "success": False,
        "results": [{"success": False, "expectation_config": config, "result": result}],
    }
    (failure,) = verdict_from_gx(gx_result, request_for(suite, ()), 0.0).failed
    assert " fails" in failure.summary
    assert failure.severity is Severity.INFO
    percent = result.get("unexpected_percent")
    if percent is not None and 0 < percent < 100:
        assert " for 0 %" not in failure.summary
        assert " for 100 %" not in failure.summary


def _suite_of(document: dict[str, Any]) -> Suite:
    return Suite(
        name="rides",
        path="rides.json",
        document=document,
        fingerprint="f",
        columns=None,
        n_expectations=len(document["expectations"]),
    )
