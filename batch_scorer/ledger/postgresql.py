"""The ledger on a PostgreSQL server: how it is reached, and its errors in words a person can act on."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, OperationalError

from batch_scorer.core.errors import (
    BatchScorerError,
    ConfigInvalid,
    DamageFound,
    DiskFull,
    OutputUnwritable,
    StoreUnavailable,
)
from batch_scorer.core.urls import without_password
from batch_scorer.ledger.engines import WRITES, BackEnd, begun, to_strict_json, will_write

_CONNECT_TIMEOUT_S = 10
_MAX_TRIES = 3
# Seconds. Idle: a writer that was stopped or lost its network must not keep the others out.
_LIMITS = (
    "SET LOCAL lock_timeout = '30s'; SET LOCAL statement_timeout = '120s'; "
    "SET LOCAL idle_in_transaction_session_timeout = '60s'"
)
_WRITERS_LOCK = 0x6261_7463_6873_636F  # "batchsco": never change it, older versions must wait for the same
# READ COMMITTED: the statements that follow the lock see what was committed before it was given.
_WRITING = (
    "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET LOCAL synchronous_commit = on",  # durable on return, whatever the server's default is
    f"SELECT pg_advisory_xact_lock({_WRITERS_LOCK})",
)
_READING = ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",)
_DEFAULTS: dict[str, Any] = {
    "application_name": "batch-scorer",
    "client_encoding": "utf8",
    "connect_timeout": _CONNECT_TIMEOUT_S,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
# Before there is a session the driver has no SQLSTATE, only what server or libpq say.
_REFUSALS = re.compile(
    r"authentication failed|no password supplied|no pg_hba\.conf entry|permission denied for database"
    r'|(?:database|role|user) ".*" does not exist|no such (?:database|user)|not permitted to log in'
    r"|does not support SSL|certificate verify failed|unrecognized configuration parameter"
    r"|invalid (?:connection option|sslmode|port|integer)"
)
_UNWRITABLE = ("25006", "42501")  # a read-only server or transaction; rights that the role lacks
_DAMAGED = ("XX001", "XX002", "42P01", "42703")  # corrupted data or index; a table or column is gone
_PASSING = ("08", "57P", "53300")  # the connection broke; the server stops or starts; it has no room for us
_LOCKED = "55P03"
_DISK_FULL = "53100"


def postgresql_server(url_text: str) -> BackEnd:
    """Nothing is connected yet. Raises: ConfigInvalid: no such URL, or no driver."""
    where = without_password(url_text)
    try:
        url = _with_driver(make_url(url_text))
        engine = create_engine(
            url,
            json_serializer=to_strict_json,
            pool_pre_ping=True,
            pool_size=2,
            use_native_hstore=False,  # else every first connection asks for a type that we do not have
            connect_args=_connect_args(url),
        )
    except ImportError as error:
        raise ConfigInvalid(
            f"the driver of PostgreSQL is not installed: {error}",
            where=f"output.state_db: {where}",
            fix='pip install "batch-scorer[postgres]"',
        ) from None
    except (ArgumentError, ValueError):  # their messages repeat the URL
        raise _not_a_url(where) from None
    event.listen(engine, "connect", _replace_zero_bytes)
    event.listen(engine, "begin", _begin)
    return BackEnd(
        where=where,
        reader=engine,
        writer=engine.execution_options(**WRITES),
        # It may restart while those who wrote to it live on: whatever it has said must last.
        soon=engine.execution_options(**WRITES),
        in_words=in_words,
        begin=_begun_in_the_end,
    )


def in_words(error: DBAPIError, where: str) -> BatchScorerError:
    """By SQLSTATE; whatever else the driver raises means that the database does not answer."""
    state = _state(error)
    why = _why(error)
    if state == _DISK_FULL:
        return DiskFull(
            f"no space left for the ledger: {why}", where=where, fix="free some space on the database server"
        )
    if state in _UNWRITABLE:
        return _unwritable(why, where)
    if state in _DAMAGED:
        return _damaged(why, where)
    if isinstance(error, IntegrityError):
        return DamageFound(f"the ledger already says otherwise: {why}", where=where)
    if _is_refused(error):
        return _refused(why, where)
    if state == _LOCKED:
        why = "another process has been writing for more than 30 s"
    return StoreUnavailable(
        f"the ledger does not answer: {why}",
        where=where,
        fix="try again when the database is reachable; if it stays so, check output.state_db",
    )


def _with_driver(url: URL) -> URL:
    plain = url.drivername in ("postgresql", "postgres")
    return url.set(drivername="postgresql+psycopg") if plain else url


def _connect_args(url: URL) -> dict[str, Any]:
    """What the URL says wins. Nothing is prepared: a pooler in between may change the session under us."""
    defaults = {name: value for name, value in _DEFAULTS.items() if name not in url.query}
    return {**defaults, "prepare_threshold": None}


def _begin(connection: Connection) -> None:
    """Writers come one at a time, as in SQLite: what one checks stays true until it commits.

    All in one message, to which the server answers once.
    """
    as_intended = _WRITING if will_write(connection) else _READING
    connection.exec_driver_sql("; ".join((as_intended[0], _LIMITS, *as_intended[1:])))


def _begun_in_the_end(engine: Engine) -> Connection:
    """A lost connection is tried again here, where nothing has been done yet, and nowhere else."""
    import stamina

    retries = stamina.retry_context(
        on=_may_pass, attempts=_MAX_TRIES, timeout=_CONNECT_TIMEOUT_S, wait_initial=0.1, wait_jitter=0.2
    )
    for attempt in retries:
        with attempt:
            return begun(engine)
    raise AssertionError("stamina tries at least once")


def _may_pass(error: Exception) -> bool:
    """Gone, starting up, full: but never what was refused, or has used up its time."""
    if not isinstance(error, OperationalError) or _is_refused(error):
        return False
    if type(error.orig).__name__ == "ConnectionTimeout":
        return False
    return not _state(error) or _state(error).startswith(_PASSING)


def _is_refused(error: DBAPIError) -> bool:
    return not _state(error) and bool(_REFUSALS.search(_why(error)))


def _state(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


def _why(error: DBAPIError) -> str:
    """One line: what follows would be details, which may hold values of rows."""
    primary = getattr(getattr(error.orig, "diag", None), "message_primary", None)
    return primary or next(iter(str(error.orig).splitlines()), type(error.orig).__name__)


def _replace_zero_bytes(connection: Any, _record: Any) -> None:
    """A message may quote any row of the lake, but a server's text holds no zero byte."""
    from psycopg.types.string import StrDumper

    class Printable(StrDumper):
        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace("\0", "\N{SYMBOL FOR NULL}"))

    connection.adapters.register_dumper(str, Printable)


def _not_a_url(where: str) -> ConfigInvalid:
    return ConfigInvalid(
        "output.state_db is no URL of a PostgreSQL database",
        where=where,
        fix="write postgresql+psycopg://user:password@host:5432/database, percent-encoding what is no letter "
        "or digit in user and password",
    )


def _refused(why: str, where: str) -> ConfigInvalid:
    return ConfigInvalid(
        f"the ledger's database does not let us in: {why}",
        where=f"output.state_db: {where}",
        fix="correct user, password or database in output.state_db, or in the environment variable it names; "
        "the database itself must exist, its tables are made by the first run",
    )


def _damaged(why: str, where: str) -> DamageFound:
    return DamageFound(
        f"the ledger is damaged: {why}",
        where=where,
        fix="put it back from a backup; the manifests in output.state still say what was published",
    )


def _unwritable(why: str, where: str) -> OutputUnwritable:
    return OutputUnwritable(
        f"the ledger cannot be written: {why}",
        where=where,
        fix="name the primary server, not a standby, and a user that may create tables in its schema and "
        "write to them",
    )
