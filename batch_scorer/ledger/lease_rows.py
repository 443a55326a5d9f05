"""Holders and their leases, as rows. Every function works in the caller's transaction."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, bindparam, delete, insert, select, update

from batch_scorer.core.errors import LeaseLost
from batch_scorer.core.leases import Holder, Lease
from batch_scorer.core.partitions import Partition, typed
from batch_scorer.core.processes import ProcessIdentity
from batch_scorer.ledger.asking import of_partition, which
from batch_scorer.ledger.encoding import partition_from_json, partition_to_json
from batch_scorer.ledger.schema import holders, leases

_TOKEN = select(leases.c.token).where(*of_partition(leases))
_OURS_AND_TAKEN = (
    select(holders.c.token, leases.c.token)
    .outerjoin_from(holders, leases, and_(*of_partition(leases)))
    .where(holders.c.token == bindparam("token"))
)
_INSERT = insert(leases)
_RELEASE = delete(leases).where(*of_partition(leases), leases.c.token == bindparam("token"))


def enter(connection: Connection, holder: Holder) -> None:
    process = holder.process
    connection.execute(
        insert(holders).values(
            token=holder.token,
            job=holder.job,
            verb=holder.verb,
            run_id=holder.run_id,
            host=process.host,
            boot=process.boot,
            pid=process.pid,
            started=process.started,
            user=holder.user,
            since=holder.since,
            heartbeat_at=holder.heartbeat_at,
        )
    )


def leave(connection: Connection, token: str) -> None:
    """A process ends: its leases go with it. Repeatable."""
    connection.execute(delete(leases).where(leases.c.token == token))
    connection.execute(delete(holders).where(holders.c.token == token))


def beat(connection: Connection, token: str, now: dt.datetime) -> Holder | None:
    """None, when somebody took the holder for dead and removed it."""
    connection.execute(update(holders).where(holders.c.token == token).values(heartbeat_at=now))
    row = connection.execute(select(holders).where(holders.c.token == token)).mappings().first()
    return None if row is None else _holder(row)


def holders_of(connection: Connection, job: str) -> tuple[Holder, ...]:
    """Longest at work first."""
    query = select(holders).where(holders.c.job == job).order_by(holders.c.since, holders.c.token)
    return tuple(_holder(row) for row in connection.execute(query).mappings())


def all_holders(connection: Connection) -> tuple[Holder, ...]:
    """Of every job."""
    return tuple(_holder(row) for row in connection.execute(select(holders)).mappings())


def leases_of(connection: Connection, job: str) -> tuple[Lease, ...]:
    by_token = {holder.token: holder for holder in holders_of(connection, job)}
    query = select(leases).where(leases.c.job == job).order_by(leases.c.partition_path)
    return tuple(_lease(row, by_token.get(row["token"])) for row in connection.execute(query).mappings())


def lease_of(connection: Connection, job: str, partition: Partition) -> Lease | None:
    row = connection.execute(select(leases).where(*_is(job, partition))).mappings().first()
    if row is None:
        return None
    holder = connection.execute(select(holders).where(holders.c.token == row["token"])).mappings().first()
    return _lease(row, None if holder is None else _holder(holder))


def take(
    connection: Connection,
    job: str,
    partition: Partition,
    token: str,
    now: dt.datetime,
    *,
    instead_of: str | None,
) -> bool:
    """Compare and set: only if the lease is that of `instead_of` still (None: nobody's)."""
    found = connection.execute(_OURS_AND_TAKEN, {**which(job, partition), "token": token}).first()
    if found is None:
        raise LeaseLost(
            "this run was taken for dead, and may take nothing more in hand",
            where=f"job {job}",
            fix="run again: what was published stays; it was silent for too long, or its clock is wrong",
        )
    if found[1] != instead_of:
        return False
    if instead_of is not None:
        connection.execute(delete(leases).where(*_is(job, partition)))
    row = {
        "job": job,
        "partition_path": partition.path,
        "partition_values": partition_to_json(partition),
        "token": token,
        "taken_at": now,
    }
    connection.execute(_INSERT, row)
    return True


def release(connection: Connection, job: str, partition: Partition, token: str) -> None:
    connection.execute(_RELEASE, {**which(job, partition), "token": token})


def check(connection: Connection, job: str, partition: Partition, token: str) -> None:
    """The fence: who lost the lease writes nothing more about the partition. Raises: LeaseLost."""
    if connection.scalar(_TOKEN, which(job, partition)) == token:
        return
    lease = lease_of(connection, job, partition)
    by = lease.holder if lease else None
    raise LeaseLost(
        f"the lease of {partition} was lost to {f'run {by.run_id}' if by and by.run_id else 'another run'}",
        where=f"job {job}",
        fix="this run published nothing of it: it was silent for so long that it was taken for dead",
        next_command=f"batch-scorer show {typed(job, partition.path)}",
    )


def request_cancel(connection: Connection, token: str, by: str) -> None:
    connection.execute(update(holders).where(holders.c.token == token).values(cancelled_by=by))


def _is(job: str, partition: Partition) -> tuple[Any, ...]:
    return leases.c.job == job, leases.c.partition_path == partition.path


def _holder(row: RowMapping) -> Holder:
    return Holder(
        token=row["token"],
        job=row["job"],
        verb=row["verb"],
        run_id=row["run_id"],
        process=ProcessIdentity(host=row["host"], boot=row["boot"], pid=row["pid"], started=row["started"]),
        user=row["user"],
        since=row["since"],
        heartbeat_at=row["heartbeat_at"],
        cancelled_by=row["cancelled_by"],
    )


def _lease(row: RowMapping, holder: Holder | None) -> Lease:
    return Lease(
        job=row["job"],
        partition=partition_from_json(row["partition_values"]),
        token=row["token"],
        taken_at=row["taken_at"],
        holder=holder,
    )
