"""What a hostile reviewer broke: runs that were taken for dead and go on, and records that are behind."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from tests import taxi
from tests.faults.conftest import Run
from tests.faults.lake import Lake
from tests.patience import wait_until_stopped

_LEASE = "set:lease_s=1"
DAY = "ride_date=2024-01-01"


def _stopped_at(lake: Lake, point: str, *arguments: str) -> Run:
    run = lake.start("run", "taxi_tips", *arguments, faults=f"stop:{point}:1,{_LEASE}")
    wait_until_stopped(run.pid)
    time.sleep(1.5)
    return run


def _go_on(run: Run) -> taxi.Result:
    os.kill(run.pid, signal.SIGCONT)
    ended = run.wait()
    assert "Traceback" not in ended.stderr
    assert "bug" not in ended.stderr, ended.stderr
    return ended


@pytest.mark.parametrize("format", ["parquet", "delta"])
@pytest.mark.parametrize("verb", ["unlock", "repair", "gc", "unpin"])
def test_whatever_takes_a_silent_run_over_fences_it(
    make_lake: Callable[..., Lake], format: str, verb: str
) -> None:
    lake = make_lake(1, format=format)
    assert lake.run().code == 0
    lake.write_day(0, 1)
    silent = _stopped_at(lake, "delta-before-commit" if format == "delta" else "before-exchange")
    options = {"gc": ("--older-than", "0s"), "unpin": ("--partition", "2024-01-01")}.get(verb, ())
    lake.cli(verb, "taxi_tips", *options, faults=_LEASE)
    lake.cli("repair", "taxi_tips", faults=_LEASE)
    assert _go_on(silent).code == 75
    assert lake.seen(0) == 0
    assert lake.run().code == 0
    lake.assert_settled()


def test_a_run_that_was_taken_for_dead_takes_no_further_partition(make_lake: Callable[..., Lake]) -> None:
    lake = make_lake(3)
    silent = _stopped_at(lake, "partition-scored")
    assert lake.cli("repair", "taxi_tips", faults=_LEASE).code == 0
    assert _go_on(silent).code == 75
    assert lake.run().code == 0
    lake.assert_settled()


@pytest.mark.parametrize("point", ["before-manifest", "after-manifest", "publishing-recorded"])
def test_a_late_run_never_touches_the_manifest_of_another(lake: Lake, point: str) -> None:
    assert lake.run().code == 0
    lake.write_day(0, 1)
    silent = _stopped_at(lake, point, "--partition", DAY)
    assert lake.run(faults=_LEASE).code == 0
    assert _go_on(silent).code == 75
    lake.assert_settled()


def test_a_ledger_from_a_backup_never_costs_a_manifest(make_lake: Callable[..., Lake]) -> None:
    lake = make_lake(1)
    assert lake.run().code == 0
    database, backup = lake.state / "ledger.db", lake.root / "backup.db"
    with closing(sqlite3.connect(database)) as ledger, closing(sqlite3.connect(backup)) as copy:
        ledger.backup(copy)
    lake.write_day(0, 1)
    assert lake.run().code == 0
    for file in lake.state.glob("ledger.db*"):
        file.unlink()
    shutil.copy(backup, database)
    manifests = sorted((lake.state / "manifests" / "taxi_tips" / DAY).iterdir())
    assert lake.cli("repair", "taxi_tips").code == 0
    assert lake.run().code == 6
    lake.cli("rollback", "taxi_tips", "--partition", "2024-01-01")
    assert sorted((lake.state / "manifests" / "taxi_tips" / DAY).iterdir()) == manifests
    assert lake.seen(0) == 1


def test_a_manifest_lost_before_anything_was_visible_stops_nobody(lake: Lake) -> None:
    assert lake.run(faults="kill:manifest-in-place:1").code == -signal.SIGKILL
    for manifest in (lake.state / "manifests").rglob("*.json"):
        manifest.unlink()
    assert lake.run().code == 0
    lake.assert_settled()


def test_a_rollback_that_fails_behind_the_exchange_says_that_it_is_done(
    make_lake: Callable[..., Lake],
) -> None:
    lake = make_lake(1, output={"keep_generations": 3})
    for version in (0, 1):
        lake.write_day(0, version)
        assert lake.run().code == 0
    done = lake.cli("rollback", "taxi_tips", "--partition", "2024-01-01", faults="error:after-exchange:1:EIO")
    assert done.code == 0, done.stderr
    assert lake.seen(0) == 0
    assert lake.cli("verify", "taxi_tips", "--deep").code == 0


def test_other_partition_keys_do_not_publish_every_row_twice(make_lake: Callable[..., Lake]) -> None:
    lake = make_lake(1)
    assert lake.run().code == 0
    data = lake.root / "data/lake"
    (data / "by_region/region=eu").mkdir(parents=True)
    shutil.move(data / "rides" / DAY, data / "by_region/region=eu" / DAY)
    lake.write_job(
        input={"path": "data/lake/by_region", "partition_by": {"region": "string", "ride_date": "date"}}
    )
    refused = lake.run()
    assert refused.code == 78
    assert "has published partitions by ride_date" in refused.stderr
