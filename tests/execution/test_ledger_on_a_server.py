"""A whole project whose ledger is on PostgreSQL, and what happens when the server goes away."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from batch_scorer.ledger import disks
from tests import taxi
from tests.conftest import TaxiProject
from tests.postgresql import PASSWORD, USER, Server


@pytest.fixture
def served(
    make_project: Callable[..., TaxiProject], database_url: str, monkeypatch: pytest.MonkeyPatch
) -> TaxiProject:
    """Two days; the job takes its ledger's URL from the environment."""
    monkeypatch.setenv("LEDGER_URL", database_url)
    return make_project(2, output={"state_db": "${LEDGER_URL}"})


def dump(database_url: str) -> str:
    """Every value of every table."""
    with psycopg.connect(database_url.replace("+psycopg", "")) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        rows = [connection.execute(f'SELECT * FROM "{name}"').fetchall() for (name,) in tables]
    return json.dumps(rows, default=str)


def actions(project: TaxiProject) -> list[str]:
    lines = project.cli("--json", "plan", "taxi_tips").lines
    return [line["action"] for line in lines if line["message_type"] == "partition_plan"]


def lose_ledger(server: Server, database_url: str) -> None:
    server.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public", database_url.rpartition("/")[2])


def test_a_nightly_run_and_all_that_looks_at_it_work_on_a_server(served: TaxiProject) -> None:
    assert actions(served) == ["SCORE", "SCORE"]
    run = served.cli("run", "taxi_tips", "-v")
    assert run.code == 0, run.stderr
    assert actions(served) == ["SKIP", "SKIP"]
    again = served.cli("run", "taxi_tips")
    assert (again.code, again.stdout, again.stderr) == (0, "", "")
    assert "2 published" in served.cli("show", "last").stdout + served.cli("runs").stdout
    assert served.cli("show", "taxi_tips/ride_date=2024-01-01").code == 0
    assert served.cli("status").code == 0
    assert served.cli("verify", "taxi_tips", "--deep", "--rescore", "5").code == 0
    assert served.cli("audit", "taxi_tips", "--partition", "ride_date=2024-01-01").code == 0
    assert not list(served.state.glob("ledger.db*"))


def test_a_run_in_a_process_of_its_own_is_silent_on_a_server_too(served: TaxiProject) -> None:
    done = served.shell("run", "taxi_tips")
    assert (done.code, done.stdout, done.stderr) == (0, "", "")


def test_a_lost_ledger_is_rebuilt_on_the_server(
    served: TaxiProject, database_url: str, postgresql_server: Server
) -> None:
    served.cli("run", "taxi_tips")
    before, visible = served.cli("--json", "show", "taxi_tips/ride_date=2024-01-01").lines, served.snapshot()
    lose_ledger(postgresql_server, database_url)
    refused = served.cli("run", "taxi_tips")
    assert refused.code == 6
    assert f"where: postgresql+psycopg://{USER}:***@127.0.0.1:" in refused.stderr
    assert served.cli("verify", "taxi_tips").code == 6
    lose_ledger(postgresql_server, database_url)
    assert served.cli("ledger", "rebuild", "taxi_tips", "--dry-run").code == 0
    assert dump(database_url) == "[]"
    rebuilt = served.cli("ledger", "rebuild", "taxi_tips")
    assert rebuilt.code == 0, rebuilt.stderr
    after = served.cli("--json", "show", "taxi_tips/ride_date=2024-01-01").lines
    assert after[0]["generation"]["manifest_sha256"] == before[0]["generation"]["manifest_sha256"]
    assert actions(served) == ["SKIP", "SKIP"]
    assert served.cli("verify", "taxi_tips", "--deep").code == 0
    assert served.cli("run", "taxi_tips").code == 0
    assert served.snapshot() == visible


def test_the_password_is_told_nowhere_and_stored_nowhere(
    served: TaxiProject, database_url: str, tmp_path: Path
) -> None:
    log = tmp_path / "batch-scorer.log"
    results = [
        served.cli(*options, *verb)
        for options in ((), ("--json",), ("-vv",))
        for verb in (
            ("validate-config", "--resolved"),
            ("doctor",),
            ("run", "taxi_tips"),
            ("show", "last", "--config"),
            ("show", "taxi_tips/ride_date=2024-01-01", "--config", "--files"),
            ("status",),
            ("verify", "taxi_tips"),
            ("plan", "taxi_tips"),
        )
    ]
    results.append(served.shell("-vv", "--log-file", str(log), "run", "taxi_tips", "--reprocess", "all"))
    told = "".join(result.stdout + result.stderr for result in results)
    assert [result.stderr for result in results if result.code != 0] == []
    assert f"{USER}:***@127.0.0.1" in told
    kept = [file.read_bytes() for file in (*served.root.rglob("*"), log) if file.is_file()]
    assert PASSWORD not in told
    assert PASSWORD.encode() not in b"".join(kept)
    assert PASSWORD not in dump(database_url)
    assert "***" in dump(database_url)


def test_a_server_that_is_away_is_exit_69_for_every_verb_and_nothing_is_made(
    served: TaxiProject, database_url: str, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = database_url.rpartition(":")[2].partition("/")[0]
    monkeypatch.setenv("LEDGER_URL", database_url.replace(f":{port}/", f":{closed_port}/"))
    for verb in (
        ("run", "taxi_tips"),
        ("plan", "taxi_tips"),
        ("show", "last"),
        ("runs",),
        ("status",),
        ("verify", "taxi_tips"),
        ("ledger", "rebuild", "taxi_tips"),
        ("doctor",),
    ):
        result = served.cli(*verb)
        assert result.code == 69, (verb, result.stderr)
        assert PASSWORD not in result.stdout + result.stderr
    assert not served.state.exists()


def test_after_a_server_was_stopped_and_started_again_runs_go_on(
    served: TaxiProject, postgresql_server: Server
) -> None:
    served.cli("run", "taxi_tips")
    served.add_day(2)
    postgresql_server.stop()
    try:
        stopped = served.cli("run", "taxi_tips")
    finally:
        postgresql_server.start()
    assert stopped.code == 69
    assert "the ledger does not answer" in stopped.stderr
    assert served.cli("run", "taxi_tips").code == 0
    assert actions(served) == ["SKIP", "SKIP", "SKIP"]


def test_a_wrong_password_is_exit_78(
    served: TaxiProject, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_URL", database_url.replace(PASSWORD, "hunter3"))
    result = served.cli("run", "taxi_tips")
    assert result.code == 78
    assert "password authentication failed" in result.stderr
    assert "hunter3" not in result.stderr


def test_another_project_with_a_job_of_the_same_name_is_not_taken_for_ours(served: TaxiProject) -> None:
    served.cli("run", "taxi_tips")
    shutil.move(served.root / "data" / "state", served.root / "data" / "state of another")
    result = served.cli("run", "taxi_tips", "--reprocess", "all")
    assert result.code == 78
    assert "has published, but output.state has no manifest of it" in result.stderr
    assert "another project" in result.stderr


def test_jobs_with_ledgers_of_both_kinds_are_listed_together(served: TaxiProject) -> None:
    document: dict[str, Any] = taxi.job_document()
    document |= {"name": "fares", "output": {"path": "data/predictions/fares", "state": "data/state"}}
    taxi.write_job(served.root, document)
    assert served.cli("run", "taxi_tips").code == 0
    assert served.cli("run", "fares").code == 0
    listed = [line["job"] for line in served.cli("--json", "runs").lines if line["message_type"] == "run"]
    assert sorted(listed) == ["fares", "taxi_tips"]
    assert "run" in served.cli("show", "last").stdout


def test_two_jobs_on_one_server_are_listed_once_each(served: TaxiProject) -> None:
    document: dict[str, Any] = taxi.job_document()
    document["name"] = "fares"
    document["output"] = {
        "path": "data/predictions/fares",
        "state": "data/state_of_fares",
        "state_db": "${LEDGER_URL}",
    }
    taxi.write_job(served.root, document)
    for job in ("taxi_tips", "fares"):
        assert served.cli("run", job).code == 0
    listed = [line["job"] for line in served.cli("--json", "runs").lines if line["message_type"] == "run"]
    assert listed == ["fares", "taxi_tips"]


def test_doctor_and_run_refuse_sqlite_on_a_network_file_system_and_looking_does_not(
    project: TaxiProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert project.cli("run", "taxi_tips").code == 0
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 0 8:1 / / rw - ext4 x rw\n2 1 0:9 / {tmp_path.resolve()} rw - nfs4 nas:/x rw\n")
    monkeypatch.setattr(disks, "_MOUNTS", mounts)
    result = project.cli("run", "taxi_tips")
    assert result.code == 78
    assert "network file system (nfs4)" in result.stderr
    assert "set output.state_db to postgresql+psycopg://" in result.stderr
    doctor = project.cli("doctor", "taxi_tips")
    assert doctor.code == 78
    assert "BAD ledger" in doctor.stdout
    for verb in (("plan", "taxi_tips"), ("status",), ("show", "last"), ("verify", "taxi_tips")):
        assert project.cli(*verb).code == 0
    with sqlite3.connect(project.state / "ledger.db") as raw:
        assert raw.execute("SELECT count(*) FROM runs").fetchone() == (1,)
    raw.close()
