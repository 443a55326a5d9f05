"""Two, four, eight runs at once: one publishes a partition, the others leave it alone or find it done."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from tests import taxi
from tests.faults.conftest import TALLY, Run
from tests.faults.lake import Lake

_DAYS = 3


def _all_at_once(lake: Lake, arguments: Sequence[tuple[str, ...]]) -> list[taxi.Result]:
    running: list[Run] = [lake.start("run", "taxi_tips", *each) for each in arguments]
    ended = [run.wait() for run in running]
    for result in ended:
        assert "Traceback" not in result.stderr, result.stderr
        assert result.code in (0, 75), result.stderr
    TALLY["runs at once"] += len(ended)
    return ended


def _check(lake: Lake, n_generations: int) -> None:
    assert lake.run().code == 0  # what one left to another, and that one did not do
    lake.assert_settled()
    manifests = lake.state / "manifests" / "taxi_tips"
    for directory in manifests.iterdir():
        assert len(list(directory.iterdir())) == n_generations, "a partition was published twice"


@pytest.mark.parametrize("n_runs", [2, 4, 8])
def test_runs_on_the_same_new_partitions_publish_each_once(
    make_lake: Callable[..., Lake], n_runs: int
) -> None:
    lake = make_lake(_DAYS)
    _all_at_once(lake, [()] * n_runs)
    _check(lake, 1)


@pytest.mark.parametrize("n_runs", [2, 4, 8])
def test_runs_on_the_same_changed_partitions_replace_each_once(
    make_lake: Callable[..., Lake], n_runs: int
) -> None:
    lake = make_lake(_DAYS)
    assert lake.run().code == 0
    for index in range(_DAYS):
        lake.write_day(index, 1)
    _all_at_once(lake, [()] * n_runs)
    _check(lake, 2)


def test_runs_on_different_partitions_go_on_side_by_side(make_lake: Callable[..., Lake]) -> None:
    lake = make_lake(4)
    chosen = [("--partition", f"ride_date={day}") for day in taxi.days(4)]
    assert [result.code for result in _all_at_once(lake, chosen)] == [0, 0, 0, 0]
    lake.assert_settled()


def test_runs_on_an_empty_table_all_find_nothing(make_lake: Callable[..., Lake]) -> None:
    lake = make_lake(0)
    (lake.root / "data/lake/rides").mkdir(parents=True)
    assert {result.code for result in _all_at_once(lake, [()] * 4)} == {0}


def test_the_nightly_run_and_a_backfill_that_meet_share_the_work(make_lake: Callable[..., Lake]) -> None:
    lake = make_lake(6)
    days = taxi.days(6)
    backfill = lake.start("backfill", "taxi_tips", "--from", str(days[0]), "--to", str(days[-1]))
    nightly = lake.start("run", "taxi_tips", "--wait-lock", "1m")
    assert nightly.wait().code == 0
    assert backfill.wait().code in (0, 75)
    _check(lake, 1)


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("n_runs", [2, 4, 8])
def test_a_hundred_meetings(make_lake: Callable[..., Lake], n_runs: int) -> None:
    lake = make_lake(_DAYS)
    for version in range(1, 101):
        _all_at_once(lake, [()] * n_runs)
        _check(lake, version)
        for index in range(_DAYS):
            lake.write_day(index, version)
