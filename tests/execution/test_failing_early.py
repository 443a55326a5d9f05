"""A partition that is certain to be blocked costs no scoring, and its stored result is whole all the same."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from batch_scorer.execution import prepare
from batch_scorer.execution.tempo import Tempo
from batch_scorer.lake.storage.storage import LocalStorage
from batch_scorer.models.scoring.scorer import Scorer
from tests import taxi
from tests.conftest import TaxiProject

GROUP_ROWS = 100
pytestmark = pytest.mark.usefixtures("shared_judge", "row_groups_apart")


def an_expectation(type_: str, **kwargs: Any) -> dict[str, Any]:
    return {"type": type_, "kwargs": kwargs}


@pytest.fixture
def strict(make_project: Callable[..., TaxiProject]) -> Callable[..., TaxiProject]:
    """A project whose suite holds the given expectations; each row group is a chunk of its own."""

    def make(*expectations: dict[str, Any], **changes: Any) -> TaxiProject:
        project = make_project(
            0,
            validate={"input": [{"suite": "rides", "on_fail": "block"}], **changes},
            compute={"cluster": "inline", "chunk": "1KB"},
        )
        suites = project.root / "jobs" / "suites"
        suites.mkdir(exist_ok=True)
        (suites / "rides.json").write_text(json.dumps({"name": "rides", "expectations": list(expectations)}))
        return project

    return make


@pytest.fixture
def rows_scored(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each call of the model got."""
    calls: list[int] = []
    predict = Scorer.predict

    def counted(self: Scorer, features: pa.Table) -> Any:
        calls.append(features.num_rows)
        return predict(self, features)

    monkeypatch.setattr(Scorer, "predict", counted)
    return calls


def rewritten(project: TaxiProject, index: int, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """A day of one file in small row groups."""
    frame = change(taxi.rides(10 * GROUP_ROWS, seed=index))
    taxi.write_day(project.lake, taxi.days(index + 1)[index], frame, n_files=1, row_group=GROUP_ROWS)


def unexpected(project: TaxiProject) -> list[int]:
    """Of each expectation of the one stored result."""
    (stored,) = (project.state / "validation").rglob("*rides.json")
    return [one["result"]["unexpected_count"] for one in json.loads(stored.read_bytes())["results"]]


def test_nulls_that_a_footer_counts_block_before_a_row_is_scored(
    strict: Callable[..., TaxiProject], rows_scored: list[int]
) -> None:
    project = strict(an_expectation("expect_column_values_to_not_be_null", column="company"))
    companies = np.full(10 * GROUP_ROWS, "A", dtype=object)
    companies[0] = None
    rewritten(project, 0, lambda rides: rides.assign(company=companies))
    run = project.cli("run", "taxi_tips")
    assert run.code == 4
    assert "company not null fails for 0.1 %" in run.stderr
    assert rows_scored == []
    assert unexpected(project) == [1]


@pytest.mark.parametrize("bad", [-1.0, 1e6])
def test_a_bound_that_statistics_refute_blocks_before_a_row_is_scored(
    strict: Callable[..., TaxiProject], rows_scored: list[int], bad: float
) -> None:
    project = strict(
        an_expectation("expect_column_values_to_be_between", column="fare", min_value=0, max_value=500)
    )
    fares = np.full(10 * GROUP_ROWS, 9.5)
    fares[[7, 950]] = bad
    rewritten(project, 0, lambda rides: rides.assign(fare=fares))
    assert project.cli("run", "taxi_tips").code == 4
    assert rows_scored == []
    assert unexpected(project) == [2]


def test_a_row_count_that_cannot_be_blocks_before_a_row_is_scored(
    strict: Callable[..., TaxiProject], rows_scored: list[int]
) -> None:
    project = strict(an_expectation("expect_table_row_count_to_be_between", min_value=5_000))
    project.add_day(0)
    run = project.cli("run", "taxi_tips")
    assert (run.code, rows_scored) == (4, [])
    assert "row count at least 5000 fails: 600" in run.stderr


def test_too_few_rows_for_the_job_block_before_a_row_is_scored(
    strict: Callable[..., TaxiProject], rows_scored: list[int]
) -> None:
    project = strict(
        an_expectation("expect_table_row_count_to_be_between", min_value=1), volume={"min_rows": 601}
    )
    project.add_day(0)
    assert (project.cli("run", "taxi_tips").code, rows_scored) == (4, [])


def test_a_chunk_that_decides_stops_the_scoring_but_not_the_validation(
    strict: Callable[..., TaxiProject], rows_scored: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tempo, "seconds", lambda _self, _n_rows: 5.0)  # as long ones they go alone
    project = strict(an_expectation("expect_column_values_to_be_in_set", column="company", value_set=["A"]))
    companies = np.full(10 * GROUP_ROWS, "A", dtype=object)
    companies[[GROUP_ROWS + 3, 990]] = "B"
    rewritten(project, 0, lambda rides: rides.assign(company=companies))
    assert project.cli("run", "taxi_tips").code == 4
    assert GROUP_ROWS < sum(rows_scored) < 5 * GROUP_ROWS  # what was out already came back
    assert unexpected(project) == [2]


def test_a_share_that_can_still_be_kept_stops_nothing(
    strict: Callable[..., TaxiProject], rows_scored: list[int]
) -> None:
    project = strict(
        an_expectation("expect_column_values_to_be_in_set", column="company", value_set=["A"], mostly=0.9)
    )
    companies = np.full(10 * GROUP_ROWS, "A", dtype=object)
    companies[:GROUP_ROWS] = "B"
    rewritten(project, 0, lambda rides: rides.assign(company=companies))
    assert project.cli("run", "taxi_tips").code == 0
    assert sum(rows_scored) == 10 * GROUP_ROWS


def test_a_failing_rule_that_does_not_block_stops_nothing(
    strict: Callable[..., TaxiProject], rows_scored: list[int]
) -> None:
    warning = an_expectation("expect_column_values_to_be_in_set", column="company", value_set=["A"])
    project = strict({**warning, "severity": "warning"})
    rewritten(project, 0, lambda rides: rides.assign(company="B"))
    assert project.cli("run", "taxi_tips").code == 0
    assert sum(rows_scored) == 10 * GROUP_ROWS


def test_what_only_rounding_lets_pass_passes_in_footers_too(
    strict: Callable[..., TaxiProject], rows_scored: list[int]
) -> None:
    """GX compares integers with its bounds as floats, and so does the scan."""
    bound = an_expectation("expect_column_values_to_be_between", column="ride_id", max_value=2.0**53)
    project = strict(bound)
    ids = np.arange(10 * GROUP_ROWS)
    ids[-1] = 2**53 + 1
    rewritten(project, 0, lambda rides: rides.assign(ride_id=ids))
    assert project.cli("run", "taxi_tips").code == 0
    assert sum(rows_scored) == 10 * GROUP_ROWS


def test_a_footer_that_lies_publishes_nothing(
    strict: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = strict(an_expectation("expect_table_row_count_to_be_between", min_value=1))
    project.add_day(0)
    monkeypatch.setattr(prepare, "refuted", lambda *_: "fare between 0 and 500")
    run = project.cli("run", "taxi_tips")
    assert run.code == 1
    assert "say that this cannot hold: fare between 0 and 500; its rows do" in run.stderr
    assert project.snapshot() == {}


def test_footers_are_opened_once_whatever_they_refute(
    strict: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a store each look is a request or two; what a plan has seen goes with it."""
    project = strict(
        an_expectation("expect_column_values_to_be_between", column="fare", min_value=0, max_value=500),
        an_expectation("expect_column_values_to_not_be_null", column="company"),
    )
    rewritten(project, 0, lambda rides: rides.assign(fare=1e6))
    opened: list[str] = []
    open_file = LocalStorage.open

    def counted(self: LocalStorage, root: str, path: str) -> Any:
        caller = sys._getframe(1).f_code.co_filename
        if not caller.endswith(("reading/reader.py", "storage/hashing.py")):  # of the rows, and of all bytes
            opened.append(path)
        return open_file(self, root, path)

    monkeypatch.setattr(LocalStorage, "open", counted)
    assert project.cli("run", "taxi_tips").code == 4
    assert len(opened) == 1
