"""A night of too few or too many rows, as cron sees it: held against what is published."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import TaxiProject


@pytest.fixture
def watched(make_project: Callable[..., TaxiProject]) -> TaxiProject:
    """Seven published days of 40 rows, and a job that holds the next ones against them."""
    project = make_project(0, validate={"volume": {"against": "28d"}}, schedule={"timezone": "UTC"})
    for index in range(7):
        project.add_day(index, n_rows=40)
    assert project.cli("run", "taxi_tips").code == 0
    return project


def test_half_a_night_is_blocked_and_a_usual_one_is_published(watched: TaxiProject) -> None:
    watched.add_day(7, n_rows=19)
    before = watched.snapshot()
    blocked = watched.cli("run", "taxi_tips")
    assert blocked.code == 4
    assert (
        "2024-01-08 BLOCKED  19 rows read is 47.5 % of the median of the 28 days before, 2023-12-11 to "
        "2024-01-07 (40, of 7 published partitions); validate.volume allows 50 % less or more; "
        "nothing published" in blocked.stderr
    )
    assert watched.snapshot() == before

    watched.add_day(7, n_rows=60)
    usual = watched.cli("run", "taxi_tips")
    assert (usual.code, usual.stderr) == (0, "")
    assert len(watched.published(7)) == 60


def test_a_doubled_delivery_leaves_the_old_predictions_untouched(watched: TaxiProject) -> None:
    watched.add_day(7, n_rows=40)
    assert watched.cli("run", "taxi_tips").code == 0
    before = watched.snapshot()
    watched.add_day(7, n_rows=80)
    blocked = watched.cli("run", "taxi_tips")
    assert blocked.code == 4
    assert "80 rows read is 200 % of the median" in blocked.stderr
    assert "old predictions untouched" in blocked.stderr
    assert watched.snapshot() == before


def test_a_short_history_warns_and_what_a_run_publishes_is_none_for_itself(
    make_project: Callable[..., TaxiProject],
) -> None:
    oldest_first = {"timezone": "UTC", "catchup": {"order": "oldest_first"}}
    project = make_project(0, validate={"volume": {"against": "28d"}}, schedule=oldest_first)
    for index in range(7):
        project.add_day(index, n_rows=40)
    project.add_day(7, n_rows=4)  # published last, when seven are there: too late to count
    first = project.cli("run", "taxi_tips")
    assert first.code == 0
    assert len(project.published(7)) == 4
    warned = (
        "warning: 2024-01-08: validate.volume.against needs 7 published partitions of the 28 days before, "
        "2023-12-11 to 2024-01-07, and there are 0: only min_rows decided"
    )
    assert warned in first.stderr
    assert first.stderr.count("warning: ") == 8


def test_plan_shows_the_history_that_a_night_is_held_against(watched: TaxiProject) -> None:
    watched.add_day(7, n_rows=19)
    *entries, _summary = watched.cli("--json", "plan", "taxi_tips").lines
    by_partition = {line["partition"]: line["volume_baseline"] for line in entries}
    assert by_partition["ride_date=2024-01-08"] == {
        "first_day": "2023-12-11",
        "last_day": "2024-01-07",
        "n_published": 7,
        "median_rows": 40.0,
    }
    assert by_partition["ride_date=2024-01-07"] is None


def test_rows_are_counted_right_where_no_column_is_needed(make_project: Callable[..., TaxiProject]) -> None:
    """Two files of row groups of 200 and 100 rows; without suites a partition given up is only counted."""
    project = make_project(1, validate={"volume": {"min_rows": 601}})
    run = project.cli("run", "taxi_tips")
    assert run.code == 4
    assert "600 rows read" in run.stderr
