"""What the ledger knows about each partition as it stands: for a plan, or in full.

Every function works in the caller's transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from sys import intern
from typing import Any

from sqlalchemy import Connection, Select, and_, func, select

from batch_scorer.core.partitions import Partition
from batch_scorer.core.records import (
    AttemptRecord,
    AttemptState,
    CurrentGeneration,
    Ingredients,
    PartitionPast,
    PartitionRecord,
    Standing,
)
from batch_scorer.core.waivers import Waiver
from batch_scorer.ledger import current_rows, generation_rows, waiver_rows
from batch_scorer.ledger.encoding import attempt_from_row, partition_from_json, pin_from_json
from batch_scorer.ledger.schema import attempts, currents, generations

_AT_ONCE = 1_000  # rows
_ASKED = (
    generations.c.partition_values,
    generations.c.number,
    generations.c.run_id,
    generations.c.stamps,
    generations.c.model_name,
    generations.c.model_version,
    generations.c.model_sha256,
    generations.c.suite_fingerprint,
    generations.c.config_fingerprint,
    generations.c.input_fingerprint,
    generations.c.n_read,
    generations.c.pin,
)


def partition_records(
    connection: Connection, job: str, paths: Collection[str] | None = None
) -> dict[Partition, PartitionRecord]:
    """Every current generation, and every failure since, in a few queries.

    paths: only of these partitions; a few, as each is named in the queries.
    """
    ids = select(currents.c.generation_id).where(currents.c.job == job)
    if paths is not None:
        ids = ids.where(currents.c.partition_path.in_(paths))
    found = generation_rows.find(connection, generations.c.id.in_(ids), generation_rows.IS_PUBLISHED)
    current = {record.partition: record for record in found}
    beside = _beside(connection, job, paths)
    return {
        partition: PartitionRecord(
            partition=partition,
            current=current.get(partition),
            attempts=beside.attempts_on(partition),
            waivers=beside.waivers_of(partition),
        )
        for partition in dict.fromkeys((*current, *beside.tries))
    }


def pasts(connection: Connection, job: str) -> dict[Partition, PartitionPast]:
    """The same as a plan asks it, without input files: one row of the database for each partition."""
    query = (
        select(*_ASKED)
        .join(currents, currents.c.generation_id == generations.c.id)
        .where(currents.c.job == job, generation_rows.IS_PUBLISHED)
    )
    beside = _beside(connection, job, None)
    found: dict[Partition, PartitionPast] = {}
    for rows in connection.execute(query).partitions(_AT_ONCE):
        for row in rows:
            partition = partition_from_json(row[0])
            found[partition] = PartitionPast(
                partition=partition,
                current=_current(row),
                attempts=beside.attempts_on(partition),
                waivers=beside.waivers_of(partition),
            )
    for partition in beside.tries:
        if partition not in found:
            found[partition] = PartitionPast(
                partition=partition,
                attempts=beside.attempts_on(partition),
                waivers=beside.waivers_of(partition),
            )
    return found


def standing(connection: Connection, job: str) -> Standing:
    newest_try: dict[str, AttemptRecord] = {}
    for attempt in unsettled(connection, job):
        newest_try.setdefault(attempt.partition_path, attempt)
    return Standing(
        n_published=current_rows.count(connection, job),
        newest=current_rows.newest(connection, job),
        unsettled=tuple(newest_try[path] for path in sorted(newest_try)),
    )


def unsettled(
    connection: Connection, job: str, paths: Collection[str] | None = None
) -> Iterator[AttemptRecord]:
    """Attempts on partitions that failed or were blocked, and nothing was published since; newest first."""
    query = _since_published(select(attempts), job, [AttemptState.BLOCKED, AttemptState.FAILED])
    query = query.order_by(attempts.c.id.desc())
    if paths is not None:
        these = (currents.c.job == job, currents.c.partition_path.in_(paths))
        numbers = {0, *connection.scalars(select(currents.c.number).where(*these))}
        # The numbers, too: by path alone an index leads to every attempt that there ever was.
        query = query.where(attempts.c.partition_path.in_(paths), attempts.c.after_generation.in_(numbers))
    return map(attempt_from_row, connection.execute(query).mappings())


def blocked_paths(connection: Connection, job: str) -> tuple[str, ...]:
    """Of partitions that were blocked, and nothing was published since."""
    query = _since_published(select(attempts.c.partition_path).distinct(), job, [AttemptState.BLOCKED])
    return tuple(connection.scalars(query))


def _since_published(query: Select[Any], job: str, states: Sequence[AttemptState]) -> Select[Any]:
    """Only of attempts on partitions that ended so, and nothing was published since."""
    of_same = (currents.c.job == attempts.c.job, currents.c.partition_path == attempts.c.partition_path)
    return query.outerjoin(currents, and_(*of_same)).where(
        attempts.c.job == job,
        attempts.c.state.in_([state.value for state in states]),
        attempts.c.partition_values.is_not(None),
        attempts.c.after_generation == func.coalesce(currents.c.number, 0),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Beside:
    """What there is beside generations. tries: newest first. waivers: oldest first."""

    tries: Mapping[Partition, list[AttemptRecord]]
    waivers: Mapping[Partition, list[Waiver]]

    def attempts_on(self, partition: Partition) -> tuple[AttemptRecord, ...]:
        return tuple(self.tries.get(partition, ())) if self.tries else ()  # hashing takes its time

    def waivers_of(self, partition: Partition) -> tuple[Waiver, ...]:
        return tuple(self.waivers.get(partition, ())) if self.waivers else ()


def _beside(connection: Connection, job: str, paths: Collection[str] | None) -> _Beside:
    tries: defaultdict[Partition, list[AttemptRecord]] = defaultdict(list)
    for attempt in unsettled(connection, job, paths):
        if attempt.partition is not None:
            tries[attempt.partition].append(attempt)
    waived: defaultdict[Partition, list[Waiver]] = defaultdict(list)
    for waiver in waiver_rows.find(connection, job, paths):
        waived[waiver.partition].append(waiver)
    return _Beside(tries=tries, waivers=waived)


def _current(row: Sequence[Any]) -> CurrentGeneration:
    """Of a row of _ASKED. Most have the same model, suites and config, which are kept once."""
    _, number, run_id, stamps, name, version, sha256, suites, config, content, n_read, pin = row
    return CurrentGeneration(
        number=number,
        run_id=intern(run_id),
        ingredients=Ingredients(
            stamps=stamps,
            model_name=intern(name),
            model_version=version,
            model_sha256=intern(sha256),
            suite_fingerprint=intern(suites),
            config_fingerprint=intern(config),
        ),
        input_fingerprint=content,
        n_read=n_read,
        pin=pin and pin_from_json(pin),
    )
