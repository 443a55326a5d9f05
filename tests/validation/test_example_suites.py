"""The suites of the taxi example: GX would save them as they are; they tell a good night from a bad one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from batch_scorer.core.validation import Suite, SuiteVerdict
from batch_scorer.validation.suites.reading import load_suite
from batch_scorer.validation.verdicts import verdict_from_gx
from tests.validation.conftest import request_for

_SUITES = Path(__file__).parents[2] / "jobs" / "suites"
_N_ROWS = 2_000


def _night(share_of_bad_fares: float) -> pa.Table:
    """A night with missing companies, zero fares and no ride's position known now and then."""
    rng = np.random.default_rng(7)
    fare = np.where(rng.random(_N_ROWS) < 0.01, 0.0, rng.lognormal(2.3, 0.5, _N_ROWS))
    bad = np.arange(_N_ROWS) < share_of_bad_fares * _N_ROWS
    unknown = rng.random(_N_ROWS) < 0.01
    hours = np.arange(_N_ROWS) % 24
    return pa.table(
        {
            "ride_id": np.arange(_N_ROWS),
            "started_at": pa.array(1_710_000_000 + hours * 3600, pa.timestamp("s")).cast("timestamp[us]"),
            "trip_miles": rng.lognormal(0.5, 0.5, _N_ROWS),
            "trip_seconds": rng.uniform(60, 3600, _N_ROWS),
            "fare": np.where(bad, -fare - 1, fare),
            "trip_start_hour": hours,
            "pickup_latitude": pa.array(np.full(_N_ROWS, 41.88), mask=unknown),
            "pickup_longitude": pa.array(np.full(_N_ROWS, -87.63), mask=unknown),
            "payment_type": np.where(hours % 2, "Cash", "Credit Card"),
            "company": pa.array(["Flash Cab"] * _N_ROWS, mask=rng.random(_N_ROWS) < 0.35),
        }
    )


@pytest.fixture
def judge(ask_gx: Callable[..., dict[str, Any]]) -> Callable[[Suite, pa.Table], SuiteVerdict]:
    def verdict(suite: Suite, table: pa.Table) -> SuiteVerdict:
        result_format = {"result_format": "SUMMARY", "unexpected_index_column_names": ["ride_id"]}
        result = ask_gx(table, dict(suite.document), result_format)
        return verdict_from_gx(result, request_for(suite, ()), 0.1)

    return verdict


@pytest.mark.parametrize("name", ["rides_input", "predictions"])
def test_an_example_suite_is_gx_json_exactly_as_gx_saves_it(gx: Any, name: str) -> None:
    saved = json.loads((_SUITES / f"{name}.json").read_text())
    assert load_suite(_SUITES / f"{name}.json").name == saved["name"]
    suite = gx.ExpectationSuite(**json.loads(json.dumps(saved)))
    assert json.loads(json.dumps(suite.to_json_dict())) == saved


def test_a_good_night_passes(judge: Callable[..., SuiteVerdict]) -> None:
    verdict = judge(load_suite(_SUITES / "rides_input.json"), _night(0.0))
    assert verdict.success, verdict.failed


@pytest.mark.parametrize("share", [0.08, 0.4])
def test_a_night_of_bad_fares_is_blocked_by_the_fare_rule_alone(
    judge: Callable[..., SuiteVerdict], share: float
) -> None:
    verdict = judge(load_suite(_SUITES / "rides_input.json"), _night(share))
    assert verdict.blocks
    assert [failure.summary for failure in verdict.failed] == [
        f"fare between 0 and 500 fails for {share * 100:.0f} % (limit 1 %)"
    ]
    assert verdict.failed[0].examples[:2] == ("ride_id 0", "1")


def test_predictions_outside_a_probability_are_blocked(judge: Callable[..., SuiteVerdict]) -> None:
    suite = load_suite(_SUITES / "predictions.json")
    good = pa.table({"ride_id": [1, 2], "big_tip_score": [0.0, 1.0], "big_tip": [False, True]})
    assert judge(suite, good).success
    bad = pa.table({"ride_id": [1, 2], "big_tip_score": [0.5, 1.5], "big_tip": [True, None]})
    assert [failure.summary for failure in judge(suite, bad).failed] == [
        "big_tip_score between 0 and 1 fails for 50 %",
        "big_tip not null fails for 50 %",
    ]
