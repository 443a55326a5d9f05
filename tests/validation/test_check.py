"""A suite against the columns of the data it will meet."""

from __future__ import annotations

from batch_scorer.validation.suites.check import check_columns
from tests.validation.conftest import SuiteMaker


def test_columns_that_the_data_lacks_are_told_once_with_the_nearest_name(make_suite: SuiteMaker) -> None:
    suite = make_suite(
        ("expect_column_values_to_not_be_null", {"column": "fair"}),
        ("expect_column_values_to_be_unique", {"column": "fair"}),
        ("expect_column_to_exist", {"column": "zzz"}),
        ("expect_table_columns_to_match_set", {"column_set": ["unchecked"]}),
        ("expect_column_values_to_be_unique", {"column": "ride_id"}),
    )
    assert check_columns(suite, ["ride_id", "fare"]) == (
        'suite rides: column "fair" (expect_column_values_to_not_be_null) is not in the data; '
        'did you mean "fare"?',
        'suite rides: column "zzz" (expect_column_to_exist) is not in the data',
    )


def test_a_suite_that_fits_the_data_has_no_problems(make_suite: SuiteMaker) -> None:
    suite = make_suite(("expect_column_pair_values_to_be_equal", {"column_A": "a", "column_B": "b"}))
    assert check_columns(suite, ["b", "a", "c"]) == ()
