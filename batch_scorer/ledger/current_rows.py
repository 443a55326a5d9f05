"""Which generation of each partition is current, as rows: a history may be long, and this is what is asked.

The current one is the published one with the highest number. The table repeats what `generations` says, in
the transaction that publishes; whoever reads it still asks the generation's own row. Works in the caller's
transaction.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from batch_scorer.core.partitions import Partition
from batch_scorer.core.records import GenerationState
from batch_scorer.ledger.asking import of_partition, which
from batch_scorer.ledger.encoding import partition_from_json
from batch_scorer.ledger.schema import currents, generations

_NUMBER = select(currents.c.number).where(*of_partition(currents))
_UPDATE, _INSERT = update(currents).where(*of_partition(currents)), insert(currents)


def write(connection: Connection, generation_id: int, job: str, partition: Partition, number: int) -> None:
    """From now on `number`, which is published, unless a later one is."""
    this, row = which(job, partition), _row(generation_id, job, partition, number)
    known = connection.scalar(_NUMBER, this)
    if known is None:
        connection.execute(_INSERT, row)
    elif known <= number:
        connection.execute(_UPDATE, {**this, **row})


def derive(connection: Connection) -> None:
    """All rows anew, from the generations."""
    newest = (
        select(
            generations.c.job, generations.c.partition_path, func.max(generations.c.number).label("number")
        )
        .where(generations.c.state == GenerationState.PUBLISHED.value)
        .group_by(generations.c.job, generations.c.partition_path)
        .subquery()
    )
    asked = (generations.c.id, generations.c.job, generations.c.partition_values, generations.c.number)
    on = (
        (generations.c.job == newest.c.job)
        & (generations.c.partition_path == newest.c.partition_path)
        & (generations.c.number == newest.c.number)
    )
    connection.execute(delete(currents))
    found = connection.execute(select(*asked).join(newest, on)).all()
    rows = [_row(row.id, row.job, partition_from_json(row.partition_values), row.number) for row in found]
    if rows:
        connection.execute(insert(currents), rows)


def count(connection: Connection, job: str) -> int:
    return connection.execute(
        select(func.count()).select_from(currents).where(currents.c.job == job)
    ).scalar_one()


def newest(connection: Connection, job: str) -> Partition | None:
    """That of the latest day, whichever key that is; without one, the last by path."""
    last = (
        select(currents.c.generation_id)
        .where(currents.c.job == job)
        .order_by(currents.c.day.desc(), currents.c.partition_path.desc())
        .limit(1)
    )
    query = select(generations.c.partition_values).where(generations.c.id.in_(last))
    values = connection.scalar(query)
    return None if values is None else partition_from_json(values)


def partitions(connection: Connection, job: str, after: str, limit: int) -> list[tuple[str, Partition]]:
    """That are published, by path. after: only those behind this path.

    Paths are as the rows are found by: of a damaged one the values may say something else.
    """
    query = (
        select(currents.c.partition_path, generations.c.partition_values)
        .join(currents, currents.c.generation_id == generations.c.id)
        .where(currents.c.job == job, currents.c.partition_path > after)
        .order_by(currents.c.partition_path)
        .limit(limit)
    )
    return [(path, partition_from_json(values)) for path, values in connection.execute(query)]


def is_of(job: str, path: str) -> tuple[ColumnElement[bool], ...]:
    return currents.c.job == job, currents.c.partition_path == path


def _row(generation_id: int, job: str, partition: Partition, number: int) -> dict[str, Any]:
    return {
        "job": job,
        "partition_path": partition.path,
        "number": number,
        "generation_id": generation_id,
        "day": partition.date.isoformat() if partition.date else "",
    }
