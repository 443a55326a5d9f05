"""What differs between two suites is told per expectation, and never when they check the same."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.validation import Suite
from batch_scorer.validation.suites.comparing import Difference, compare_suites
from batch_scorer.validation.suites.reading import suite_fingerprint
from tests.validation.conftest import document_of

BETWEEN, NOT_NULL = "expect_column_values_to_be_between", "expect_column_values_to_not_be_null"
IN_SET, EQUAL = "expect_column_values_to_be_in_set", "expect_column_value_lengths_to_equal"
UNIQUE, ORDERED = "expect_compound_columns_to_be_unique", "expect_table_columns_to_match_ordered_list"
FARE = (BETWEEN, {"column": "fare", "min_value": 0, "max_value": 500})


def suite(*expectations: tuple[Any, ...]) -> Suite:
    document = document_of(expectations)
    return Suite(
        name="rides",
        path="rides.json",
        document=document,
        fingerprint=suite_fingerprint(document),
        columns=None,
        n_expectations=len(expectations),
    )


def told(old: Suite, new: Suite) -> list[tuple[str, str, list[str]]]:
    return [
        (one.change, one.rule, [change.in_words for change in one.changes])
        for one in compare_suites(old, new)
    ]


def test_what_only_one_suite_has_was_added_or_removed() -> None:
    old, new = suite(FARE), suite((NOT_NULL, {"column": "fare"}))
    assert told(old, new) == [
        ("added", "fare not null", []),
        ("removed", "fare between 0 and 500", []),
    ]


def test_a_changed_argument_is_told_with_both_values() -> None:
    new = (BETWEEN, {"column": "fare", "max_value": 600, "mostly": 0.9}, "warning")
    assert told(suite(FARE), suite(new)) == [
        (
            "changed",
            "fare at most 600",
            [
                "min_value: 0 → not given",
                "max_value: 500 → 600",
                "severity: critical → warning",
                "mostly: not given → 0.9",
            ],
        )
    ]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (["a", "b"], ["b", "c"], "value_set: - a, + c"),
        (["a", "b"], ["b", "a"], "value_set: in another order"),
        (["a"], ["a", "a"], "value_set: + a"),
        ([1], [True], "value_set: - 1, + true"),
    ],
)
def test_of_a_list_it_is_told_what_left_and_what_came(old: list[Any], new: list[Any], words: str) -> None:
    kwargs = [{"column": "x", "value_set": values} for values in (old, new)]
    ((_, _, changes),) = told(*(suite((IN_SET, each)) for each in kwargs))
    assert changes == [words]


@pytest.mark.parametrize(
    ("type_", "one", "other"),
    [
        (NOT_NULL, {"column": "a"}, {"column": "b"}),
        (UNIQUE, {"column_list": ["a", "b"]}, {"column_list": ["a", "c"]}),
        (NOT_NULL, {"column": "a"}, {"column": "a", "row_condition": 'col("b") > 0'}),
    ],
)
def test_another_domain_is_another_expectation(
    type_: str, one: dict[str, Any], other: dict[str, Any]
) -> None:
    changes = [change for change, _, _ in told(suite((type_, one)), suite((type_, other)))]
    assert changes == ["added", "removed"]


def test_the_expected_columns_of_a_table_are_no_domain() -> None:
    old, new = (suite((ORDERED, {"column_list": names})) for names in (["a"], ["a", "b"]))
    assert told(old, new) == [("changed", "columns match list", ["column_list: + b"])]


def test_of_several_on_one_domain_the_equal_ones_drop_out_first() -> None:
    narrow = (BETWEEN, {"column": "fare", "min_value": 1, "max_value": 9, "mostly": 0.5})
    wide = (BETWEEN, {"column": "fare", "min_value": 1, "max_value": 99, "mostly": 0.5})
    assert told(suite(FARE, narrow), suite(wide, FARE)) == [
        ("changed", "fare between 1 and 99", ["max_value: 9 → 99"])
    ]


def test_a_difference_of_two_equal_expectations_cannot_be_made() -> None:
    (added,) = compare_suites(suite(), suite(FARE))
    with pytest.raises(ValueError, match="of both has some"):
        Difference(old=added.new, new=added.new)


def test_the_order_and_the_way_a_default_is_written_are_no_difference() -> None:
    written = (BETWEEN, {"column": "fare", "min_value": 0.0, "max_value": 500.0, "mostly": 1.0})
    unique = (NOT_NULL, {"column": "a"})
    assert told(suite(FARE, unique), suite(unique, written)) == []


EXPECTATIONS = st.one_of(
    st.tuples(
        st.just(IN_SET),
        st.fixed_dictionaries(
            {"column": st.sampled_from("ab"), "value_set": st.lists(st.sampled_from([0, 1, 1.0, True, "x"]))}
        ),
        st.sampled_from(["critical", "warning"]),
    ),
    st.tuples(
        st.just(EQUAL),
        st.fixed_dictionaries({"column": st.sampled_from("ab"), "value": st.sampled_from([1, 1.0, True, 2])}),
    ),
)


@given(old=st.lists(EXPECTATIONS, max_size=5), new=st.lists(EXPECTATIONS, max_size=5))
def test_there_are_differences_exactly_when_the_fingerprints_differ(
    old: list[tuple[Any, ...]], new: list[tuple[Any, ...]]
) -> None:
    one, other = suite(*old), suite(*new)
    assert bool(compare_suites(one, other)) == (one.fingerprint != other.fingerprint)


@given(expectations=st.lists(EXPECTATIONS, max_size=5), shuffle=st.randoms())
def test_a_suite_in_another_order_does_not_differ(
    expectations: list[tuple[Any, ...]], shuffle: Random
) -> None:
    shuffled = list(expectations)
    shuffle.shuffle(shuffled)
    assert compare_suites(suite(*expectations), suite(*shuffled)) == ()
