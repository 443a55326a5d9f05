"""Whether the file of a SQLite ledger is whole: SQLite itself looks at no page that a query does not need."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from batch_scorer.ledger.database import connect_for_reading, file_of, is_server
from batch_scorer.ledger.sqlite import damaged


def check_whole(url_or_path: str | Path) -> None:
    """Every page, and every index against its table. A server looks after its own files.

    Raises: DamageFound, StoreUnavailable.
    """
    if is_server(url_or_path) or not file_of(url_or_path).exists():
        return
    file = file_of(url_or_path)
    database = connect_for_reading(url_or_path)
    try:
        with database.reading() as connection:
            page_bytes = connection.scalar(text("PRAGMA page_size"))
            first = connection.scalar(text("PRAGMA integrity_check(1)"))
    finally:
        database.close()
    if first != "ok":
        raise damaged(str(first), str(file))
    if file.stat().st_size % page_bytes:  # SQLite takes what is missing of a page for zeros
        raise damaged("it was cut short, in the middle of a page", str(file))
