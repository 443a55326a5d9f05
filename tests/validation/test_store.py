"""Stored validation results: GX's own JSON, read back as the verdict they were."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from batch_scorer.core.durable import NewNames
from batch_scorer.core.errors import DamageFound
from batch_scorer.core.kept_files import KeptOnDisk
from batch_scorer.core.validation import OnFail
from batch_scorer.validation.gx.rendering import native_result
from batch_scorer.validation.store import ValidationStore
from batch_scorer.validation.verdicts import verdict_from_gx, verdict_that_holds, verdict_without_answer
from tests.validation.conftest import SuiteMaker, evidence_of, request_for, without_names


def test_a_stored_verdict_comes_back_as_it_was_and_the_file_is_gx_json(
    ask_gx: Callable[..., dict[str, Any]], rides: pa.Table, make_suite: SuiteMaker, tmp_path: Path
) -> None:
    suite = make_suite(("expect_column_values_to_be_unique", {"column": "ride_id"}))
    result = ask_gx(rides, suite.document, {"result_format": "SUMMARY"})
    verdict = verdict_from_gx(json.loads(json.dumps(result)), request_for(suite, ()), 0.1)
    store = ValidationStore(KeptOnDisk(tmp_path))
    path = store.write("taxi_tips", "ride_date=2024-01-01/city=a%2Fb", "01JQ8Z", verdict, NewNames())
    assert path == "validation/taxi_tips/ride_date=2024-01-01/city=a%2Fb/01JQ8Z-input-rides.json"
    assert store.read(path) == verdict
    from great_expectations.core.expectation_validation_result import expectationSuiteValidationResultSchema

    loaded = expectationSuiteValidationResultSchema.load(json.loads((tmp_path / path).read_text()))
    assert loaded["statistics"]["unsuccessful_expectations"] == 1


def test_a_verdict_that_needed_no_gx_comes_back_and_gx_renders_its_own_result_from_it(
    ask_gx: Callable[..., dict[str, Any]], rides: pa.Table, make_suite: SuiteMaker, tmp_path: Path
) -> None:
    suite = make_suite(
        ("expect_column_values_to_be_between", {"column": "fare", "min_value": 0, "mostly": 0.7}),
        ("expect_column_values_to_be_unique", {"column": "ride_id", "mostly": 0.9}),
        ("expect_column_median_to_be_between", {"column": "passengers", "min_value": 0}),
        ("expect_column_distinct_values_to_be_in_set",
         {"column": "company", "value_set": ["Cab 0", "Cab 1", "Cab 2", "Cab 3"]}),
    )  # fmt: skip
    request = request_for(suite, ())
    verdict = verdict_that_holds(evidence_of(suite, rides, request.format), request, 0.1)
    store = ValidationStore(KeptOnDisk(tmp_path))
    stored = store.read(store.write("j", "d=1", "r", verdict, NewNames()))
    assert stored == verdict
    assert (stored.success, stored.result) == (True, None)
    theirs = ask_gx(rides, suite.document, request.format)
    assert without_names(dict(native_result(stored))) == without_names(theirs)


def test_a_passed_result_of_before_there_was_evidence_is_read(
    ask_gx: Callable[..., dict[str, Any]], rides: pa.Table, make_suite: SuiteMaker, tmp_path: Path
) -> None:
    suite = make_suite(("expect_column_values_to_not_be_null", {"column": "ride_id"}))
    result = json.loads(json.dumps(ask_gx(rides, suite.document, {"result_format": "SUMMARY"})))
    note = {
        "suite": "rides",
        "fingerprint": "703db6775edb",
        "on_fail": "block",
        "stage": "input",
        "success": True,
        "not_evaluated": None,
        "seconds": 0.132,
    }
    result["meta"]["batch_scorer"] = note
    (tmp_path / "old.json").write_text(json.dumps(result, indent=1))
    verdict = ValidationStore(KeptOnDisk(tmp_path)).read("old.json")
    assert (verdict.success, verdict.failed, verdict.evidence) == (True, (), None)
    assert native_result(verdict)["results"] == result["results"]


def test_a_verdict_without_an_answer_is_stored_as_such(make_suite: SuiteMaker, tmp_path: Path) -> None:
    suite = make_suite(("expect_column_values_to_be_unique", {"column": "ride_id"}))
    verdict = verdict_without_answer("killed", request_for(suite, (), on_fail=OnFail.WARN), 1.5)
    store = ValidationStore(KeptOnDisk(tmp_path))
    assert store.read(store.write("j", "d=1", "r", verdict, NewNames())) == verdict
    assert (verdict.success, verdict.not_evaluated) == (False, "killed")


def test_storing_leaves_no_other_file_behind(make_suite: SuiteMaker, tmp_path: Path) -> None:
    suite = make_suite(("expect_column_values_to_be_unique", {"column": "ride_id"}))
    root = tmp_path / "state"
    store = ValidationStore(KeptOnDisk(root))
    paths = [
        store.write("j", "d=1", "r", verdict_without_answer(w, request_for(suite, ()), 0.0), NewNames())
        for w in "ab"
    ]
    assert [str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()] == paths[:1]
    assert store.read(paths[0]).not_evaluated == "b"


@pytest.mark.parametrize("content", [None, "", "{}", '{"meta": {"batch_scorer": {}}}', "[1]"])
def test_a_stored_result_that_is_gone_or_damaged_is_damage(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "x.json").write_text(content)
    with pytest.raises(DamageFound) as caught:
        ValidationStore(KeptOnDisk(tmp_path)).read("x.json")
    assert caught.value.where == str(tmp_path / "x.json")
