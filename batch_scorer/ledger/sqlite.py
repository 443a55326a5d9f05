"""The ledger in a SQLite file: how it is opened, and SQLite's errors in words a person can act on."""

from __future__ import annotations

import shlex
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import PoolProxiedConnection, StaticPool

from batch_scorer.core.errors import (
    BatchScorerError,
    DamageFound,
    DiskFull,
    OutputUnwritable,
    StoreUnavailable,
)
from batch_scorer.ledger.disks import is_full
from batch_scorer.ledger.engines import WRITES, WRITES_SOON, BackEnd, begun, lasts_later, to_json, will_write

_BUSY_TIMEOUT_MS = 30_000
_LAST_WAS_LATER = "last_was_later"  # of a connection: what its last writing transaction was


def sqlite_file(path: Path) -> BackEnd:
    """Its directory is made. Raises: OutputUnwritable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(error.strerror or str(error), str(path)) from None
    engine = create_engine(_url(path), json_serializer=to_json)
    event.listen(engine, "connect", _prepare_writer)
    return _back_end(engine, str(path))


def sqlite_file_as_it_is(path: Path) -> BackEnd:
    """An existing file: nothing is made, migrated or set, and a read-only mount will do."""
    path = path.absolute()
    engine = create_engine(_url(path), creator=lambda: _open_unwritable(path), json_serializer=to_json)
    event.listen(engine, "connect", _prepare_reader)
    return _back_end(engine, str(path))


def sqlite_in_memory(where: str) -> BackEnd:
    engine = create_engine(
        "sqlite+pysqlite://",
        connect_args={"check_same_thread": False},
        poolclass=StaticPool,
        json_serializer=to_json,
    )
    event.listen(engine, "connect", _prepare_reader)
    return _back_end(engine, where)


def copy_in_memory(source: BackEnd) -> BackEnd:
    """What is in a SQLite database now, as another one that nobody else sees. Raises: DBAPIError."""
    copy = sqlite_in_memory(source.where)
    with closing(source.reader.raw_connection()) as found, closing(copy.reader.raw_connection()) as made:
        _driver(found).backup(_driver(made))
    return copy


def refuse_writes(back_end: BackEnd) -> None:
    """From now on; for a database in memory, which has one connection only."""
    with closing(back_end.reader.raw_connection()) as connection:
        _driver(connection).execute("PRAGMA query_only = ON")


def _driver(connection: PoolProxiedConnection) -> sqlite3.Connection:
    driver = connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101 (made by this module)
    return driver


def _back_end(engine: Engine, where: str) -> BackEnd:
    return BackEnd(
        where=where,
        reader=engine,
        writer=engine.execution_options(**WRITES),
        soon=engine.execution_options(**WRITES_SOON),
        in_words=in_words,
        begin=partial(begun, then=_begin),
    )


def _url(path: Path) -> URL:
    return URL.create("sqlite+pysqlite", database=str(path))


def _prepare_writer(connection: Any, _record: Any) -> None:
    _prepare_reader(connection, _record)
    _write_a_log_ahead(connection)
    connection.execute("PRAGMA foreign_keys = ON")


def _prepare_reader(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # else the driver, not we, decides when a transaction begins
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")


def _write_a_log_ahead(connection: sqlite3.Connection) -> None:
    """Two that switch a new file would wait for each other, so SQLite tells one of them at once: locked.

    Raises: sqlite3.OperationalError, when it is still locked after as long as any other statement waits.
    """
    if connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
        return
    import stamina

    for attempt in stamina.retry_context(
        on=_is_busy,
        attempts=None,
        timeout=_BUSY_TIMEOUT_MS / 1000,
        wait_initial=0.01,
        wait_max=0.2,
        wait_jitter=0.05,
    ):
        with attempt:
            connection.execute("PRAGMA journal_mode = WAL")


def _is_busy(error: Exception) -> bool:
    return getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY")


def _open_unwritable(path: Path) -> sqlite3.Connection:
    """mode=ro needs the index of the write-ahead log; where SQLite cannot make it, the file must stand still.

    immutable ignores the log. That loses nothing when the log is empty; else old answers would look new.
    """
    uri = f"file:{quote(str(path))}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.Error as error:
        connection.close()
        log = path.with_name(f"{path.name}-wal")
        if not error.sqlite_errorname.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
            raise
        if log.exists() and log.stat().st_size:
            raise _unread_log(str(log)) from None
        return sqlite3.connect(f"{uri}&immutable=1", uri=True, check_same_thread=False)
    return connection


def _begin(connection: Connection) -> None:
    """A writer takes its lock at once: one that reads first could not wait for another writer later.

    With a log ahead, NORMAL commits without fsync and FULL with one, which makes all before it last, too.
    """
    if not will_write(connection):
        connection.exec_driver_sql("BEGIN")
        return
    later = lasts_later(connection)
    if not (later and connection.info.get(_LAST_WAS_LATER)):  # else it is set already, and most are
        connection.exec_driver_sql(f"PRAGMA synchronous = {'NORMAL' if later else 'FULL'}")
        connection.info[_LAST_WAS_LATER] = later
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def in_words(error: DBAPIError, where: str) -> BatchScorerError:
    """SQLite names its errors; whatever else it raises means that the database does not answer."""
    name = getattr(error.orig, "sqlite_errorname", "")
    why = f"{error.orig} ({name})" if name else str(error.orig)
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return damaged(why, where)
    if name.startswith("SQLITE_FULL") or (name.startswith("SQLITE_IOERR") and is_full(Path(where))):
        return _full(where)
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        return _unwritable(why, where)
    if name.startswith("SQLITE_BUSY"):
        return _locked(why, where)
    if name.startswith("SQLITE_IOERR"):
        return _broken_disk(why, where)
    if isinstance(error, IntegrityError):
        return DamageFound(f"the ledger already says otherwise: {why}", where=where)
    return StoreUnavailable(
        f"the ledger does not answer: {why}",
        where=where,
        fix="look at the file and its disk, then run again: what was published stays",
        next_command="batch-scorer doctor",
    )


def _unread_log(log: str) -> StoreUnavailable:
    return StoreUnavailable(
        "the ledger cannot be read here: its newest changes are in a log that needs a writable directory",
        where=log,
        fix="look from where the job runs, or copy ledger.db and ledger.db-wal to a writable directory",
    )


def damaged(why: str, where: str) -> DamageFound:
    return DamageFound(
        f"the ledger is damaged: {why}",
        where=where,
        fix="put it back from a backup; without one move it aside, with the -wal and -shm beside it, and "
        "tell it again from the manifests, for each job; until then runs refuse to begin",
        next_command="batch-scorer ledger rebuild JOB",
    )


def _full(where: str) -> DiskFull:
    return DiskFull(
        "no space left for the ledger",
        where=where,
        fix="free some space on its disk, then repeat the command: what was published stays",
        next_command="batch-scorer gc --older-than 30d --dry-run",
    )


def _locked(why: str, where: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"the ledger was locked for {_BUSY_TIMEOUT_MS // 1000} s: {why}",
        where=where,
        fix="no command of ours holds it for so long: end what does, such as a backup or a shell of sqlite3 "
        "in a transaction, then run again",
        next_command=f"fuser -v {shlex.quote(where)}",
    )


def _broken_disk(why: str, where: str) -> StoreUnavailable:
    """Room there is, as far as the file system tells; a quota it does not tell of."""
    return StoreUnavailable(
        f"the disk of the ledger failed: {why}",
        where=where,
        fix="look at the disk and its mount (dmesg, a quota), mend it, then run again: SQLite takes back "
        "what it had not finished, and what was published stays",
        next_command="batch-scorer doctor",
    )


def _unwritable(why: str, where: str) -> OutputUnwritable:
    return OutputUnwritable(
        f"the ledger cannot be written: {why}",
        where=where,
        fix="let this user write the state directory, ledger.db and the -wal and -shm beside it; if all of "
        "that is so, look whether its disk is mounted read-only",
        next_command="batch-scorer doctor",
    )
