"""Expectations over the partitions of a run: one answer each, that names where it does not hold."""

from __future__ import annotations

from batch_scorer.core.validation import OnFail
from batch_scorer.ops.emitting.expectations import expectations
from tests.ops.emitting import told
from tests.ops.emitting.told import FARE, NOT_NULL


def test_one_that_fails_anywhere_fails_and_names_the_partition() -> None:
    not_null, fare = expectations(told.outcomes())
    assert (not_null.success, not_null.found) == (True, "holds in all 2 partitions")
    assert (fare.success, fare.found) == (False, "fails in 1 of 2 partitions: 2024-03-09")
    assert (fare.type, fare.column, fare.suite, fare.stage) == (
        "expect_column_values_to_be_between",
        "fare",
        "rides",
        "input",
    )


def test_two_of_one_type_and_column_are_two() -> None:
    wide = {**FARE, "kwargs": {**FARE["kwargs"], "max_value": 1000}}
    verdict = told.verdict((FARE, False), (wide, True))
    assert [one.success for one in expectations([told.published(8, verdicts=(verdict,))])] == [False, True]


def test_one_is_the_same_whether_gx_rendered_it_or_not() -> None:
    rendered = {**NOT_NULL, "kwargs": {**NOT_NULL["kwargs"], "batch_id": "b", "parse": None}}
    (one,) = expectations(
        [
            told.published(8, verdicts=(told.verdict((NOT_NULL, True)),)),
            told.published(9, verdicts=(told.verdict((rendered, True)),)),
        ]
    )
    assert one.n_partitions == 2


def test_whether_a_failure_stops_the_partition_is_said_where_that_is_certain() -> None:
    mild = {**FARE, "severity": "warning"}
    uses = [told.verdict((NOT_NULL, True), (mild, True), on_fail=on_fail) for on_fail in OnFail]
    stops = {
        verdict.on_fail: [one.stops for one in expectations([told.published(8, verdicts=(verdict,))])]
        for verdict in uses
    }
    assert stops == {
        OnFail.BLOCK: [True, False],
        OnFail.WARN: [False, False],
        OnFail.QUARANTINE: [None, None],
    }


def test_a_suite_without_any_answer_does_not_hold() -> None:
    silent = told.verdict(success=False, not_evaluated="out of memory")
    (one,) = expectations([told.published(8, verdicts=(silent,))])
    assert (one.type, one.column, one.success) == ("suite", None, False)
