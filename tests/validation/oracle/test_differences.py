"""docs/validation.md says what is streamed, and where our numbers differ from GX's: both are tried here."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from tests.validation.oracle.oracle import Json, Oracle, expectation
from tests.validation.oracle.streamed_table import table

PAGE = Path(__file__).parents[3] / "docs" / "validation.md"
_BASIC: Json = {"result_format": "BASIC"}


def test_the_page_lists_what_is_streamed() -> None:
    """After a change: python -m tests.validation.oracle.streamed_table, and paste."""
    assert table() in PAGE.read_text(encoding="utf-8")


def _seen(oracle: Oracle, values: pa.Array, one: Json) -> tuple[Json, Json]:
    """(our result, GX's result)"""
    result = oracle.compare(pa.table({"v": values}), [one], _BASIC)
    different = [difference for difference in result.differences if difference.why == "results"]
    assert different, "no longer a difference: strike it from docs/validation.md"
    return different[0].ours, different[0].theirs


def test_large_integers_next_to_nulls_are_not_rounded(oracle: Oracle) -> None:
    values = pa.array([2**53, 2**53 + 1, None], pa.int64())
    one = expectation("expect_column_unique_value_count_to_be_between", column="v", min_value=2)
    ours, theirs = _seen(oracle, values, one)
    assert (ours["observed_value"], theirs["observed_value"]) == (2, 1)


@pytest.mark.parametrize(("type_", "large"), [("int32", 2**31 - 1), ("int64", 2**63 - 1)])
def test_steps_between_integers_do_not_overflow(oracle: Oracle, type_: str, large: int) -> None:
    values = pa.array([-2, large, large], type_)
    one = expectation("expect_column_values_to_be_increasing", column="v")
    ours, theirs = _seen(oracle, values, one)
    assert (ours["unexpected_count"], theirs["unexpected_count"]) == (0, 1)


@pytest.mark.parametrize("name", ["sum", "mean"])
def test_sums_are_rounded_once(oracle: Oracle, name: str) -> None:
    values = pa.array([1e16, 1.0, -1e16, 1e308, -1e308, 3.0])
    one = expectation(f"expect_column_{name}_to_be_between", column="v", min_value=0)
    ours, theirs = _seen(oracle, values, one)
    assert ours["observed_value"] == {"sum": 4.0, "mean": 4 / 6}[name] != theirs["observed_value"]


def test_squares_of_large_numbers_do_not_overflow(oracle: Oracle) -> None:
    values = pa.array([1e200, -1e200])
    ours, theirs = _seen(
        oracle, values, expectation("expect_column_stdev_to_be_between", column="v", min_value=0)
    )
    assert ours["observed_value"] < theirs["observed_value"] == float("inf")


def test_large_integers_next_to_each_other_do_not_cancel_out(oracle: Oracle) -> None:
    """GX holds both as the same float."""
    one = expectation("expect_column_stdev_to_be_between", column="v", min_value=0, strict_min=True)
    ours, theirs = _seen(oracle, pa.array([2**53, 2**53 + 1], pa.int64()), one)
    assert (ours["observed_value"], theirs["observed_value"]) == (pytest.approx(0.5**0.5), 0.0)
