"""Each check of `doctor`, made bad for real; and a healthy project in which it finds, and leaves, nothing."""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from batch_scorer.config.job import Job
from batch_scorer.core.errors import ConfigInvalid, InternalError, OutputUnwritable, StoreUnavailable
from batch_scorer.execution.doctor import asking, cluster, examine, places, secrets
from batch_scorer.lake.storage import preflight
from batch_scorer.ledger.migrations import newest_version
from batch_scorer.ledger.trial import try_writing
from batch_scorer.models.scoring import loader
from tests import taxi
from tests.conftest import TaxiProject
from tests.patience import WAIT_S, wait_for

Make = Callable[..., TaxiProject]


def checks(project: TaxiProject, *arguments: str) -> dict[str, dict[str, object]]:
    """By name; every one of them has a line, and the exit code is that of the first bad one."""
    result = project.cli("doctor", "taxi_tips", "--json", *arguments)
    found = {str(line["check"]): line for line in result.lines[:-1]}
    assert (result.code == 0) is all(line["ok"] for line in found.values())
    return found


def bad(project: TaxiProject) -> dict[str, str]:
    """What each bad check found, and its fix."""
    return {
        name: f"{each['found']} | {each['fix']}" for name, each in checks(project).items() if not each["ok"]
    }


def names(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def sql(project: TaxiProject, statement: str) -> None:
    with sqlite3.connect(project.state / "ledger.db") as connection:
        connection.execute(statement)
    connection.close()


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """`mount(name, *arguments of mount)`: a directory of tmp_path, undone at the end."""
    mounted: list[Path] = []

    def make(name: str, *arguments: str) -> Path:
        directory = tmp_path / name
        directory.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["mount", *arguments, directory], capture_output=True, check=False)
        if done.returncode:
            pytest.skip(f"only root may mount here: {done.stderr.decode().strip()}")
        mounted.append(directory)
        return directory

    yield make
    for directory in reversed(mounted):
        subprocess.run(["umount", "-l", directory], check=True)


def test_a_healthy_project_is_well_and_stays_as_it_was(project: TaxiProject) -> None:
    before = names(project.root)
    found = checks(project)
    assert all(each["ok"] for each in found.values()), found
    assert {"places", "atomic publish", "ledger", "leftovers", "registry", "model", "plan", "clock"} <= set(
        found
    )
    assert {"disk space", "columns of 2024-01-02", "suite columns of 2024-01-01", "cluster"} <= set(found)
    assert names(project.root) == before
    assert project.cli("run", "taxi_tips").code == 0
    before = names(project.root)
    assert checks(project)["plan"]["found"] == "2 SKIP"
    assert names(project.root) == before


# Places


def test_two_file_systems(make_project: Make, mount: Callable[..., Path]) -> None:
    other = mount("other", "-t", "tmpfs", "tmpfs")
    project = make_project(1, output={"state": str(other / "state")})
    assert "different file systems" in bad(project)["places"]


def test_one_file_system_that_is_mounted_twice(
    make_project: Make, mount: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "real").mkdir()
    first = mount("first", "--bind", str(tmp_path / "real"))
    second = mount("second", "--bind", str(tmp_path / "real"))
    project = make_project(
        1, output={"path": str(first / "predictions/taxi_tips"), "state": str(second / "state")}
    )
    found = bad(project)
    assert "places" not in found  # to stat they are one
    assert "nothing can be renamed" in found["atomic publish"]


def test_a_rename_is_tried_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    preflight.check_rename(tmp_path / "a/state", tmp_path / "b/predictions")
    assert names(tmp_path) == {"a"}
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system here")
    with tempfile.TemporaryDirectory(dir=shm) as other:  # others make files there at the same time
        with pytest.raises(OutputUnwritable, match="could not be atomic"):
            preflight.check_rename(tmp_path, Path(other))
        assert names(Path(other)) == set()
    assert names(tmp_path) == {"a"}


def test_no_room_for_tonights_plan(project: TaxiProject) -> None:
    huge = project.day(1) / "part-9.parquet"
    huge.touch()
    os.truncate(huge, 10**13)  # it takes no space itself
    found = bad(project)["disk space"]
    assert "2 partitions to score may need 12000.0 GB (as large as their input)" in found
    assert "--limit" in found


def test_room_is_asked_for_as_past_outputs_were_large(project: TaxiProject) -> None:
    assert project.cli("run", "taxi_tips").code == 0
    huge = project.day(1) / "part-9.parquet"
    huge.touch()
    os.truncate(huge, 10**13)
    assert "of their input, as those before" in bad(project)["disk space"]


def test_no_inodes_left(make_project: Make, mount: Callable[..., Path]) -> None:
    disk = mount("disk", "-t", "tmpfs", "-o", "size=64m,nr_inodes=12", "tmpfs")
    output = {"path": str(disk / "predictions/taxi_tips"), "state": str(disk / "state")}
    assert "out of inodes" in bad(make_project(2, output=output))["disk space"]


# Clock


def test_input_from_the_future(project: TaxiProject) -> None:
    tomorrow = time.time() + 86_400
    os.utime(project.day(0) / "part-0.parquet", (tomorrow, tomorrow))
    assert "a file of 2024-01-01 was written 86,4" in bad(project)["clock"]


def test_a_run_from_the_future(project: TaxiProject) -> None:
    assert project.cli("run", "taxi_tips").code == 0
    sql(project, "UPDATE runs SET started_at = '2999' || substr(started_at, 5)")
    assert "from now" in bad(project)["clock"]


@pytest.mark.parametrize(("hours", "which"), [(-2, "behind"), (2, "ahead of")])
def test_a_file_server_with_another_time(
    project: TaxiProject, monkeypatch: pytest.MonkeyPatch, hours: int, which: str
) -> None:
    really = preflight.written_at
    monkeypatch.setattr(preflight, "written_at", lambda path: really(path) + dt.timedelta(hours=hours))
    assert f"{which} this machine's clock" in bad(project)["clock"]


# Ledger


def test_a_ledger_that_refuses_a_write(project: TaxiProject) -> None:
    assert project.cli("run", "taxi_tips").code == 0
    sql(project, "CREATE TRIGGER no BEFORE UPDATE ON ledger_info BEGIN SELECT RAISE(ABORT, 'refused'); END")
    assert "refused" in bad(project)["ledger"]


def test_a_ledger_that_is_none(project: TaxiProject) -> None:
    assert project.cli("run", "taxi_tips").code == 0
    (project.state / "ledger.db").write_bytes(b"no database" * 1000)
    told = project.cli("doctor", "taxi_tips")
    assert told.code == 6
    assert "BAD ledger" in told.stdout
    assert "ledger rebuild" in told.stdout


def test_the_ledgers_trial_is_taken_back_and_makes_nothing(project: TaxiProject) -> None:
    assert try_writing(project.state / "ledger.db") is None
    assert not project.state.exists()
    assert project.cli("run", "taxi_tips").code == 0
    sql(project, "CREATE TABLE tried (n INTEGER)")
    sql(
        project,
        "CREATE TRIGGER seen AFTER UPDATE ON ledger_info BEGIN INSERT INTO tried VALUES (1); END",
    )
    assert try_writing(project.state / "ledger.db") == newest_version()
    with sqlite3.connect(project.state / "ledger.db") as connection:
        assert connection.execute("SELECT count(*) FROM tried").fetchone() == (0,)
    connection.close()


def test_a_run_that_died(project: TaxiProject) -> None:
    assert project.cli("run", "taxi_tips").code == 0
    sql(project, "UPDATE runs SET state = 'running', finished_at = NULL, exit_code = NULL")
    found = bad(project)["leftovers"]
    assert "is gone" in found
    assert f"batch-scorer -p {project.root} repair taxi_tips" in found
    assert project.cli("repair", "taxi_tips").code == 0
    assert "leftovers" not in bad(project)


def test_staging_of_nobody(project: TaxiProject) -> None:
    assert project.cli("run", "taxi_tips").code == 0
    (project.state / "staging/taxi_tips/ride_date=2024-01-01/01ABC").mkdir(parents=True)
    assert "such as ride_date=2024-01-01/01ABC" in bad(project)["leftovers"]


# Model and code


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_flipped_byte_in_the_model(project: TaxiProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "_cache", {})  # as in a process that has loaded nothing yet
    flip(project.root / "data/models/taxi_tips/1/model.joblib")
    assert "model" in bad(project)
    assert project.cli("doctor", "taxi_tips").code == 5


def test_a_flipped_byte_in_a_models_manifest(project: TaxiProject) -> None:
    flip(project.root / "data/models/taxi_tips/1/manifest.json")
    assert "not the one that was registered" in bad(project)["registry"]


def test_an_alias_that_points_nowhere(make_project: Make) -> None:
    project = make_project(1)
    taxi.write_job(project.root, taxi.job_document(model={"uri": "taxi_tips@champoin"}))
    assert 'did you mean "champion"?' in bad(project)["model"]
    assert "columns of 2024-01-01" in checks(project)  # the data is looked at all the same
    assert project.cli("doctor", "taxi_tips").code == 78


@pytest.mark.parametrize(
    ("source", "said"),
    [(None, "is no directory"), ("def broken(:", "SyntaxError"), ("import nowhere_at_all", "nowhere_at_all")],
)
def test_code_that_cannot_be_imported(make_project: Make, source: str | None, said: str) -> None:
    project = make_project(1, code=["src"])
    if source is not None:
        (project.root / "src").mkdir()
        (project.root / "src/own_rules.py").write_text(source)
    assert said in bad(project)["code"]


def test_code_that_can(make_project: Make) -> None:
    project = make_project(1, code=["src"])
    (project.root / "src/own").mkdir(parents=True)
    (project.root / "src/own/__init__.py").touch()
    assert str(checks(project)["code"]["found"]).startswith("own from ")


# Data


def test_a_column_renamed_in_the_newest_partition(project: TaxiProject) -> None:
    taxi.write_day(project.lake, taxi.days(3)[2], taxi.rides(50).rename(columns={"fare": "Fare"}))
    found = bad(project)
    assert set(found) == {"columns of 2024-01-03"}
    assert 'renamed to "Fare"' in found["columns of 2024-01-03"]


def test_a_column_that_the_job_mistypes(make_project: Make) -> None:
    project = make_project(1, output={"keep_columns": ["startd_at"]})
    found = bad(project)["columns of 2024-01-01"]
    assert "jobs/taxi_tips.yml, output.keep_columns" in found
    assert 'did you mean "started_at"?' in found


@pytest.mark.parametrize(("stage", "column"), [("input", "faer"), ("output", "scoer")])
def test_a_column_that_a_suite_mistypes(make_project: Make, stage: str, column: str) -> None:
    project = make_project(1, validate={stage: [{"suite": "rules"}]})
    rule = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": column}}
    (project.root / "jobs/suites").mkdir()
    (project.root / "jobs/suites/rules.json").write_text(
        json.dumps({"name": "rules", "expectations": [rule]})
    )
    found = bad(project)["suite columns of 2024-01-01"]
    assert f'column "{column}"' in found
    assert "did you mean" in found


def test_a_directory_that_is_no_partition(project: TaxiProject) -> None:
    (project.lake / "ride_date=2024-1-3").mkdir()
    assert "ride_date=2024-1-3" in bad(project)["plan"]


def test_a_file_that_is_no_parquet(project: TaxiProject) -> None:
    (project.day(1) / "part-1.parquet").write_bytes(b"PAR1 not really PAR1")
    assert "columns of 2024-01-02" in bad(project)


def test_an_input_that_is_not_there(make_project: Make) -> None:
    project = make_project(0)
    project.lake.rmdir()
    assert "cannot be listed" in bad(project)["input"]
    assert project.cli("doctor", "taxi_tips").code == 69


# Cluster


def test_more_memory_than_there_is(make_project: Make) -> None:
    project = make_project(1, compute={"workers": 2, "memory_per_worker": "100000GB"})
    assert "may take 200000.0 GB of" in bad(project)["cluster"]


def test_more_memory_than_the_cgroup_lets_us_have(
    make_project: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "usable_memory", lambda: 5 * 10**9)
    monkeypatch.setattr(cluster, "usable_cpus", lambda: 3)
    assert (
        "3 workers with compute.memory_per_worker of 2.0 GB may take 6.0 GB of 5.0 GB"
        in (bad(make_project(1))["cluster"])
    )


def test_no_scheduler_there(make_project: Make, closed_port: int) -> None:
    project = make_project(1, compute={"cluster": f"tcp://127.0.0.1:{closed_port}"})
    assert "no Dask scheduler answers" in bad(project)["cluster"]
    assert project.cli("doctor", "taxi_tips").code == 69


def test_something_there_that_never_answers(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_ANSWER_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        project = make_project(1, compute={"cluster": f"tcp://127.0.0.1:{silent.getsockname()[1]}"})
        assert "no answer within 0.5 s" in bad(project)["cluster"]


@pytest.fixture
def odd_cluster(tmp_path: Path) -> Iterator[Callable[[], str]]:
    """A scheduler, and a worker on which another scikit-learn is installed."""
    other = tmp_path / "other/scikit_learn-0.0.1.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: scikit-learn\nVersion: 0.0.1\n")
    file, root = tmp_path / "scheduler.json", Path(__file__).parents[2]
    common = ["--no-dashboard", "--scheduler-file", str(file)]
    processes = []

    def start(what: str, *options: str, path: str) -> None:
        command = [sys.executable, "-m", "dask", what, *options, *common]
        env = {**os.environ, "PYTHONPATH": path}
        processes.append(
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
        )

    def address() -> str:
        wait_for(lambda: file.exists() and file.read_text())
        found: str = json.loads(file.read_text())["address"]
        return found

    start("scheduler", "--port", "0", path=str(root))
    start("worker", "--no-nanny", path=f"{other.parent}{os.pathsep}{root}")
    yield address
    for process in reversed(processes):
        process.terminate()
        process.wait(timeout=WAIT_S)


def test_a_worker_with_another_version(make_project: Make, odd_cluster: Callable[[], str]) -> None:
    from distributed import Client

    with Client(odd_cluster(), timeout=WAIT_S, set_as_default=False) as client:
        client.wait_for_workers(1, timeout=WAIT_S)
    project = make_project(1, compute={"cluster": odd_cluster()})
    found = bad(project)
    assert set(found) == {"cluster"}
    assert "scikit-learn 0.0.1, here" in found["cluster"]
    assert found["cluster"].count("here") == 1  # of the only package that differs


# Schedule and secrets

NIGHTLY = {"timezone": "America/Chicago", "cron": "30 4 * * *"}


def test_a_schedule_that_nobody_installed(make_project: Make) -> None:
    project = make_project(1, schedule=NIGHTLY)
    assert "no run yet" in str(checks(project)["schedule"]["found"])
    assert project.cli("run", "taxi_tips").code == 0
    assert "began in time" in str(checks(project)["schedule"]["found"])
    sql(project, "UPDATE runs SET started_at = '2024' || substr(started_at, 5)")
    found = bad(project)["schedule"]
    assert "is it scheduled?" in found
    assert "schedule render cron taxi_tips" in found


def test_a_time_that_never_comes(make_project: Make) -> None:
    project = make_project(1, schedule={"timezone": "UTC", "cron": "0 0 30 2 *"})
    assert "never comes" in bad(project)["schedule"]


def test_a_secret_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    notify = [
        {"on": ["failed"], "to": {"webhook": {"secret": "env:DOCTOR_HOOK"}}},
        {"on": ["success"], "to": {"healthcheck": {"secret": "env:DOCTOR_PING"}}},
    ]
    job = Job.model_validate({**taxi.job_document(), "notify": notify})
    monkeypatch.setenv("DOCTOR_HOOK", "https://hooks.example/SESAME")
    monkeypatch.delenv("DOCTOR_PING", raising=False)
    with pytest.raises(ConfigInvalid) as missing:
        secrets.are_set(job)
    assert "DOCTOR_PING (notify.1.to.healthcheck)" in missing.value.what
    assert "DOCTOR_HOOK" not in missing.value.what
    monkeypatch.setenv("DOCTOR_PING", "x")
    assert "SESAME" not in secrets.are_set(job)


# How it asks


def test_a_question_that_hangs_is_told_and_the_others_go_on(
    project: TaxiProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = threading.Event()
    monkeypatch.setattr(places, "writable", lambda _parts: never.wait())
    monkeypatch.setattr(asking.answer, "__kwdefaults__", {"patience_s": 0.2})
    monkeypatch.setattr(examine, "PATIENCE_S", 30.0)
    found = bad(project)
    never.set()
    assert "no answer within 0.2 s" in found["places"]
    assert "model" not in found


def test_a_surprise_is_one_bad_check() -> None:
    def surprise() -> str:
        raise ZeroDivisionError("oops")

    check = asking.answer("odd", surprise)
    assert (check.ok, check.exit_code) == (False, InternalError.exit_code)
    with pytest.raises(StoreUnavailable, match=r"within 0\.01 s"):
        asking.within(0.01, threading.Event().wait)


def test_a_job_file_that_is_wrong_is_a_bad_check_and_an_unknown_job_is_exit_2(make_project: Make) -> None:
    project = make_project(1, compute={"retries": "many"})
    assert project.cli("doctor").code == 78
    assert "BAD job file" in project.cli("doctor").stdout
    assert project.cli("doctor", "taxi_tip").code == 2


def test_of_several_jobs_each_line_stands_below_its_own(project: TaxiProject) -> None:
    (project.root / "jobs/second.yml").write_text("name: second\n")
    told = project.cli("doctor").stdout.splitlines()
    assert [line for line in told if not line.startswith(" ")] == ["second", "taxi_tips"]
    assert told[1].startswith(" BAD job file")


def test_a_project_without_a_job_is_not_silently_well(project: TaxiProject) -> None:
    (project.root / "jobs/taxi_tips.yml").rename(project.root / "jobs/taxi tips.yaml")
    for verb in ("doctor", "validate-config"):
        assert "no job in" in project.cli(verb).stderr
