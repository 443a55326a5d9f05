"""The catalogue against the installed Great Expectations, and the columns it finds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from batch_scorer.validation.suites.catalogue import CATALOGUE, DEFAULTS, RUNTIME_KWARGS, columns_of
from tests.validation.conftest import document_of

_BESIDE_KWARGS = {"id", "meta", "notes", "description", "rendered_content", "severity"}


@pytest.fixture(scope="module")
def installed(gx: Any) -> dict[str, Any]:
    """type → {argument: pydantic field}, of what GX registers by itself."""
    from great_expectations.expectations.registry import (
        get_expectation_impl,
        list_registered_expectation_implementations,
    )

    types = list_registered_expectation_implementations()
    ours = {t: get_expectation_impl(t) for t in types}
    return {
        t: {name: f for name, f in impl.__fields__.items() if name not in _BESIDE_KWARGS}
        for t, impl in ours.items()
        if impl.__module__.startswith("great_expectations.")
    }


def test_the_catalogue_holds_exactly_the_expectations_of_the_installed_gx(installed: dict[str, Any]) -> None:
    assert set(CATALOGUE) == set(installed)
    assert len(CATALOGUE) == 59


def test_every_argument_and_every_required_one_is_that_of_the_installed_gx(installed: dict[str, Any]) -> None:
    for type_, fields in installed.items():
        kind = CATALOGUE[type_]
        assert set(kind.required) == {name for name, f in fields.items() if f.required}, type_
        assert set(kind.kwargs) | RUNTIME_KWARGS >= set(fields), type_
        assert set(kind.kwargs) - set(fields) == set(), type_


def test_every_default_that_gx_leaves_out_when_saving_is_known(installed: dict[str, Any]) -> None:
    for type_, fields in installed.items():
        for name, f in fields.items():
            if not f.required and f.default is not None and name not in RUNTIME_KWARGS:
                assert f.default in DEFAULTS[name], (type_, name)


def test_gx_refuses_exactly_those_without_bounds_that_we_refuse(gx: Any) -> None:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    refused = set()
    for type_, kind in CATALOGUE.items():
        if kind.required == ("column",) and "min_value" in kind.kwargs:
            try:
                ExpectationConfiguration(type=type_, kwargs={"column": "a"}).to_domain_obj()
            except ValueError:
                refused.add(type_)
    assert refused == {type_ for type_, kind in CATALOGUE.items() if kind.needs_bound}


def test_columns_come_from_single_pair_and_list_arguments_each_once() -> None:
    document = document_of(
        [
            ("expect_column_values_to_not_be_null", {"column": "a"}),
            ("expect_column_pair_values_to_be_equal", {"column_A": "b", "column_B": "a"}),
            ("expect_compound_columns_to_be_unique", {"column_list": ["c", "b"]}),
            ("expect_table_row_count_to_be_between", {"min_value": 1}),
        ]
    )
    assert columns_of(document) == ("a", "b", "c")


def test_columns_of_a_row_condition_saved_by_gx_are_read_too(gx: Any) -> None:
    from great_expectations.expectations.row_conditions import Column

    condition = (Column("b") == 1) | (Column("c").is_null() & Column("d").is_in(["x"]))
    expectation = gx.expectations.ExpectColumnValuesToBeUnique(column="a", row_condition=condition)
    suite = gx.ExpectationSuite(name="s", expectations=[expectation])
    document = json.loads(json.dumps(suite.to_json_dict()))
    assert columns_of(document) == ("a", "b", "c", "d")


def test_a_condition_in_gx_text_names_its_column_and_one_in_pandas_text_needs_the_whole_table() -> None:
    def document(parser: str, condition: str) -> dict[str, Any]:
        kwargs = {"column": "a", "row_condition": condition, "condition_parser": parser}
        return document_of([("expect_column_values_to_be_unique", kwargs)])

    assert columns_of(document("great_expectations", 'col("b") > 5')) == ("a", "b")
    assert columns_of(document("pandas", "b > 5 and c == 1")) is None


@pytest.mark.parametrize(
    ("type_", "kwargs"),
    [
        ("expect_table_columns_to_match_set", {"column_set": ["a"]}),
        ("expect_table_column_count_to_equal", {"value": 3}),
        ("expect_column_to_exist", {"column": "a"}),
        ("expect_column_values_to_be_even", {"column": "a"}),  # a custom one may read anything
    ],
)
def test_expectations_about_the_schema_and_custom_ones_need_the_whole_table(
    type_: str, kwargs: dict[str, Any]
) -> None:
    assert columns_of(document_of([(type_, kwargs)])) is None
