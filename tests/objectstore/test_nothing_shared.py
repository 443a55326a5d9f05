"""Workers in processes of their own that share no directory with the driver: all is kept in a bucket."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests import taxi
from tests.conftest import TaxiProject
from tests.dask_processes import DaskProcesses
from tests.execution.dirty import FARE_RULE, PAID, expectation, rules_by_ride, soil, write_suite
from tests.objectstore.fixtures import Bucket, environment_of
from tests.objectstore.projects import upload
from tests.objectstore.proxy import Fault, Kind
from tests.objectstore.tables import TABLE, delta_table, parquet_keys
from tests.patience import WAIT_S, wait_for

pytestmark = pytest.mark.usefixtures("shared_judge")

N_WORKERS, N_DAYS, N_ROWS = 3, 3, 600
VALIDATE = {
    "input": [
        {"suite": "rides_input", "on_fail": "quarantine"},
        {"suite": "unique", "on_fail": "block"},
    ]
}
UNIQUE = expectation("expect_column_values_to_be_unique", column="ride_id")
Z_SCORES = expectation(
    "expect_column_value_z_scores_to_be_less_than", column="score", threshold=50, double_sided=True
)


@dataclass(frozen=True, kw_only=True)
class Apart:
    """A scheduler and workers. home: where each worker has a directory of its own. hidden: what none sees."""

    processes: DaskProcesses
    home: Path
    hidden: Path
    _of: dict[Path, subprocess.Popen[bytes]] = field(default_factory=dict)

    def add_worker(self, own: Path | None = None) -> None:
        """Its scratch, its temporary files and its working directory are its own. own: of one that died."""
        own = own or Path(tempfile.mkdtemp(dir=self.home, prefix="worker-"))
        (own / "tmp").mkdir(exist_ok=True)
        env = {name: text for name, text in environment_of("").items() if name != "AWS_ENDPOINT_URL"}
        env |= {"TMPDIR": str(own / "tmp"), "HOME": str(own), "XDG_STATE_HOME": str(own / "state")}
        prefix = ("unshare", "-m", "sh", "-c", f'mount -t tmpfs tmpfs "{self.hidden}" && exec "$@"', "sh")
        may_mount = subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
        n_before = len(self.processes.workers)
        options = {"prefix": prefix} if may_mount else {}
        process = self.processes.add_worker("--nthreads", "1", env=env, cwd=own, **options)
        self.processes.wait_for_workers(n_before + 1)
        self._of[own] = process

    @property
    def address(self) -> str:
        return self.processes.address

    def kill_one_at_work(self) -> Path:
        """The process of a worker that has files of its own at the moment. Returns: its directory."""
        busy = self.home / self.left_over()[0].relative_to(self.home).parts[0]
        process = self._of[busy]
        process.kill()
        process.wait()
        self.processes.workers.remove(process)
        return busy

    def left_over(self) -> list[Path]:
        """What tries at chunks left, or are at work at, on the workers' disks."""
        assert not list(self.home.glob("worker-*/tmp/batch-scorer-*"))  # which nobody would look through
        found = self.home.glob("worker-*/dask-scratch-space/worker-*/batch-scorer-*")
        return [path for path in found if path.name != "batch-scorer-code"]


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apart]:
    """Workers that see an empty directory where tests make their projects, if this user may mount one."""
    hidden = tmp_path_factory.getbasetemp()
    with tempfile.TemporaryDirectory(dir=hidden.parent, prefix="apart-") as home:
        processes = DaskProcesses(Path(home, "scheduler"))
        started = Apart(processes=processes, home=Path(home), hidden=hidden)
        try:
            for _ in range(N_WORKERS):
                started.add_worker()
            yield started
        finally:
            processes.close()


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A project of which nothing but the job file and the suites is on a disk."""

    project: TaxiProject
    bucket: Bucket
    machine: Path
    format: str
    frames: dict[str, pd.DataFrame]
    artefact: Path

    def cli(self, *arguments: str) -> taxi.Result:
        return self.project.cli(*arguments)

    def ok(self, *arguments: str) -> taxi.Result:
        result = self.cli(*arguments)
        assert result.code == 0, result.stdout + result.stderr
        return result

    def add_day(self, index: int, **changes: Any) -> None:
        day = taxi.days(index + 1)[index]
        frame = taxi.rides(N_ROWS, seed=index, first_id=index * 1_000_000)
        frame = soil(frame, seed=index).assign(**changes)
        local = self.project.root / "written"
        taxi.write_day(local, day, frame)
        upload(self.bucket, local, "lake/rides")
        shutil.rmtree(local)
        self.frames[str(day)] = frame

    def expected(self) -> dict[str, pd.DataFrame]:
        """What the estimator alone gives for the rows that break no rule, by day and ride."""
        model, found = joblib.load(self.artefact), {}
        for day, frame in self.frames.items():
            good = frame[~frame.ride_id.isin(rules_by_ride(frame))].sort_values("ride_id", ignore_index=True)
            features = good[taxi.FEATURES].astype({"payment_type": object, "company": object})
            score = model.predict_proba(features)[:, 1]
            found[day] = pd.DataFrame({"ride_id": good.ride_id, "score": score, "big_tip": score > 0.5})
        return found

    def published(self) -> dict[str, pd.DataFrame]:
        """As readers of the bucket see it, by day and ride; they know nothing of us."""
        if self.format == "delta":
            table = delta_table(self.bucket).to_pyarrow_table()
        else:
            tables = []
            for key in parquet_keys(self.bucket):
                one = pq.read_table(io.BytesIO(self.bucket.direct.get(key).data))
                day = key.split("/")[-2].partition("=")[2]
                tables.append(one.to_pandas().assign(ride_date=day))
            table = pd.concat(tables)
        whole = table if isinstance(table, pd.DataFrame) else table.to_pandas()
        whole["ride_date"] = whole.ride_date.astype(str)
        return {
            str(day): frame.sort_values("ride_id", ignore_index=True)[["ride_id", "score", "big_tip"]]
            for day, frame in whole.groupby("ride_date")
        }

    def assert_whole(self) -> None:
        """Every good row once with its score, every bad one set aside with its rules, nothing staged."""
        self.bucket.proxy.forget()
        got, want = self.published(), self.expected()
        assert list(got) == sorted(want)
        for day, frame in got.items():
            pd.testing.assert_frame_equal(frame, want[day])
        for day, frame in self.frames.items():
            assert self.set_aside(day) == rules_by_ride(frame)
        assert self.bucket.keys("state/staging") == []
        assert not list(self.machine.rglob("*.parquet"))
        self.ok("verify", "taxi_tips", "--deep", "--rescore", "100")

    def set_aside(self, day: str) -> dict[int, list[str]]:
        shown = self.ok("quarantine", "show", f"taxi_tips/{day}", "--json", "--limit", "10000").lines
        rows = [line for line in shown if line["message_type"] == "quarantined_row"]
        return {row["key"]["ride_id"]: row["rules"] for row in rows}


MakeStored = Callable[..., Stored]


@pytest.fixture
def make_stored(
    make_project: Callable[..., TaxiProject],
    bucket: Bucket,
    database_url: str,
    model_files: Callable[[str], tuple[Path, Path]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> MakeStored:
    def make(format: str, n_days: int = N_DAYS, **changes: Any) -> Stored:
        machine = tmp_path / "machine"
        monkeypatch.setenv("XDG_STATE_HOME", str(machine))
        monkeypatch.setenv("LEDGER_URL", database_url)
        project = make_project(
            0,
            input={"path": f"{bucket.url}/lake/rides"},
            registry=f"{bucket.url}/models",
            output={
                "path": f"{bucket.url}/{TABLE}",
                "state": f"{bucket.url}/state",
                "state_db": "${LEDGER_URL}",
                "format": format,
                "file_size": "1MB",
            },
            storage={"timeout": "1m", "retry_for": "2s"},
            **{"compute": {"chunk": "20kB"}, "validate": VALIDATE, **changes},
        )
        write_suite(
            project,
            FARE_RULE,
            expectation("expect_column_values_to_not_be_null", column="trip_miles"),
            expectation(
                "expect_column_values_to_be_in_set",
                column="payment_type",
                value_set=["Cash", "Credit Card", "No Charge", "Unknown"],
            ),
        )
        write_suite(project, UNIQUE, name="unique")
        write_suite(project, Z_SCORES, name="scores")
        artefact, training = model_files("linear")
        registered = project.cli(
            "models", "register", str(artefact), "--name", "taxi_tips",
            "--reference", str(training), "--allow-pickle", "--alias", "champion",
        )  # fmt: skip
        assert registered.code == 0, registered.stderr
        shutil.rmtree(project.root / "data")
        stored = Stored(
            project=project,
            bucket=bucket,
            machine=machine,
            format=format,
            frames={},
            artefact=artefact,
        )
        for index in range(n_days):
            stored.add_day(index)
        return stored

    return make


@pytest.mark.parametrize("format", ["delta", "parquet"])
def test_workers_that_share_nothing_with_the_driver_publish_what_the_model_itself_predicts(
    make_stored: MakeStored, apart: Apart, format: str
) -> None:
    stored = make_stored(format)
    result = stored.cli("run", "taxi_tips", "--cluster", apart.address)
    assert (result.code, "Traceback" in result.stderr) == (0, False), result.stderr
    stored.assert_whole()
    assert not (stored.project.root / "data").exists()
    assert apart.left_over() == []
    listed = stored.ok("quarantine", "list", "taxi_tips").stdout
    assert "2024-01-01" in listed
    again = stored.cli("run", "taxi_tips", "--cluster", apart.address)
    assert (again.code, again.stdout, again.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        (Kind.FAILED_AFTER, "state/*"),
        (Kind.DROPPED, "*"),
        *(
            pytest.param(kind, "*", marks=pytest.mark.long)
            for kind in (Kind.THROTTLED, Kind.FAILED, Kind.FAILED_AFTER, Kind.DROPPED_AFTER)
        ),
        pytest.param(Kind.SLOW, "*", marks=pytest.mark.long),
        pytest.param(Kind.DROPPED_IN_BODY, "state/*", marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize("format", ["delta", "parquet"])
def test_a_store_that_fails_by_chance_loses_nothing_and_doubles_nothing(
    make_stored: MakeStored, apart: Apart, format: str, kind: Kind, key: str
) -> None:
    stored = make_stored(format, 2)
    fault = Fault(kind=kind, key=key, rate=0.2, delay_s=0.02)
    stored.bucket.proxy.inject(fault)
    code = stored.cli("run", "taxi_tips", "--cluster", apart.address).code
    assert (code in (0, 1, 3, 69), fault.n_hit > 0) == (True, True)
    stored.bucket.proxy.forget()
    stored.ok("run", "taxi_tips", "--cluster", apart.address)
    stored.assert_whole()


def test_a_worker_that_may_not_write_to_the_state_is_named_before_anything_is_scored(
    make_stored: MakeStored, apart: Apart
) -> None:
    stored = make_stored("delta", 1)
    stored.bucket.proxy.inject(Fault(kind=Kind.FORBIDDEN, method="PUT", key="state/meetings/*", times=1))
    refused = stored.cli("run", "taxi_tips", "--cluster", apart.address)
    assert refused.code == 78
    n_workers = len(apart.processes.workers)
    assert f"1 of {n_workers} workers cannot score this job" in refused.stderr
    assert f"the state cannot be written: {stored.bucket.url}/state" in refused.stderr
    assert stored.bucket.keys("state/staging") == []
    stored.ok("doctor", "taxi_tips")
    stored.ok("run", "taxi_tips", "--cluster", apart.address)
    stored.assert_whole()
    assert stored.bucket.keys("state/meetings") == []


class Background:
    """A run in a process of its own, on the workers; it is killed at the end if it is there still."""

    def __init__(self, stored: Stored, cluster: str) -> None:
        command = [sys.executable, "-m", "batch_scorer", "-p", str(stored.project.root)]
        self.process = subprocess.Popen(
            [*command, "run", "taxi_tips", "--cluster", cluster],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Background:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def wait(self) -> taxi.Result:
        stdout, stderr = self.process.communicate(timeout=WAIT_S)
        return taxi.Result(self.process.returncode, stdout, stderr)


def test_a_worker_that_is_killed_while_it_hands_in_costs_its_chunk_and_nothing_else(
    make_stored: MakeStored, apart: Apart
) -> None:
    stored = make_stored("parquet", 2)
    stored.bucket.proxy.inject(Fault(kind=Kind.HELD, method="PUT", key="state/staging/*/files/*", skip=2))
    run = Background(stored, apart.address)
    with run:
        stored.bucket.proxy.wait_for_held()
        killed = apart.kill_one_at_work()
        assert killed in {path.parents[2] for path in apart.left_over()}
        apart.add_worker(killed)
        stored.bucket.proxy.let_go()
        ended = run.wait()
    assert ended.code == 0, ended.stderr
    stored.assert_whole()
    assert apart.left_over() == []  # what the dead had there, too


@pytest.mark.parametrize("format", ["delta", "parquet"])
def test_after_a_killed_driver_one_on_another_machine_goes_on_with_what_is_staged(
    make_stored: MakeStored, apart: Apart, format: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stored = make_stored(format, 1)
    proxy, attempts = stored.bucket.proxy, "state/staging/taxi_tips/ride_date=2024-01-01"
    proxy.inject(Fault(kind=Kind.HELD, method="PUT", key="state/staging/*/chunks/*", skip=1))
    with Background(stored, apart.address) as run:
        proxy.wait_for_held()
        wait_for(lambda: any("/chunks/" in key for key in stored.bucket.keys(attempts)))
        run.kill()
    (record,) = (key for key in stored.bucket.keys(attempts) if "/chunks/" in key)
    files = {each["name"] for each in json.loads(stored.bucket.direct.get(record).data)["chunk"]["files"]}
    proxy.forget()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another machine"))
    stored.ok("run", "taxi_tips", "--cluster", "inline")
    assert files <= {key.rpartition("/")[2] for key in parquet_keys(stored.bucket)}
    shown = stored.ok("show", "taxi_tips/2024-01-01").stdout
    assert "which never published it" in shown
    proxy.let_go()  # what the workers of the dead still send
    wait_for(lambda: apart.left_over() == [])
    stored.ok("repair", "taxi_tips")
    stored.assert_whole()


@pytest.mark.parametrize("repeated", [0, 1])
def test_what_needs_all_rows_of_a_partition_is_read_back_from_the_store(
    make_stored: MakeStored, apart: Apart, repeated: int
) -> None:
    """Keys in no order, spills of a suite, and an expectation that only GX itself can decide."""
    stored = make_stored(
        "parquet",
        0,
        validate={
            "input": [{"suite": "unique", "on_fail": "warn"}],
            "output": [{"suite": "scores", "on_fail": "warn"}],
        },
    )
    n_rows = 12_000
    rides = np.random.default_rng(3).permutation(n_rows) + 1
    rides[-1] = rides[0] if repeated else rides[-1]
    frame = taxi.rides(n_rows, seed=1).assign(ride_id=rides)
    # Row groups, and so chunks, of more rows than a suite keeps in memory.
    taxi.write_day(stored.project.root / "written", taxi.days(1)[0], frame, row_group=n_rows // 2)
    upload(stored.bucket, stored.project.root / "written", "lake/rides")
    stored.bucket.proxy.forget()
    result = stored.cli("run", "taxi_tips", "--cluster", apart.address)
    asked = stored.bucket.proxy
    assert asked.count("state/staging/*/spills/*")["GET"] > 0, result.stderr
    assert asked.count("state/staging/*/files/*")["GET"] > 0
    if repeated:
        assert (result.code, "key (ride_id) repeats in 2 rows" in result.stdout + result.stderr) == (4, True)
        assert parquet_keys(stored.bucket) == []
    else:
        assert (result.code, result.stderr) == (0, "")
        assert "not evaluated" not in stored.ok("show", "taxi_tips/2024-01-01", "--validation").stdout
        assert sum(len(day) for day in stored.published().values()) == n_rows
    assert stored.bucket.keys("state/staging") == []


def test_rows_set_aside_in_a_store_are_released_and_come_back_with_a_rollback(
    make_stored: MakeStored, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stored = make_stored("delta", 1)
    day, release = "2024-01-01", ("quarantine", "release", "taxi_tips/2024-01-01", "--reason")
    frame = stored.frames[day]
    aside = rules_by_ride(frame)
    stored.ok("run", "taxi_tips", "--cluster", "inline")
    assert stored.set_aside(day) == aside
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another machine"))
    stored.ok(*release, "shells are money now", "--rule", PAID)
    stored.ok("run", "taxi_tips", "--cluster", "inline")
    others = {ride: [rule for rule in rules if rule != PAID] for ride, rules in aside.items()}
    others = {ride: rules for ride, rules in others.items() if rules}
    assert stored.set_aside(day) == others
    assert set(stored.published()[day].ride_id) == set(frame.ride_id) - others.keys()
    stored.ok("verify", "taxi_tips", "--deep", "--rescore", "100")
    stored.ok("rollback", "taxi_tips", "--partition", day, "--reason", "as it was")
    assert stored.set_aside(day) == aside
    assert set(stored.published()[day].ride_id) == set(frame.ride_id) - aside.keys()
    pinned = stored.cli(*release, "all of it")
    assert (pinned.code, "is pinned" in pinned.stderr) == (2, True)
    stored.ok("unpin", "taxi_tips", "--partition", day)
    stored.ok(*release, "all of it")
    stored.ok("run", "taxi_tips", "--cluster", "inline")
    assert set(stored.published()[day].ride_id) == set(frame.ride_id)
    stored.ok("verify", "taxi_tips", "--deep", "--rescore", "100")
    stored.ok("gc", "taxi_tips", "--older-than", "0d")
    assert stored.bucket.keys("state/quarantine") == []
    assert stored.bucket.keys("state/staging") == []


def test_what_a_release_could_not_replace_is_not_released(make_stored: MakeStored) -> None:
    """Else it would be due in every run, and fail."""
    stored = make_stored("parquet", 1)
    stored.ok("run", "taxi_tips", "--cluster", "inline")
    for more in ((), ("--dry-run",)):
        refused = stored.cli("quarantine", "release", "taxi_tips/2024-01-01", "--reason", "shells", *more)
        assert (refused.code, "cannot be replaced unseen" in refused.stderr) == (1, True), refused.stderr
    assert stored.ok("run", "taxi_tips", "--cluster", "inline").stderr == ""
    stored.assert_whole()
