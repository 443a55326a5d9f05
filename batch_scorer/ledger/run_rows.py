"""Runs and what they did with each partition, as rows. Every function works in the caller's transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, case, func, insert, or_, select, text, update

from batch_scorer.core.errors import DamageFound, UsageError
from batch_scorer.core.partitions import Partition
from batch_scorer.core.records import AttemptRecord, AttemptState, RunRecord, RunState
from batch_scorer.core.runs import Pace, RunHead
from batch_scorer.ledger.asking import of_partition
from batch_scorer.ledger.encoding import (
    attempt_from_row,
    attempt_to_row,
    partition_from_json,
    run_from_row,
    run_to_row,
)
from batch_scorer.ledger.schema import UNSUCCESSFUL, attempts, currents, output_columns, runs

_MAX_SUGGESTIONS = 5
_AT_ONCE = 500  # rows asked for by name
_HEAD = (runs.c.run_id, runs.c.job, runs.c.model_sha256, runs.c.parent_run_id)

_COLUMNS = select(output_columns.c.columns).where(output_columns.c.job == bindparam("of_job"))
_CURRENT = select(currents.c.number).where(*of_partition(currents))
_INSERT_ATTEMPT = insert(attempts).values(after_generation=func.coalesce(_CURRENT.scalar_subquery(), 0))


def start(connection: Connection, run: RunRecord) -> None:
    connection.execute(insert(runs).values(**run_to_row(run)))


def finish(connection: Connection, run: RunRecord) -> None:
    _change(
        connection,
        run.run_id,
        state=RunState.FINISHED.value,
        exit_code=run.exit_code,
        finished_at=run.finished_at,
        n_published=run.n_published,
        n_blocked=run.n_blocked,
        n_failed=run.n_failed,
        cost=asdict(run.cost),
        error=run.error,
    )


def mark_died(connection: Connection, run_id: str) -> None:
    """One that ended meanwhile stays as it ended. Raises: DamageFound, when there is no such run."""
    running = case((runs.c.state == RunState.RUNNING.value, RunState.DIED.value), else_=runs.c.state)
    _change(connection, run_id, state=running)


def find(
    connection: Connection, *criteria: ColumnElement[bool], limit: int | None = None
) -> tuple[RunRecord, ...]:
    """Newest first."""
    query = select(runs).where(*criteria).order_by(runs.c.id.desc()).limit(limit)
    return tuple(run_from_row(row) for row in connection.execute(query).mappings())


def unfinished(connection: Connection) -> tuple[RunRecord, ...]:
    return find(connection, runs.c.state == RunState.RUNNING.value)


def newest(
    connection: Connection, job: str | None, below: int | None, limit: int, *, unsuccessful: bool
) -> list[tuple[int, RunRecord]]:
    """(place in the order they started, run), newest first. below: only earlier places.

    unsuccessful: only those that ended with another exit code than 0, or never.
    """
    query = select(runs).order_by(runs.c.id.desc()).limit(limit)
    if below is not None:
        query = query.where(runs.c.id < below)
    if unsuccessful:
        query = query.where(text(f"({UNSUCCESSFUL})"))
    if job is not None:
        # No bare column beside it: which index SQLite took, that of all runs of the job or that of these few,
        # depended on which had been made first.
        query = query.where((runs.c.job + "" if unsuccessful else runs.c.job) == job)
    return [(row["id"], run_from_row(row)) for row in connection.execute(query).mappings()]


def last_success(connection: Connection, job: str) -> dt.datetime | None:
    found = find(
        connection,
        runs.c.job == job,
        runs.c.finished_at.is_not(None),
        or_(runs.c.exit_code == 0, runs.c.n_published > 0),
        limit=1,
    )
    return found[0].finished_at if found else None


def find_one(connection: Connection, prefix_or_last: str) -> RunRecord:
    """Raises: UsageError, when there is no such run, or more than one."""
    if prefix_or_last == "last":
        newest = find(connection, limit=1)
        if not newest:
            raise UsageError("nothing has run yet", fix="start with: batch-scorer run JOB")
        return newest[0]
    prefix = prefix_or_last.upper()  # run ids are ULIDs: they are written in upper case
    if exact := find(connection, runs.c.run_id == prefix):  # by the index: what only begins so is looked for
        return exact[0]
    matching = find(connection, runs.c.run_id.startswith(prefix, autoescape=True), limit=_MAX_SUGGESTIONS + 1)
    if len(matching) == 1:
        return matching[0]
    raise _not_one(prefix_or_last, matching, find(connection, limit=_MAX_SUGGESTIONS))


def retries_of(connection: Connection, run_id: str) -> tuple[RunRecord, ...]:
    """Oldest first."""
    return find(connection, runs.c.parent_run_id == run_id)[::-1]


def heads(connection: Connection, run_ids: Collection[str]) -> dict[str, RunHead]:
    """By id, of those that are there, some at a time: what a run planned and was told may fill megabytes."""
    found: dict[str, RunHead] = {}
    names = sorted(set(run_ids))
    for begin in range(0, len(names), _AT_ONCE):
        query = select(*_HEAD).where(runs.c.run_id.in_(names[begin : begin + _AT_ONCE]))
        for run_id, job, sha256, parent in connection.execute(query):
            found[run_id] = RunHead(job=job, model_sha256=sha256, parent_run_id=parent)
    return found


def jobs(connection: Connection) -> tuple[str, ...]:
    # Sorted here: a server would sort by its own language.
    return tuple(sorted(connection.scalars(select(runs.c.job).distinct())))


def succeeded(connection: Connection, job: str) -> tuple[Partition, ...]:
    """What runs that ended with 0 have published."""
    published = (attempts.c.job == job, attempts.c.state == AttemptState.PUBLISHED.value)
    query = (
        select(attempts.c.partition_path, attempts.c.partition_values)
        .join(runs, runs.c.run_id == attempts.c.run_id)
        .where(*published, runs.c.exit_code == 0, attempts.c.partition_values.is_not(None))
    )
    by_path = {row.partition_path: row.partition_values for row in connection.execute(query)}
    return tuple(map(partition_from_json, by_path.values()))


def paces(connection: Connection, job: str, limit: int) -> tuple[Pace, ...]:
    """Rows that failed or were blocked took their time as well."""
    newest = (
        select(runs.c.id, runs.c.run_id, runs.c.started_at, runs.c.finished_at)
        .where(runs.c.job == job, runs.c.n_published > 0, runs.c.finished_at.is_not(None))
        .order_by(runs.c.id.desc())
        .limit(limit)
        .subquery()
    )
    n_rows = func.sum(func.coalesce(attempts.c.n_read, 0))
    query = (
        select(newest.c.started_at, newest.c.finished_at, n_rows)
        .join(attempts, attempts.c.run_id == newest.c.run_id)
        .group_by(newest.c.id, newest.c.started_at, newest.c.finished_at)
        .order_by(newest.c.id.desc())
    )
    return tuple(
        Pace(n_rows=int(n_rows), seconds=max(0.0, (ended - began).total_seconds()))
        for began, ended, n_rows in connection.execute(query)
    )


def record_attempt(connection: Connection, attempt: AttemptRecord) -> None:
    """Raises: ValueError, for an attempt with ingredients whose partition is not told."""
    if attempt.ingredients is not None and attempt.partition is None:
        raise ValueError(f"an attempt on {attempt.partition_path} must tell its partition")
    this = {"of_job": attempt.job, "of_path": attempt.partition_path}
    connection.execute(_INSERT_ATTEMPT, {**attempt_to_row(attempt), **this})


def attempts_of(connection: Connection, run_id: str) -> tuple[AttemptRecord, ...]:
    query = select(attempts).where(attempts.c.run_id == run_id).order_by(attempts.c.id)
    return tuple(attempt_from_row(row) for row in connection.execute(query).mappings())


def attempts_on(connection: Connection, job: str, path: str, limit: int) -> tuple[AttemptRecord, ...]:
    """Newest first."""
    query = (
        select(attempts)
        .where(attempts.c.job == job, attempts.c.partition_path == path)
        # As they are in the index: by id alone all of them would be read to be sorted. Numbers only grow.
        .order_by(attempts.c.after_generation.desc(), attempts.c.id.desc())
        .limit(limit)
    )
    return tuple(attempt_from_row(row) for row in connection.execute(query).mappings())


def columns_of(connection: Connection, job: str) -> tuple[tuple[str, str], ...] | None:
    columns = connection.execute(_COLUMNS, {"of_job": job}).scalar_one_or_none()
    return None if columns is None else tuple((name, kind) for name, kind in columns)


def record_columns(
    connection: Connection, job: str, columns: tuple[tuple[str, str], ...], run_id: str
) -> None:
    """run_id stays that of the run since which the columns are so."""
    known = columns_of(connection, job)
    if known == columns:
        return
    values = {"columns": [list(column) for column in columns], "run_id": run_id}
    if known is None:
        connection.execute(insert(output_columns).values(job=job, **values))
    else:
        connection.execute(update(output_columns).where(output_columns.c.job == job).values(**values))


def _change(connection: Connection, run_id: str, **values: Any) -> None:
    changed = connection.execute(update(runs).where(runs.c.run_id == run_id).values(**values))
    if changed.rowcount != 1:
        raise DamageFound(f"run {run_id} is not in the ledger any more")


def _not_one(asked: str, matching: tuple[RunRecord, ...], recent: tuple[RunRecord, ...]) -> UsageError:
    shown = matching or recent
    names = ", ".join(run.run_id for run in shown[:_MAX_SUGGESTIONS])
    if matching:
        more = "" if len(matching) <= _MAX_SUGGESTIONS else " and more"
        return UsageError(f'"{asked}" is the start of several runs', fix=f"one of {names}{more}")
    return UsageError(
        f'no run "{asked}"',
        fix=f"the newest are {names}" if names else "nothing has run yet",
        next_command="batch-scorer runs",
    )
