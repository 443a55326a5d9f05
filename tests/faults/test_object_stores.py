"""kill -9 of a run that publishes into an object store, and requests that arrive when it is long dead."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.faults.conftest import TALLY, Drivers, Run
from tests.faults.lake import N_ROWS, Lake
from tests.objectstore.fixtures import Bucket, environment_of
from tests.objectstore.proxy import Fault, Kind
from tests.objectstore.tables import TABLE, delta_rows, delta_table, parquet_keys, parquet_rows
from tests.patience import wait_for
from tests.taxi import Result

DAY = "2024-01-01"
OLD, NEW = {DAY: N_ROWS}, {DAY: N_ROWS + 2}


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A day whose old version is published, and whose new one is due. rows: as readers see them."""

    lake: Lake
    bucket: Bucket
    drivers: Drivers
    rows: Callable[[Bucket], dict[str, int]]

    def start(self, *arguments: str, faults: str = "") -> Run:
        env = environment_of(self.bucket.proxy.url)
        return self.drivers.start(self.lake.root, *arguments, faults=faults, env=env)

    def run(self, faults: str = "") -> Result:
        return self.start("run", "taxi_tips", "--cluster", "inline", faults=faults).wait()

    def seen(self) -> dict[str, int]:
        return self.rows(self.bucket)

    def kill_held(self, key: str) -> None:
        """Kill a run whose PUT of a key is on its way, and stays there until the proxy lets it go."""
        self.bucket.proxy.inject(Fault(kind=Kind.HELD, method="PUT", key=key))
        run = self.start("run", "taxi_tips", "--cluster", "inline")
        self.bucket.proxy.wait_for_held()
        os.kill(run.pid, signal.SIGKILL)
        assert run.wait().code == -signal.SIGKILL
        self.bucket.proxy.forget()
        TALLY["kills at fault points"] += 1

    def let_go(self, key: str, n_asked: int) -> None:
        """What was held arrives. n_asked: how many such requests the store has had then."""
        self.bucket.proxy.let_go()
        wait_for(lambda: self.bucket.proxy.count(key)["PUT"] >= n_asked)

    def assert_completed(self) -> None:
        result = self.run()
        assert result.code == 0, result.stderr
        self.assert_settled()

    def assert_settled(self) -> None:
        assert self.seen() == NEW
        verified = self.start("verify", "taxi_tips", "--deep").wait()
        assert verified.code == 0, verified.stdout + verified.stderr
        assert self.lake.unfinished() == []
        assert not list((self.lake.state / "staging").rglob("*.parquet"))


@pytest.fixture
def stored(
    request: pytest.FixtureRequest, make_lake: Callable[..., Lake], drivers: Drivers, bucket: Bucket
) -> Stored:
    format, output = request.param
    lake = make_lake(
        1,
        format=format,
        output={"path": f"{bucket.url}/{TABLE}", "keep_generations": 1, **output},
        compute={"chunk": "64MB"},
    )
    rows = delta_rows if format == "delta" else parquet_rows
    found = Stored(lake=lake, bucket=bucket, drivers=drivers, rows=rows)
    if output.get("overwrite") != "refuse":
        assert found.run().code == 0
        lake.write_day(0, 1)
    return found


delta = pytest.mark.parametrize("stored", [("delta", {})], indirect=True)
in_place = pytest.mark.parametrize("stored", [("parquet", {"overwrite": "in_place"})], indirect=True)
new_only = pytest.mark.parametrize(
    "stored", [("parquet", {"overwrite": "refuse", "success_marker": True})], indirect=True
)


@delta
@pytest.mark.parametrize(("point", "seen"), [("delta-files-moved", OLD), ("delta-after-commit", NEW)])
def test_a_run_killed_around_its_commit_is_finished_or_undone_by_the_next(
    stored: Stored, point: str, seen: dict[str, int]
) -> None:
    assert stored.run(faults=f"kill:{point}:1").code == -signal.SIGKILL
    TALLY["kills at fault points"] += 1
    assert stored.seen() == seen
    stored.assert_completed()
    # Those of the generation before are kept for a rollback; there are no others.
    assert len(parquet_keys(stored.bucket)) == 2 * len(delta_table(stored.bucket).file_uris())


@delta
def test_a_commit_of_the_dead_that_arrives_late_finds_its_version_taken(stored: Stored) -> None:
    commits = f"{TABLE}/_delta_log/*.json"
    stored.kill_held(commits)
    assert stored.start("repair", "taxi_tips").wait().code == 0
    stored.let_go(commits, 2)  # that of the repair, and the late one
    assert stored.seen() == OLD
    stored.assert_completed()


@in_place
@pytest.mark.parametrize(("point", "seen"), [("between-renames", {}), ("after-exchange", NEW)])
def test_a_replacement_in_place_killed_anywhere_never_shows_two_generations(
    stored: Stored, point: str, seen: dict[str, int]
) -> None:
    assert stored.run(faults=f"kill:{point}:1").code == -signal.SIGKILL
    TALLY["kills at fault points"] += 1
    assert stored.seen() == seen
    stored.assert_completed()


@in_place
def test_a_replacement_that_was_killed_is_undone_where_nothing_is_due_any_more(stored: Stored) -> None:
    assert stored.run(faults="kill:between-renames:1").code == -signal.SIGKILL
    assert stored.start("repair", "taxi_tips").wait().code == 0
    assert stored.seen() == OLD


@new_only
def test_a_first_publish_killed_between_two_files_is_completed_and_a_late_one_changes_nothing(
    stored: Stored,
) -> None:
    second = f"{TABLE}/ride_date=*/part-00001-*"
    stored.lake.write_day(0, 1)
    stored.kill_held(second)
    assert not [key for key in stored.bucket.keys(TABLE) if key.endswith("_SUCCESS")]
    assert stored.start("repair", "taxi_tips").wait().code == 0
    assert stored.seen() == {}
    assert stored.run().code == 0
    stored.let_go(second, 2)
    stored.assert_settled()
    assert f"{TABLE}/ride_date={DAY}/_SUCCESS" in stored.bucket.keys(TABLE)
