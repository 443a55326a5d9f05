"""Input that changes while it is scored: the attempt is given up, and the next run takes what is there."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

from tests import taxi
from tests.faults.conftest import Run
from tests.faults.lake import Lake
from tests.patience import wait_until_stopped

POINTS = ["generation-opened", "chunk-read", "partition-scored"]


def _stopped_at(lake: Lake, point: str) -> Run:
    run = lake.start("run", "taxi_tips", faults=f"stop:{point}:1")
    wait_until_stopped(run.pid)
    return run


def _go_on(run: Run) -> taxi.Result:
    os.kill(run.pid, signal.SIGCONT)
    return run.wait()


@pytest.mark.parametrize("point", POINTS)
def test_a_partition_that_is_rewritten_meanwhile_is_not_published_and_is_stale(
    make_lake: Callable[..., Lake], point: str
) -> None:
    lake = make_lake(1)
    assert lake.run().code == 0
    lake.write_day(0, 1)
    run = _stopped_at(lake, point)
    lake.write_day(0, 2)
    ended = _go_on(run)
    assert ended.code == 1, ended.stderr
    assert "changed" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert lake.seen(0) == 0  # what readers saw before
    assert "stale: input changed" in lake.cli("plan", "taxi_tips").stdout
    assert lake.run().code == 0
    lake.assert_settled()


def test_a_file_that_arrives_meanwhile_is_not_left_out(make_lake: Callable[..., Lake]) -> None:
    lake = make_lake(1)
    run = _stopped_at(lake, "partition-scored")
    directory = lake.root / "data/lake/rides/ride_date=2024-01-01"
    late = directory / "part-0.parquet"
    (directory / "part-7.parquet").write_bytes(late.read_bytes())
    ended = _go_on(run)
    assert ended.code == 1
    assert "part-7.parquet" in ended.stderr
    assert lake.seen(0) is None


def test_a_partition_whose_marker_or_rest_is_missing_waits(make_lake: Callable[..., Lake]) -> None:
    lake = make_lake(1)
    lake.write_job(input={"ready": {"marker": "_SUCCESS", "min_age": "1h"}})
    assert lake.run().code == 75
    (lake.root / "data/lake/rides/ride_date=2024-01-01/_SUCCESS").touch()
    waits = lake.run()
    assert waits.code == 75
    assert "min_age" in waits.stderr
    for path in (lake.root / "data/lake/rides").rglob("*.parquet"):
        os.utime(path, (time.time() - 7200,) * 2)
    assert lake.run().code == 0
    assert lake.seen(0) == 0
