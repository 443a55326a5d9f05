"""One SQL database: transactions, and its errors in words a person can act on."""

from __future__ import annotations

import functools
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import StaticPool

from batch_scorer.core.errors import (
    BatchScorerError,
    DamageFound,
    DiskFull,
    OutputUnwritable,
    StoreUnavailable,
)

_BUSY_TIMEOUT_MS = 30_000
_WRITES = {"batch_scorer_writes": True}
_PRAGMAS = (
    f"busy_timeout = {_BUSY_TIMEOUT_MS}",  # first: the next one may have to wait
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
)


class Database:
    """Made by `connect`. where: as a person would name it, without a password."""

    def __init__(self, engine: Engine, where: str) -> None:
        self.where = where
        self._engine = engine

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent snapshot. Raises: StoreUnavailable, DamageFound."""
        with self._told(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction: all of it or nothing. Raises: StoreUnavailable, DamageFound, OutputError."""
        with self._told(), self._engine.execution_options(**_WRITES).begin() as connection:
            yield connection

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise _in_words(error, self.where) from error


def connect(url_or_path: str | Path) -> Database:
    """A path means SQLite, and its directory is made. Raises: OutputUnwritable."""
    url = _url(url_or_path)
    engine = create_engine(url, json_serializer=_to_json)
    if url.get_backend_name() != "sqlite":
        return Database(engine, url.render_as_string(hide_password=True))
    path = Path(url.database or "")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(error.strerror or str(error), str(path)) from None
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return Database(engine, str(path))


def connect_for_reading(url_or_path: str | Path) -> Database:
    """An existing database, as it is: nothing is made, migrated or set, and a read-only mount will do.

    Raises: StoreUnavailable.
    """
    url = _url(url_or_path)
    if url.get_backend_name() != "sqlite":
        return connect(url_or_path)
    path = Path(url.database or "").absolute()
    engine = create_engine(url, creator=lambda: _open_unwritable(path), json_serializer=_to_json)
    event.listen(engine, "connect", _prepare_reader)
    event.listen(engine, "begin", _begin_sqlite)
    return Database(engine, str(path))


def connect_to_nothing(where: str) -> Database:
    """An empty database in memory, which answers for one at `where` that nobody has made yet."""
    engine = create_engine(
        "sqlite+pysqlite://",
        connect_args={"check_same_thread": False},
        poolclass=StaticPool,
        json_serializer=_to_json,
    )
    event.listen(engine, "connect", _prepare_reader)
    event.listen(engine, "begin", _begin_sqlite)
    return Database(engine, where)


def _url(url_or_path: str | Path) -> URL:
    if isinstance(url_or_path, str) and "://" in url_or_path:
        return make_url(url_or_path)
    return URL.create("sqlite+pysqlite", database=str(url_or_path))


_to_json = functools.partial(json.dumps, default=str, ensure_ascii=False)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # else the driver, not we, decides when a transaction begins
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _prepare_reader(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")


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


def _unread_log(log: str) -> StoreUnavailable:
    return StoreUnavailable(
        "the ledger cannot be read here: its newest changes are in a log that needs a writable directory",
        where=log,
        fix="look from where the job runs, or copy ledger.db and ledger.db-wal to a writable directory",
    )


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes its lock at once: one that reads first could not wait for another writer later."""
    writes = connection.get_execution_options().get("batch_scorer_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _in_words(error: DBAPIError, where: str) -> BatchScorerError:
    """SQLite names its errors; whatever else a driver raises means the database does not answer."""
    name = getattr(error.orig, "sqlite_errorname", "")
    why = str(error.orig)
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return _damaged(why, where)
    if name.startswith("SQLITE_FULL"):
        return DiskFull("no space left for the ledger", where=where, fix="free some space")
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        return _unwritable(why, where)
    if isinstance(error, IntegrityError):
        return DamageFound(f"the ledger already says otherwise: {why}", where=where)
    return StoreUnavailable(
        f"the ledger does not answer: {why}", where=where, fix="try again when the database is reachable"
    )


def _damaged(why: str, where: str) -> DamageFound:
    return DamageFound(
        f"the ledger is damaged: {why}",
        where=where,
        fix="put it back from a backup; the manifests beside it still say what was published. "
        "Do not delete it: every partition would look unscored",
    )


def _unwritable(why: str, where: str) -> OutputUnwritable:
    return OutputUnwritable(
        f"the ledger cannot be written: {why}",
        where=where,
        fix="make the state directory writable for this user",
    )
