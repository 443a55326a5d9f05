"""Opening a ledger: versions, steps between them, and files that are not one."""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from batch_scorer.core.chunks import ChunkCost
from batch_scorer.core.errors import DamageFound, LockHeld, OutputUnwritable, StoreUnavailable, UsageError
from batch_scorer.core.plans import ModelChoice
from batch_scorer.core.processes import this_process
from batch_scorer.core.records import Pin
from batch_scorer.ledger.database import connect
from batch_scorer.ledger.migrations import STEPS, bring_up_to_date, newest_version, version_of
from batch_scorer.ledger.opening import open_ledger, open_ledger_for_reading
from batch_scorer.ledger.sqlite import in_words
from tests.ledger.conftest import DAY, NOW, make_attempt, make_holder, make_run, publish


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger with one run, closed."""
    path = tmp_path / "ledger.db"
    ledger = open_ledger(path)
    ledger.start_run(make_run())
    ledger.close()
    return path


def add_mood(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE runs ADD COLUMN mood VARCHAR DEFAULT 'calm'"))


def break_off(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE runs ADD COLUMN half VARCHAR"))
    raise RuntimeError("power cut")


def test_a_ledger_is_there_again_when_opened_again(path: Path) -> None:
    ledger = open_ledger(str(path))
    assert ledger.run("last") == make_run()
    ledger.close()


def test_a_path_and_its_url_are_the_same_ledger(path: Path) -> None:
    ledger = open_ledger(f"sqlite:///{path}")
    assert ledger.run("last") == make_run()
    ledger.close()


def test_a_directory_that_does_not_exist_is_made(tmp_path: Path) -> None:
    open_ledger(tmp_path / "a %20 #b" / "state" / "ledger.db").close()
    assert (tmp_path / "a %20 #b" / "state" / "ledger.db").is_file()


def test_sqlite_is_durable_strict_and_patient(path: Path) -> None:
    database = connect(path)
    with database.reading() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    database.close()
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


def test_an_older_ledger_takes_only_the_steps_it_lacks(path: Path) -> None:
    database = connect(path)
    for _ in range(2):
        with database.writing() as connection:
            bring_up_to_date(connection, NOW, steps=(*STEPS, add_mood))
            assert version_of(connection) == newest_version() + 1
            assert connection.execute(text("SELECT run_id, mood FROM runs")).all() == [("01JQ8ZAAAA", "calm")]
    database.close()


def test_a_step_that_breaks_off_leaves_the_old_version_whole(path: Path) -> None:
    database = connect(path)
    with pytest.raises(RuntimeError, match="power cut"), database.writing() as connection:
        bring_up_to_date(connection, NOW, steps=(*STEPS, break_off))
    with database.reading() as connection:
        assert version_of(connection) == newest_version()
        assert "half" not in {column["name"] for column in inspect(connection).get_columns("runs")}
    database.close()


def test_a_new_ledger_knows_its_version_and_birthday(tmp_path: Path) -> None:
    database = connect(tmp_path / "new.db")
    with database.writing() as connection:
        assert version_of(connection) is None
        bring_up_to_date(connection, dt.datetime(2024, 4, 1, tzinfo=dt.UTC))
        row = connection.execute(text("SELECT schema_version, created_at FROM ledger_info")).one()
    database.close()
    assert tuple(row) == (newest_version(), "2024-04-01T00:00:00.000000Z")


def test_the_page_on_the_format_names_this_version() -> None:
    page = Path(__file__).parents[2].joinpath("docs/format.md").read_text()
    assert f"`ledger_info.schema_version` is {newest_version()}." in page


def test_a_ledger_of_a_newer_batch_scorer_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE ledger_info SET schema_version = 99")
    raw.close()
    with pytest.raises(UsageError, match="written by a newer batch-scorer: its schema has version 99"):
        open_ledger(path)


@pytest.mark.parametrize("content", [b"not a database" * 100, b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_file_that_is_no_ledger_is_damage_with_a_way_out(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(content)
    with pytest.raises(DamageFound, match="the ledger is damaged") as caught:
        open_ledger(path)
    assert caught.value.where == str(path)
    assert "backup" in str(caught.value.fix)
    assert path.read_bytes() == content


def test_a_damaged_page_is_found_when_it_is_read(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    with pytest.raises(DamageFound):
        open_ledger(path).runs()


def test_a_file_where_the_directory_belongs_is_unwritable(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(OutputUnwritable, match="the ledger cannot be written"):
        open_ledger(tmp_path / "state" / "ledger.db")


def test_a_directory_in_place_of_the_ledger_is_unwritable(tmp_path: Path) -> None:
    with pytest.raises(OutputUnwritable, match="the ledger cannot be written"):
        open_ledger(tmp_path)


def test_a_ledger_that_stays_locked_is_unavailable(path: Path) -> None:
    with sqlite3.connect(path, isolation_level=None) as raw:
        raw.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked") as caught:
            delete_without_patience(path)
    raw.close()
    assert caught.value.exit_code == 69
    assert caught.value.next_command == f"fuser -v {path}"


@pytest.mark.parametrize(
    ("name", "says", "fix", "code"),
    [
        ("SQLITE_IOERR_WRITE", "the disk of the ledger failed: it broke", "dmesg", 69),
        ("SQLITE_IOERR_CORRUPTFS", "the disk of the ledger failed: it broke", "dmesg", 69),
        ("SQLITE_FULL", "no space left for the ledger", "free some space", 1),
        ("SQLITE_READONLY", "the ledger cannot be written: it broke", "mounted read-only", 1),
        ("SQLITE_CANTOPEN", "the ledger cannot be written: it broke", "mounted read-only", 1),
        ("SQLITE_CORRUPT_INDEX", "the ledger is damaged: it broke", "from the manifests", 6),
        ("SQLITE_NOTADB", "the ledger is damaged: it broke", "from the manifests", 6),
        ("SQLITE_BUSY_RECOVERY", "the ledger was locked for 30 s: it broke", "end what does", 69),
        ("SQLITE_NOMEM", "the ledger does not answer: it broke", "run again", 69),
    ],
)
def test_each_error_of_sqlite_says_what_where_what_to_do_and_what_to_type_next(
    path: Path, name: str, says: str, fix: str, code: int
) -> None:
    raised = sqlite3.OperationalError("it broke")
    raised.sqlite_errorname = name
    error = in_words(DBAPIError("", None, raised), str(path))
    assert error.what.startswith(says)
    assert name in error.what or name == "SQLITE_FULL"
    assert error.where == str(path)
    assert fix in (error.fix or "")
    assert error.next_command
    assert error.exit_code == code


def test_what_to_type_when_the_ledger_is_damaged_tells_it_again_once_it_is_moved_aside(path: Path) -> None:
    path.write_bytes(b"no database" * 1_000)
    with pytest.raises(DamageFound, match="not a database") as caught:
        open_ledger(path)
    assert "move it aside" in (caught.value.fix or "")
    assert caught.value.next_command == "batch-scorer ledger rebuild JOB"


def delete_without_patience(path: Path) -> None:
    database = connect(path)
    with closing(database), database.reading() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 10")
        connection.exec_driver_sql("DELETE FROM runs")


@pytest.fixture
def read_only(path: Path) -> Iterator[Path]:
    """A function's worth of the same directory on a read-only mount, which binds even root."""
    place = path.parent.parent / f"{path.parent.name}-ro"
    place.mkdir()
    bound = subprocess.run(
        ["mount", "--bind", "-o", "ro", path.parent, place], capture_output=True, check=False
    )
    if bound.returncode:
        pytest.skip(f"only root may mount here: {bound.stderr.decode().strip()}")
    yield place / path.name
    subprocess.run(["umount", place], check=True)


def test_a_reader_makes_neither_a_directory_nor_a_file(tmp_path: Path) -> None:
    ledger = open_ledger_for_reading(tmp_path / "data" / "state" / "ledger.db")
    assert (ledger.runs(), ledger.partition_records("tips")) == ((), {})
    ledger.close()
    assert list(tmp_path.iterdir()) == []


def test_a_reader_sees_what_is_there(path: Path) -> None:
    ledger = open_ledger_for_reading(path)
    assert ledger.run("last") == make_run()
    ledger.close()


def test_a_ledger_on_a_read_only_mount_can_be_read_and_not_written(read_only: Path) -> None:
    ledger = open_ledger_for_reading(read_only)
    assert ledger.run("last") == make_run()
    with pytest.raises(OutputUnwritable, match="the ledger cannot be written"):
        ledger.start_run(make_run("01JQ8ZBBBB"))
    ledger.close()


def test_a_reader_on_a_read_only_mount_sees_what_a_writer_beside_it_has_just_written(
    path: Path, read_only: Path
) -> None:
    writer = open_ledger(path)
    writer.start_run(make_run("01JQ8ZBBBB"))
    ledger = open_ledger_for_reading(read_only)
    assert len(ledger.runs()) == 2
    ledger.close()
    writer.close()


def test_a_reader_never_passes_over_a_log_it_cannot_read(path: Path, read_only: Path) -> None:
    """As a snapshot of a killed writer's disk has it: the log is there, its index is not."""
    writer = open_ledger(path)
    writer.start_run(make_run("01JQ8ZBBBB"))
    log = path.with_name("ledger.db-wal").read_bytes()
    writer.close()
    path.with_name("ledger.db-wal").write_bytes(log)
    with pytest.raises(StoreUnavailable, match="newest changes are in a log"):
        open_ledger_for_reading(read_only)


def test_the_ledger_loads_no_data_library() -> None:
    program = (
        "import sys, batch_scorer.ledger.opening;"
        "roots = {name.partition('.')[0] for name in sys.modules};"
        "print(sorted(roots & {'pandas','pyarrow','numpy','dask','sklearn','click','pydantic'}))"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


_VERSION_1 = """
    ALTER TABLE generations DROP COLUMN input_fingerprint;
    DROP INDEX runs_unsuccessful;
    DROP TABLE currents; DROP INDEX attempts_in_state;
    DROP TABLE holders; DROP TABLE openings; DROP TABLE leases; DROP TABLE waivers;
    CREATE TABLE leases (job VARCHAR, partition_path VARCHAR, token VARCHAR);
    ALTER TABLE runs DROP COLUMN guarantee;
    DROP INDEX runs_of_parent;
    ALTER TABLE runs DROP COLUMN parent_run_id;
    ALTER TABLE runs DROP COLUMN suite_fingerprint;
    ALTER TABLE runs DROP COLUMN planned;
    ALTER TABLE runs DROP COLUMN choice;
    ALTER TABLE generations DROP COLUMN pin;
    ALTER TABLE generations DROP COLUMN restores;
    ALTER TABLE generations ADD COLUMN pinned BOOLEAN NOT NULL DEFAULT 0;
    UPDATE ledger_info SET schema_version = 1;
"""


def test_a_ledger_of_version_1_is_brought_up_to_date_with_what_it_holds(path: Path) -> None:
    ledger = open_ledger(path)
    generation = publish(ledger)
    ledger.close()
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript(_VERSION_1)
    ledger = open_ledger(path)
    assert ledger.generation("tips", DAY, None) == generation
    current = ledger.pasts("tips")[DAY].current
    assert current is not None
    assert current.input_fingerprint == generation.input_fingerprint
    assert ledger.leases("tips") == ()
    assert publish(ledger, 2, pin=Pin(by="ana", at=NOW, why="good")).pinned
    assert ledger.footing("tips", DAY).waivers == ()
    ledger.close()


_VERSION_3 = """
    ALTER TABLE generations DROP COLUMN input_fingerprint;
    DROP INDEX runs_unsuccessful;
    DROP TABLE currents; DROP INDEX attempts_in_state;
    DROP INDEX runs_of_parent;
    ALTER TABLE runs DROP COLUMN parent_run_id;
    ALTER TABLE runs DROP COLUMN suite_fingerprint;
    ALTER TABLE runs DROP COLUMN planned;
    ALTER TABLE runs DROP COLUMN choice;
    UPDATE attempts SET cost = '{"read_s": 0.5, "peak_bytes": 7}';
    UPDATE ledger_info SET schema_version = 3;
"""


@pytest.fixture
def old(path: Path) -> Path:
    """The ledger as version 3 had it, with a run and an attempt; an older batch-scorer still writes to it."""
    ledger = open_ledger(path)
    ledger.record_attempt(make_attempt())
    ledger.close()
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript(_VERSION_3)
    return path


def test_looking_leaves_an_older_ledger_as_older_versions_know_it(old: Path) -> None:
    before = old.read_bytes()
    ledger = open_ledger_for_reading(old)
    assert ledger.run("last") == make_run()
    (attempt,) = ledger.attempts("01JQ8ZAAAA")
    assert attempt.cost == ChunkCost(read_s=0.5, peak_bytes=7)
    assert ledger.retries_of("01JQ8ZAAAA") == ()
    ledger.close()
    assert old.read_bytes() == before


def test_what_is_written_to_the_copy_of_an_older_ledger_is_refused_and_not_lost(old: Path) -> None:
    ledger = open_ledger_for_reading(old)
    with pytest.raises(OutputUnwritable):
        ledger.start_run(make_run("01JQ8ZBBBB"))
    ledger.close()


def test_an_older_ledger_on_a_read_only_mount_can_be_looked_at(old: Path, read_only: Path) -> None:
    ledger = open_ledger_for_reading(read_only)
    assert ledger.run("last") == make_run()
    ledger.close()
    assert old.exists()


def test_a_ledger_of_version_3_learns_of_retries(old: Path) -> None:
    ledger = open_ledger(old)
    choice = ModelChoice(version="t@1")
    retry = make_run("01JQ8ZBBBB", parent_run_id="01JQ8ZAAAA", planned={DAY.path: 0}, choice=choice)
    ledger.start_run(retry)
    assert ledger.run("last") == retry
    assert ledger.retries_of("01JQ8ZAAAA") == (retry,)
    assert ledger.run("01JQ8ZAAAA").planned is None
    ledger.close()


def test_an_older_ledger_is_left_as_it_is_while_an_older_batch_scorer_works_on_it(path: Path) -> None:
    """It would publish without telling what is current: what it published would then look like damage."""
    ledger = open_ledger(path)
    ledger.enter(make_holder(process=this_process(), heartbeat_at=dt.datetime.now(dt.UTC)))
    ledger.close()
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript(_VERSION_4)
    with pytest.raises(LockHeld, match="still at work: job tips, run 01JQ8ZAAAA by ana") as caught:
        open_ledger(path)
    assert caught.value.exit_code == 75
    looking = open_ledger_for_reading(path)
    assert len(looking.holders("tips")) == 1
    looking.close()
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT schema_version FROM ledger_info").fetchall() == [(4,)]
        raw.execute("UPDATE holders SET started = 'of a process that is gone'")
        raw.commit()
    open_ledger(path).close()


_VERSION_4 = """
    ALTER TABLE generations DROP COLUMN input_fingerprint;
    DROP INDEX runs_unsuccessful;
    DROP TABLE currents; DROP INDEX attempts_in_state;
    UPDATE ledger_info SET schema_version = 4;
"""


def test_looking_at_an_older_ledger_on_a_server_says_what_brings_it_up_to_date(database_url: str) -> None:
    ledger = open_ledger(database_url)
    ledger.close()
    database = connect(database_url)
    with closing(database), database.writing() as connection:
        connection.execute(text("UPDATE ledger_info SET schema_version = 3"))
    with pytest.raises(UsageError, match="its schema has version 3, this one reads") as caught:
        open_ledger_for_reading(database_url)
    assert caught.value.next_command == "batch-scorer repair JOB"
