"""Waived rules of a quarantine, as rows. Every function works in the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, insert, select

from batch_scorer.core.waivers import Waiver
from batch_scorer.ledger.encoding import waiver_from_row, waiver_to_row
from batch_scorer.ledger.schema import waivers


def write(connection: Connection, waiver: Waiver) -> None:
    connection.execute(insert(waivers).values(**waiver_to_row(waiver)))


def find(connection: Connection, job: str, paths: Collection[str] | None = None) -> tuple[Waiver, ...]:
    """Oldest first. paths: only of these partitions; None for all of the job's."""
    query = select(waivers).where(waivers.c.job == job).order_by(waivers.c.id)
    if paths is not None:
        query = query.where(waivers.c.partition_path.in_(paths))
    return tuple(waiver_from_row(row) for row in connection.execute(query).mappings())
