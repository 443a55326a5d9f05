"""One SQL database, in a file or on a server: its transactions, and how to reach it."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from batch_scorer.ledger.engines import BackEnd
from batch_scorer.ledger.sqlite import (
    copy_in_memory,
    refuse_writes,
    sqlite_file,
    sqlite_file_as_it_is,
    sqlite_in_memory,
)


class Database:
    """Made by `connect`. where: as a person would name it, without a password."""

    def __init__(self, back_end: BackEnd) -> None:
        self.where = back_end.where
        self._back_end = back_end
        # A ledger that nobody closed lets go of its connections, too: a server has only so many.
        self._release = weakref.finalize(self, back_end.reader.dispose)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent snapshot. Raises: StoreUnavailable, DamageFound."""
        with self._told(), self._back_end.begin(self._back_end.reader) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction: all of it or nothing, and nobody else writes meanwhile.

        Raises: StoreUnavailable, DamageFound, OutputError.
        """
        with self._told(), self._back_end.begin(self._back_end.writer) as connection:
            yield connection
            connection.commit()

    @contextmanager
    def writing_soon(self) -> Iterator[Connection]:
        """The same, and others see it at once; but on our own disk a power cut may take it back, until a
        transaction of `writing` follows. For what a power cut makes void anyway: it ends who wrote it.

        Raises: StoreUnavailable, DamageFound, OutputError.
        """
        with self._told(), self._back_end.begin(self._back_end.soon) as connection:
            yield connection
            connection.commit()

    def copied_in_memory(self) -> Database:
        """Of SQLite only: what it holds now, in a database of our own.

        Raises: StoreUnavailable, DamageFound.
        """
        try:
            return Database(copy_in_memory(self._back_end))
        except sqlite3.Error as error:
            told = DBAPIError("backup", None, error)
            raise self._back_end.in_words(told, self.where) from error

    def refuse_writes(self) -> None:
        """Of one in memory only: what were written to it would be lost."""
        refuse_writes(self._back_end)

    def close(self) -> None:
        self._release()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self._back_end.in_words(error, self.where) from error


def connect(url_or_path: str | Path) -> Database:
    """A path means SQLite, and its directory is made. Raises: OutputUnwritable, ConfigInvalid."""
    if is_server(url_or_path):
        return Database(_server(str(url_or_path)))
    return Database(sqlite_file(file_of(url_or_path)))


def connect_for_reading(url_or_path: str | Path) -> Database:
    """An existing database, as it is: nothing is made, migrated or set, and a read-only mount will do.

    Raises: StoreUnavailable, ConfigInvalid.
    """
    if is_server(url_or_path):
        return Database(_server(str(url_or_path)))
    return Database(sqlite_file_as_it_is(file_of(url_or_path)))


def connect_to_nothing(where: str) -> Database:
    """An empty database in memory, which answers for one at `where` that nobody has made yet."""
    return Database(sqlite_in_memory(where))


def is_server(url_or_path: str | Path) -> bool:
    """Whether it is the URL of a database server, and not a file of ours."""
    return isinstance(url_or_path, str) and "://" in url_or_path and not url_or_path.startswith("sqlite")


def file_of(url_or_path: str | Path) -> Path:
    """Of SQLite, by its path or as `sqlite:///path`."""
    return Path(str(url_or_path).removeprefix("sqlite:///"))


def _server(url: str) -> BackEnd:
    from batch_scorer.ledger.postgresql import postgresql_server

    return postgresql_server(url)
