"""What the ledger's databases have in common: how a transaction begins, and how JSON is written."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from batch_scorer.core.errors import BatchScorerError

WRITES = {"batch_scorer_writes": True}
WRITES_SOON = {**WRITES, "batch_scorer_lasts_later": True}


def will_write(connection: Connection) -> bool:
    """Whether the transaction that begins here is one of a `writer`."""
    return bool(connection.get_execution_options().get("batch_scorer_writes", False))


def lasts_later(connection: Connection) -> bool:
    """Whether a power cut may take back the transaction that begins here, until one that lasts follows it."""
    return bool(connection.get_execution_options().get("batch_scorer_lasts_later", False))


def begun(engine: Engine, then: Callable[[Connection], None] | None = None) -> Connection:
    """A connection whose transaction has begun.

    then: what a database needs to be told at that moment. An engine with a listener for it would ask at every
    step of every statement whether somebody listens there, too, which took an eighth of a statement's time.
    """
    connection = engine.connect()
    try:
        connection.begin()
        if then is not None:
            then(connection)
    except BaseException:
        connection.close()
        raise
    return connection


@dataclass(frozen=True, slots=True, kw_only=True)
class BackEnd:
    """One database. where: as a person would name it, without a password. reader, writer: on one pool.

    soon: a writer whose transactions need not last before one of `writer` follows; it may be `writer`.

    in_words: a driver's error at `where`, as one of ours. begin: gives a connection in a new transaction.
    """

    where: str
    reader: Engine
    writer: Engine
    soon: Engine
    in_words: Callable[[DBAPIError, str], BatchScorerError]
    begin: Callable[[Engine], Connection] = begun


to_json = functools.partial(json.dumps, default=str, ensure_ascii=False)


def to_strict_json(value: Any) -> str:
    """The same for databases that read JSON: what it has no number for (NaN, infinity) becomes text."""
    try:
        return to_json(value, allow_nan=False)
    except ValueError:
        return to_json(_finite(value))


def _finite(value: Any) -> Any:
    match value:
        case float() if not math.isfinite(value):
            return str(value)
        case dict():
            return {key: _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
        case _:
            return value
