"""A state in an object store whose machine dies, or goes silent; another one goes on without its disk."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.faults.conftest import TALLY, Drivers, Run
from tests.faults.lake import N_ROWS, Lake
from tests.objectstore.fixtures import Bucket, environment_of
from tests.objectstore.proxy import Fault, Kind
from tests.objectstore.tables import TABLE, delta_rows, parquet_rows
from tests.patience import wait_for, wait_until_stopped
from tests.taxi import Result

DAY = "2024-01-01"
OLD, NEW = {DAY: N_ROWS}, {DAY: N_ROWS + 2}
MANIFESTS = "state/manifests/taxi_tips/*"
_LEASE_S = 1.0
_LEASE = f"set:lease_s={_LEASE_S}"


@dataclass(frozen=True, kw_only=True)
class Machines:
    """A day whose old version is published, and whose new one is due. Each machine has a disk of its own."""

    lake: Lake
    bucket: Bucket
    drivers: Drivers
    database: str

    def start(self, machine: str, *arguments: str, faults: str = "") -> Run:
        disk = {"XDG_STATE_HOME": str(self.lake.root / machine), "LEDGER_URL": self.database}
        env = {**environment_of(self.bucket.proxy.url), **disk}
        return self.drivers.start(self.lake.root, *arguments, faults=faults, env=env)

    def run(self, machine: str, faults: str = "") -> Result:
        return self.start(machine, "run", "taxi_tips", "--cluster", "inline", faults=faults).wait()

    def seen(self) -> dict[str, int]:
        return delta_rows(self.bucket)

    def kill(self, machine: str, faults: str) -> None:
        assert self.run(machine, faults).code == -signal.SIGKILL
        TALLY["kills at fault points"] += 1

    def assert_completed_on(self, machine: str) -> None:
        result = self.run(machine)
        assert result.code == 0, result.stderr
        assert self.seen() == NEW
        verified = self.start(machine, "verify", "taxi_tips", "--deep").wait()
        assert verified.code == 0, verified.stdout + verified.stderr
        with psycopg.connect(self.database.replace("+psycopg", "")) as ledger:
            for query in (
                "SELECT count(*) FROM generations WHERE state = 'publishing'",
                "SELECT count(*) FROM openings",
                "SELECT count(*) FROM leases",
                "SELECT count(*) FROM runs WHERE state = 'running'",
            ):
                assert ledger.execute(query).fetchone() == (0,), query
        assert not list(Path(self.lake.root / machine).rglob("*.parquet"))


def started(
    make_lake: Callable[..., Lake],
    drivers: Drivers,
    bucket: Bucket,
    database_url: str,
    format: str,
    **output: object,
) -> Machines:
    """One day is published, by the first machine."""
    lake = make_lake(
        1,
        format=format,
        output={
            "path": f"{bucket.url}/{TABLE}",
            "state": f"{bucket.url}/state",
            "state_db": "${LEDGER_URL}",
            "keep_generations": 1,
            **output,
        },
        compute={"chunk": "64MB"},
    )
    found = Machines(lake=lake, bucket=bucket, drivers=drivers, database=database_url)
    result = found.run("first")
    assert result.code == 0, result.stderr
    return found


@pytest.fixture
def machines(make_lake: Callable[..., Lake], drivers: Drivers, bucket: Bucket, database_url: str) -> Machines:
    found = started(make_lake, drivers, bucket, database_url, "delta")
    found.lake.write_day(0, 1)
    return found


@pytest.mark.parametrize(
    ("point", "seen"),
    [
        ("publishing-recorded", OLD),
        ("delta-after-commit", NEW),
        *(
            pytest.param(point, OLD, marks=pytest.mark.long)
            for point in ("chunk-recorded", "after-manifest", "manifest-in-place", "delta-files-moved")
        ),
    ],
)
def test_what_a_killed_machine_left_is_finished_or_undone_on_another(
    machines: Machines, point: str, seen: dict[str, int]
) -> None:
    machines.kill("first", f"kill:{point}:1")
    assert machines.seen() == seen
    machines.assert_completed_on("second")


@pytest.mark.parametrize(
    "point",
    [
        "delta-before-commit",
        *(
            pytest.param(point, marks=pytest.mark.long)
            for point in ("after-manifest", "publishing-recorded", "delta-files-moved")
        ),
    ],
)
def test_a_silent_machine_whose_work_another_took_over_publishes_nothing_any_more(
    machines: Machines, point: str
) -> None:
    silent = machines.start(
        "first", "run", "taxi_tips", "--cluster", "inline", faults=f"stop:{point}:1,{_LEASE}"
    )
    wait_until_stopped(silent.pid)
    time.sleep(_LEASE_S + 0.5)
    machines.lake.write_day(0, 0)
    assert machines.run("second", _LEASE).code == 0
    assert machines.seen() == OLD
    os.kill(silent.pid, signal.SIGCONT)
    ended = silent.wait()
    assert (ended.code, "Traceback" in ended.stderr) == (75, False), ended.stderr
    assert machines.seen() == OLD
    machines.lake.write_day(0, 1)
    machines.assert_completed_on("second")


def test_a_manifest_of_the_dead_that_arrives_late_is_of_a_number_that_nobody_uses(machines: Machines) -> None:
    place = f"{MANIFESTS}/2.json"
    machines.bucket.proxy.inject(Fault(kind=Kind.HELD, method="PUT", key=place))
    run = machines.start("first", "run", "taxi_tips", "--cluster", "inline")
    machines.bucket.proxy.wait_for_held()
    os.kill(run.pid, signal.SIGKILL)
    assert run.wait().code == -signal.SIGKILL
    TALLY["kills at fault points"] += 1
    machines.bucket.proxy.forget()
    assert machines.start("second", "repair", "taxi_tips").wait().code == 0
    n_before = machines.bucket.proxy.count(place)["PUT"]
    machines.bucket.proxy.let_go()
    wait_for(lambda: machines.bucket.proxy.count(place)["PUT"] > n_before)
    machines.assert_completed_on("second")


@dataclass(frozen=True, kw_only=True)
class NewDay:
    """Plain Parquet: one day is published, another is due."""

    machines: Machines
    SECOND = "2024-01-02"

    def seen(self) -> dict[str, int]:
        return parquet_rows(self.machines.bucket)

    def assert_completed_on(self, machine: str) -> None:
        result = self.machines.run(machine)
        assert result.code == 0, result.stderr
        assert self.seen() == {**OLD, self.SECOND: N_ROWS}
        verified = self.machines.start(machine, "verify", "taxi_tips", "--deep").wait()
        assert verified.code == 0, verified.stdout + verified.stderr
        assert self.machines.bucket.keys("state/staging") == []
        marked = [key for key in self.machines.bucket.keys(TABLE) if key.endswith("_SUCCESS")]
        assert len(marked) == len(self.seen())


@pytest.fixture
def new_day(make_lake: Callable[..., Lake], drivers: Drivers, bucket: Bucket, database_url: str) -> NewDay:
    found = started(make_lake, drivers, bucket, database_url, "parquet", success_marker=True)
    found.lake.write_day(1)
    return NewDay(machines=found)


@pytest.mark.parametrize(
    "point",
    [
        "chunk-handed-in",
        "publishing-recorded",
        "after-exchange",
        *(
            pytest.param(point, marks=pytest.mark.long)
            for point in ("chunk-recorded", "after-manifest", "manifest-in-place", "before-published")
        ),
    ],
)
def test_a_new_partition_of_plain_parquet_is_whole_on_another_machine_wherever_the_first_was_killed(
    new_day: NewDay, point: str
) -> None:
    new_day.machines.kill("first", f"kill:{point}:1")
    assert new_day.seen() in (OLD, {**OLD, new_day.SECOND: N_ROWS})
    new_day.assert_completed_on("second")


@pytest.mark.parametrize("point", ["publishing-recorded", "manifest-in-place", "chunk-handed-in"])
def test_a_silent_machine_has_nothing_left_to_show_of_plain_parquet(new_day: NewDay, point: str) -> None:
    machines = new_day.machines
    silent = machines.start(
        "first", "run", "taxi_tips", "--cluster", "inline", faults=f"stop:{point}:1,{_LEASE}"
    )
    wait_until_stopped(silent.pid)
    time.sleep(_LEASE_S + 0.5)
    assert machines.run("second", _LEASE).code == 0
    both = {**OLD, new_day.SECOND: N_ROWS}
    assert new_day.seen() == both
    os.kill(silent.pid, signal.SIGCONT)
    ended = silent.wait()
    assert (ended.code, "Traceback" in ended.stderr) == (75, False), ended.stderr
    assert new_day.seen() == both
    assert machines.start("second", "repair", "taxi_tips").wait().code == 0
    new_day.assert_completed_on("second")


@pytest.mark.long
def test_two_machines_at_once_share_the_days_among_them(machines: Machines) -> None:
    for index in (1, 2, 3):
        machines.lake.write_day(index)
    at_once = [
        machines.start(machine, "run", "taxi_tips", "--cluster", "inline") for machine in ("first", "second")
    ]
    ended = [run.wait() for run in at_once]
    assert {result.code for result in ended} <= {0, 75}, [result.stderr for result in ended]
    assert machines.run("second").code == 0
    assert machines.seen() == {**NEW, **{f"2024-01-0{day}": N_ROWS for day in (2, 3, 4)}}
    verified = machines.start("first", "verify", "taxi_tips", "--deep").wait()
    assert verified.code == 0, verified.stdout + verified.stderr
