"""`validate`: GX's own results of a stream of batches, and an answer for what cannot be streamed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import batch_scorer.validation.api as api
from batch_scorer.validation import validate
from batch_scorer.validation.gx.process import NoAnswer
from tests.validation.conftest import LEFT_TO_GX, document_of, without_names

AskGx = Callable[..., dict[str, Any]]

_FARES = ("expect_column_values_to_be_between", {"column": "fare", "min_value": 0})
_SUITE = document_of(
    [
        ("expect_column_values_to_not_be_null", {"column": "ride_id"}),
        ("expect_column_values_to_be_unique", {"column": "ride_id"}),
        _FARES,
        ("expect_column_values_to_match_regex", {"column": "company", "regex": "^Cab [01]$"}),
        ("expect_column_mean_to_be_between", {"column": "fare", "min_value": 0, "max_value": 10}),
        ("expect_table_row_count_to_equal", {"value": 200}),
    ]
)


def _paths(result: dict[str, Any]) -> dict[str, str]:
    return {
        one["expectation_config"]["type"]: one["meta"]["batch_scorer"]["path"] for one in result["results"]
    }


def _generated(table: pa.Table) -> Iterator[pa.RecordBatch]:
    yield from table.to_batches(max_chunksize=37)


@pytest.mark.parametrize(
    "cut",
    [
        lambda table: [table],
        lambda table: [table.slice(0, 7), table.slice(7, 0), table.slice(7)],
        lambda table: table.to_batches(max_chunksize=50),
        _generated,
        lambda table: pa.RecordBatchReader.from_batches(table.schema, _generated(table)),
    ],
    ids=["table", "tables", "batches", "generator", "reader"],
)
def test_rows_may_come_in_any_form_and_the_result_is_gx_s_own(
    ask_gx: AskGx, rides: pa.Table, cut: Callable[[pa.Table], Iterable[Any]]
) -> None:
    wanted = {"result_format": "SUMMARY", "unexpected_index_column_names": ["ride_id"]}
    result = validate(_SUITE, cut(rides), result_format=wanted)
    assert without_names(result) == without_names(ask_gx(rides, _SUITE, wanted))


def test_a_suite_may_be_a_dict_a_file_or_gx_s_own_object(gx: Any, rides: pa.Table, tmp_path: Path) -> None:
    file = tmp_path / "rides.json"
    file.write_text(json.dumps(_SUITE))
    suite = gx.ExpectationSuite(**json.loads(json.dumps(_SUITE)))
    first, *others = [without_names(validate(one, [rides])) for one in (_SUITE, file, str(file))]
    assert all(other == first for other in others)
    by_object = validate(suite, [rides])
    assert by_object["statistics"] == first["statistics"]
    assert [one["result"] for one in by_object["results"]] == [one["result"] for one in first["results"]]


def test_a_batch_of_another_schema_is_refused(rides: pa.Table) -> None:
    other = rides.set_column(1, "fare", rides["fare"].cast(pa.float32()))
    with pytest.raises(ValueError, match="another schema"):
        validate(_SUITE, [rides, other])


def test_without_a_batch_there_is_no_schema_to_validate() -> None:
    with pytest.raises(ValueError, match="there is no batch"):
        validate(_SUITE, [])


def test_an_empty_table_is_validated_as_gx_validates_it(ask_gx: AskGx, rides: pa.Table) -> None:
    empty = rides.slice(0, 0)
    ours, theirs = validate(_SUITE, [empty]), ask_gx(empty, _SUITE, {"result_format": "SUMMARY"})
    assert without_names(ours) == without_names(theirs)


@pytest.mark.parametrize(
    ("own", "given", "success"),
    [({"lowest": -5}, None, True), ({}, {"lowest": -5}, True), ({"lowest": -5}, {"lowest": 0}, False)],
    ids=["in the suite", "given", "both"],
)
def test_parameters_are_put_in_and_those_given_win(
    rides: pa.Table, own: dict[str, Any], given: dict[str, Any] | None, success: bool
) -> None:
    rule = ("expect_column_values_to_be_between", {"column": "fare", "min_value": {"$PARAMETER": "lowest"}})
    suite = {**document_of([rule]), "suite_parameters": own}
    result = validate(suite, [rides], suite_parameters=given)
    (one,) = result["results"]
    assert result["success"] is one["success"] is success
    assert one["expectation_config"]["kwargs"]["min_value"] == {**own, **(given or {})}["lowest"]
    assert one["meta"]["batch_scorer"] == {"path": "streamed"}


@pytest.mark.usefixtures("shared_judge")
@pytest.mark.parametrize("rule", [_FARES, LEFT_TO_GX], ids=["streamed", "gx"])
def test_a_complete_result_is_gx_s_own(ask_gx: AskGx, rides: pa.Table, rule: tuple[Any, ...]) -> None:
    wanted = {"result_format": "COMPLETE", "unexpected_index_column_names": ["ride_id"]}
    suite = document_of([rule])
    ours = validate(suite, [rides], result_format=wanted)
    assert without_names(ours) == without_names(ask_gx(rides, suite, wanted))


@pytest.mark.usefixtures("shared_judge")
@pytest.mark.parametrize(
    "rule",
    [
        _FARES,
        (
            "expect_column_value_z_scores_to_be_less_than",
            {"column": "fare", "threshold": -9, "double_sided": False},
        ),
    ],
    ids=["streamed", "gx"],
)
def test_a_complete_result_lists_no_more_than_ten_thousand_rows_and_says_so(rule: tuple[Any, ...]) -> None:
    n_rows = 10_050
    table = pa.table({"ride_id": np.arange(n_rows), "fare": -1.0 - np.arange(n_rows)})
    wanted = {"result_format": "COMPLETE", "unexpected_index_column_names": ["ride_id"]}
    (one,) = validate(document_of([rule]), table.to_batches(max_chunksize=999), result_format=wanted)[
        "results"
    ]
    assert one["result"]["unexpected_count"] == n_rows
    listed = one["result"]["unexpected_index_list"]
    assert [row["ride_id"] for row in listed] == list(range(10_000))
    assert one["meta"]["batch_scorer"]["unexpected_index_list"] == "the first 10,000 of 10,050 rows"


def test_unexpected_rows_are_included_when_they_are_asked_for(ask_gx: AskGx, rides: pa.Table) -> None:
    wanted = {"result_format": "SUMMARY", "include_unexpected_rows": True}
    suite = document_of([_FARES])
    ours = validate(suite, rides.to_batches(max_chunksize=60), result_format=wanted)
    theirs = ask_gx(rides, suite, wanted)
    assert ours["results"][0]["result"]["unexpected_rows"]
    assert without_names(ours) == without_names(theirs)


@pytest.mark.usefixtures("shared_judge")
def test_what_is_left_to_gx_is_in_the_result_and_says_so(ask_gx: AskGx, rides: pa.Table) -> None:
    suite = document_of([_FARES, LEFT_TO_GX])
    result = validate(suite, _generated(rides))
    assert _paths(result) == {_FARES[0]: "streamed", LEFT_TO_GX[0]: "gx"}
    assert "whole column" in result["results"][1]["meta"]["batch_scorer"]["why"]
    assert without_names(result) == without_names(ask_gx(rides, suite, {"result_format": "SUMMARY"}))


@pytest.mark.usefixtures("shared_judge")
@pytest.mark.parametrize(
    "type_",
    ["expect_column_values_to_match_like_pattern", "expect_column_values_to_not_match_like_pattern"],
)
def test_what_gx_cannot_evaluate_on_a_data_frame_is_not_evaluated_and_never_a_success(
    rides: pa.Table, type_: str
) -> None:
    holds = ("expect_column_values_to_not_be_null", {"column": "ride_id"})
    suite = document_of([(type_, {"column": "company", "like_pattern": "Cab%"}), holds])
    result = validate(suite, [rides])
    assert _paths(result) == {type_: "not evaluated", holds[0]: "streamed"}
    assert not result["success"]
    by_type = {one["expectation_config"]["type"]: one["success"] for one in result["results"]}
    assert by_type == {type_: False, holds[0]: True}


def test_a_custom_expectation_is_found_where_the_caller_s_imports_are(
    rides: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "expect_column_max_to_be_below_its_limit.py").write_text(
        "from great_expectations.expectations import ExpectColumnMaxToBeBetween\n"
        "class ExpectColumnMaxToBeBelowItsLimit(ExpectColumnMaxToBeBetween):\n"
        "    max_value: float = 100\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    suite = document_of([("expect_column_max_to_be_below_its_limit", {"column": "fare"}), _FARES])
    result = validate(suite, rides.to_batches(max_chunksize=50))
    assert _paths(result) == {"expect_column_max_to_be_below_its_limit": "gx", _FARES[0]: "streamed"}
    assert [one["success"] for one in result["results"]] == [False, False]
    assert result["results"][0]["result"]["observed_value"] == 199.0


@pytest.mark.usefixtures("shared_judge")
def test_an_expectation_that_nobody_knows_is_told(rides: pa.Table) -> None:
    with pytest.raises(NoAnswer, match="No module named 'expect_nothing_known'"):
        validate(document_of([("expect_nothing_known", {})]), [rides])


def test_a_column_too_large_for_the_memory_bound_costs_only_what_is_left_to_gx(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(api, "_GX_MAX_BYTES", 600_000_000)
    batch = pa.record_batch({"ride_id": np.zeros(1_000_000, dtype=np.int64)})
    suite = document_of(
        [
            LEFT_TO_GX,
            ("expect_column_values_to_not_be_null", {"column": "ride_id"}),
            ("expect_column_values_to_be_between", {"column": "ride_id", "max_value": -1}),
            ("expect_table_row_count_to_equal", {"value": 80_000_000}),
        ]
    )
    result = validate(suite, (batch for _ in range(80)))
    assert list(_paths(result).values()) == ["not evaluated", "streamed", "streamed", "streamed"]
    by_type = {one["expectation_config"]["type"]: one for one in result["results"]}
    assert [one["success"] for one in by_type.values()] == [False, True, False, True]
    assert by_type["expect_column_values_to_be_between"]["result"]["unexpected_count"] == 80_000_000
    assert "memory bound 0.6 GB" in json.dumps(by_type[LEFT_TO_GX[0]]["exception_info"])
