"""Whether a ledger takes a transaction from this user, found out by one that is taken back."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import update

from batch_scorer.ledger.database import connect, file_of, is_server
from batch_scorer.ledger.migrations import version_of
from batch_scorer.ledger.schema import ledger_info


def try_writing(url_or_path: str | Path) -> int | None:
    """The ledger's schema version; None when there is no ledger yet, and none is made.

    Raises: OutputUnwritable, DiskFull, DamageFound, StoreUnavailable, ConfigInvalid.
    """
    if not is_server(url_or_path) and not file_of(url_or_path).exists():
        return None
    database = connect(url_or_path)
    try:
        with database.reading() as connection:
            version = version_of(connection)
        if version is not None:
            with database.writing() as connection:
                connection.execute(update(ledger_info).values(schema_version=version))
                raise _TakenBack
    except _TakenBack:
        pass
    finally:
        database.close()
    return version


class _TakenBack(Exception):
    """Leaves a transaction without its changes."""
