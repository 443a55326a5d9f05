"""Opening a ledger: to work with, or only to look."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from batch_scorer.core.errors import StoreUnavailable, UsageError
from batch_scorer.ledger.database import (
    Database,
    connect,
    connect_for_reading,
    connect_to_nothing,
    file_of,
    is_server,
)
from batch_scorer.ledger.disks import refuse_network_disk
from batch_scorer.ledger.ledger import Ledger
from batch_scorer.ledger.migrations import bring_up_to_date, newest_version, refuse_beside_others, version_of
from batch_scorer.ledger.sql_ledger import SqlLedger


def open_ledger(url_or_path: str | Path) -> Ledger:
    """Open a ledger; make it, or bring its tables up to date, when that is needed. A path means SQLite.

    Raises: OutputUnwritable, DiskFull, DamageFound, StoreUnavailable; UsageError, when a newer
    batch-scorer wrote it; LockHeld, when an older one is at work on it; ConfigInvalid: a file on a network
    file system, or a server that lets nobody in.
    """
    if not is_server(url_or_path):
        refuse_network_disk(file_of(url_or_path))
    return _current(connect(url_or_path))


def open_ledger_for_reading(url_or_path: str | Path) -> Ledger:
    """For verbs that only look: makes no directory, file or table, and a read-only mount will do.

    Where there is no ledger yet, an empty one in memory answers; for one in a file whose tables are older, a
    copy that was brought up to date there: the file stays as older versions of batch-scorer know it.
    Raises: as open_ledger, but a network file system will do; UsageError also for older tables on a server.
    """
    if is_server(url_or_path):
        return _as_it_is(connect_for_reading(url_or_path), _refused_as_too_old)
    path = file_of(url_or_path).absolute()
    if not _is_there(path):
        return _current(connect_to_nothing(str(path)))
    if os.access(path.parent, os.W_OK):
        return _as_it_is(connect(path), _copy_up_to_date)  # readers beside a writer share its log
    return _as_it_is(connect_for_reading(path), _copy_up_to_date)


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreUnavailable(
            f"the ledger cannot be read: {error.strerror}",
            where=str(path),
            fix="check output.state in the job file, and that this user may read it",
        ) from None
    return True


def _as_it_is(database: Database, of_older_tables: Callable[[Database, int], Ledger]) -> Ledger:
    version = _version(database)
    if version is None:
        database.close()
        return _current(connect_to_nothing(database.where))
    return of_older_tables(database, version) if version < newest_version() else _current(database)


def _copy_up_to_date(database: Database, _version: int) -> Ledger:
    with _closed_on_error(database):
        copy = database.copied_in_memory()
    database.close()
    with copy.writing() as connection:
        bring_up_to_date(connection, dt.datetime.now(dt.UTC))
    copy.refuse_writes()
    return SqlLedger(copy)


def _refused_as_too_old(database: Database, version: int) -> Ledger:
    database.close()
    raise UsageError(
        f"the ledger was written by an older batch-scorer: its schema has version {version}, "
        f"this one reads {newest_version()}",
        where=database.where,
        fix="the next run brings it up to date, or do it now; looking alone changes nothing",
        next_command="batch-scorer repair JOB",
    )


def _current(database: Database) -> Ledger:
    """The ledger in a database, with tables of the version this code knows.

    Raises: LockHeld, when somebody works on tables of an older one.
    """
    if _version(database) != newest_version():
        now = dt.datetime.now(dt.UTC)
        with _closed_on_error(database), database.writing() as connection:
            refuse_beside_others(connection, now)
            bring_up_to_date(connection, now)
    return SqlLedger(database)


def _version(database: Database) -> int | None:
    with _closed_on_error(database), database.reading() as connection:
        return version_of(connection)


@contextmanager
def _closed_on_error(database: Database) -> Iterator[None]:
    try:
        yield
    except BaseException:
        database.close()
        raise
