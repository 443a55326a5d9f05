"""Generations that were opened and are not published, as rows. Works in the caller's transaction."""

from __future__ import annotations

from sqlalchemy import Connection, RowMapping, delete, insert, select

from batch_scorer.core.leases import Opening
from batch_scorer.core.partitions import Partition
from batch_scorer.ledger.asking import of_partition, which
from batch_scorer.ledger.encoding import partition_from_json, partition_to_json
from batch_scorer.ledger.schema import openings

_INSERT = insert(openings)
_DELETE = delete(openings).where(*of_partition(openings))


def write(connection: Connection, opening: Opening) -> None:
    """Instead of the one that was open, if one was."""
    close(connection, opening.job, opening.partition)
    row = {
        "job": opening.job,
        "partition_path": opening.partition.path,
        "partition_values": partition_to_json(opening.partition),
        "number": opening.number,
        "run_id": opening.run_id,
        "key": opening.key,
        "staging": opening.staging,
        "opened_at": opening.opened_at,
        "previous_sha256": opening.previous_sha256,
        "renamed_from": opening.renamed_from,
    }
    connection.execute(_INSERT, row)


def close(connection: Connection, job: str, partition: Partition) -> None:
    connection.execute(_DELETE, which(job, partition))


def find(connection: Connection, job: str, partition: Partition | None = None) -> tuple[Opening, ...]:
    query = select(openings).where(openings.c.job == job).order_by(openings.c.partition_path)
    if partition is not None:
        query = query.where(openings.c.partition_path == partition.path)
    return tuple(_opening(row) for row in connection.execute(query).mappings())


def _opening(row: RowMapping) -> Opening:
    return Opening(
        job=row["job"],
        partition=partition_from_json(row["partition_values"]),
        number=row["number"],
        run_id=row["run_id"],
        key=row["key"],
        staging=row["staging"],
        opened_at=row["opened_at"],
        previous_sha256=row["previous_sha256"],
        renamed_from=row["renamed_from"],
    )
