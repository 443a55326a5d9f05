"""Published versions of partitions, as rows. Every function works in the caller's transaction."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, delete, func, insert, select, update

from batch_scorer.core.errors import DamageFound
from batch_scorer.core.footing import VisibleGeneration
from batch_scorer.core.lakefiles import LakeFile, PartitionFiles, content_fingerprint
from batch_scorer.core.partitions import Partition
from batch_scorer.core.records import GenerationRecord, GenerationState, Pin
from batch_scorer.ledger import current_rows, opening_rows
from batch_scorer.ledger.asking import of_partition, which
from batch_scorer.ledger.encoding import (
    generation_from_row,
    generation_to_row,
    input_from_row,
    input_to_row,
    pin_to_json,
)
from batch_scorer.ledger.schema import currents, generation_inputs, generations

IS_PUBLISHED = generations.c.state == GenerationState.PUBLISHED.value
_AT_ONCE = 5_000

_THIS = (*of_partition(generations), generations.c.number == bindparam("of_number"))
_ID = select(generations.c.id).where(*_THIS)
_INSERT = insert(generations).returning(generations.c.id)
_INSERT_INPUT = insert(generation_inputs)
_END = (
    update(generations)
    .where(*_THIS, generations.c.state == GenerationState.PUBLISHING.value)
    .returning(generations.c.id, generations.c.run_id)
)
_PUBLISHED_BELOW = (
    select(
        generations.c.number, generations.c.run_id, generations.c.output_names, generations.c.n_quarantined
    )
    .where(*of_partition(generations), IS_PUBLISHED, generations.c.number < bindparam("below"))
    .order_by(generations.c.number.desc())
    .limit(bindparam("at_most"))
)


def begin_publish(connection: Connection, generation: GenerationRecord) -> None:
    """Raises: DamageFound, when the number exists; ValueError, when the state is not publishing."""
    if generation.state is not GenerationState.PUBLISHING:
        raise ValueError(f"a publish begins as publishing, not {generation.state}")
    if connection.scalar(_ID, _one(generation.job, generation.partition, generation.number)) is not None:
        raise DamageFound(
            f"generation {generation.number} of {generation.partition} exists already in the ledger",
            fix="make sure that all runs of a job share one state directory",
        )
    generation_id = connection.execute(_INSERT, generation_to_row(generation)).scalar_one()
    _add_inputs(connection, generation_id, generation.inputs)


def finish_publish(
    connection: Connection, job: str, partition: Partition, number: int, published_at: dt.datetime
) -> str:
    """Returns: the id of the run that opened the generation."""
    ended = {"state": GenerationState.PUBLISHED.value, "published_at": published_at}
    generation_id, run_id = _end_publish(connection, job, partition, number, ended)
    current_rows.write(connection, generation_id, job, partition, number)
    opening_rows.close(connection, job, partition)
    return run_id


def abandon_publish(connection: Connection, job: str, partition: Partition, number: int) -> None:
    _end_publish(connection, job, partition, number, {"state": GenerationState.ABANDONED.value})
    opening_rows.close(connection, job, partition)


def reopen_publish(connection: Connection, job: str, partition: Partition, number: int) -> None:
    """As if it had never begun: its opening, if there is one, stays to be gone on with."""
    publishing = generations.c.state == GenerationState.PUBLISHING.value
    these = (*_is(job, partition, number), publishing)
    ids = select(generations.c.id).where(*these)
    connection.execute(delete(generation_inputs).where(generation_inputs.c.generation_id.in_(ids)))
    if connection.execute(delete(generations).where(*these)).rowcount != 1:
        raise _not_unfinished()


def set_pin(connection: Connection, job: str, partition: Partition, number: int, pin: Pin | None) -> None:
    value = None if pin is None else pin_to_json(pin)
    connection.execute(update(generations).where(*_is(job, partition, number)).values(pin=value))


def unfinished(connection: Connection, job: str) -> tuple[GenerationRecord, ...]:
    publishing = generations.c.state == GenerationState.PUBLISHING.value
    return find(connection, generations.c.job == job, publishing)


def published(
    connection: Connection, job: str, partition: Partition, below: int, limit: int
) -> tuple[VisibleGeneration, ...]:
    """Newest first, without their inputs. below: only earlier numbers."""
    asked = {**which(job, partition), "below": below, "at_most": limit}
    return tuple(
        VisibleGeneration(number=number, run_id=run_id, output_names=tuple(names), n_quarantined=n)
        for number, run_id, names, n in connection.execute(_PUBLISHED_BELOW, asked)
    )


def history(
    connection: Connection, job: str, partition: Partition, below: int, limit: int | None
) -> tuple[GenerationRecord, ...]:
    """Newest first. below: only earlier numbers. limit: None: all of them."""
    these = (*_is(job, partition), generations.c.number < below)
    if limit is None:
        return find(connection, *these)[::-1]
    ids = select(generations.c.id).where(*these).order_by(generations.c.number.desc()).limit(limit)
    return find(connection, generations.c.id.in_(ids))[::-1]


def states(connection: Connection, job: str, partition: Partition) -> tuple[tuple[int, GenerationState], ...]:
    """Oldest first. Raises: ValueError."""
    these = select(generations.c.number, generations.c.state).where(*_is(job, partition))
    found = connection.execute(these.order_by(generations.c.number))
    return tuple((number, GenerationState(state)) for number, state in found)


def newest_currents(connection: Connection, job: str, limit: int) -> tuple[GenerationRecord, ...]:
    """By when they were made; of those at the same moment, what began first. Files only of these few."""
    asked = (
        select(generations.c.id)
        .join(currents, currents.c.generation_id == generations.c.id)
        .where(currents.c.job == job, IS_PUBLISHED)
        .order_by(generations.c.created_at.desc(), generations.c.id)
        .limit(limit)
    )
    found = find(connection, generations.c.id.in_(connection.scalars(asked).all()))
    return tuple(sorted(found, key=lambda record: record.created_at, reverse=True))


def count(connection: Connection, job: str, partition: Partition, below: int) -> int:
    query = select(func.count()).where(*_is(job, partition), generations.c.number < below)
    return connection.execute(query).scalar_one()


def one(
    connection: Connection, job: str, partition: Partition, number: int | None
) -> GenerationRecord | None:
    if number is not None:
        found = find(connection, *_is(job, partition, number))
    else:
        current = select(currents.c.generation_id).where(*current_rows.is_of(job, partition.path))
        found = find(connection, generations.c.id.in_(current), IS_PUBLISHED)
    return found[0] if found else None


def find(connection: Connection, *criteria: ColumnElement[bool]) -> tuple[GenerationRecord, ...]:
    """In the order they began, inputs included, in two queries."""
    inputs: defaultdict[int, list[LakeFile]] = defaultdict(list)
    query = select(generation_inputs).join(generations).where(*criteria)
    for row in connection.execute(query).mappings():
        inputs[row["generation_id"]].append(input_from_row(row))
    rows = connection.execute(select(generations).where(*criteria).order_by(generations.c.id)).mappings()
    return tuple(generation_from_row(row, inputs[row["id"]]) for row in rows)


def refresh_inputs(connection: Connection, job: str, partition: Partition, files: Sequence[LakeFile]) -> None:
    """Give the current generation's inputs their new stamps; their content is what it was.

    Raises: DamageFound, when nothing is published.
    """
    current = one(connection, job, partition, None)
    if current is None:
        raise DamageFound(f"{partition} has no published generation whose inputs could be refreshed")
    stamps = PartitionFiles(partition=partition, directory=partition.path, files=tuple(files))
    generation = (
        update(generations)
        .where(*_is(job, partition, current.number))
        .values(stamps=stamps.stamp_fingerprint)
        .returning(generations.c.id)
    )
    generation_id = connection.execute(generation).scalar_one()
    connection.execute(delete(generation_inputs).where(generation_inputs.c.generation_id == generation_id))
    _add_inputs(connection, generation_id, files)


def derive_input_fingerprints(connection: Connection) -> None:
    """Of every generation anew, from its inputs."""
    last = 0
    while ids := connection.scalars(_next_ids(last)).all():
        inputs: defaultdict[int, list[LakeFile]] = defaultdict(list)
        query = select(generation_inputs).where(generation_inputs.c.generation_id.between(ids[0], ids[-1]))
        for row in connection.execute(query).mappings():
            inputs[row["generation_id"]].append(input_from_row(row))
        derived = update(generations).where(generations.c.id == bindparam("which"))
        connection.execute(
            derived.values(input_fingerprint=bindparam("derived")),
            [{"which": each, "derived": content_fingerprint(inputs[each])} for each in ids],
        )
        last = ids[-1]


def _next_ids(after: int) -> Select[int]:
    return select(generations.c.id).where(generations.c.id > after).order_by(generations.c.id).limit(_AT_ONCE)


def _is(job: str, partition: Partition, number: int | None = None) -> tuple[ColumnElement[bool], ...]:
    same = (generations.c.job == job, generations.c.partition_path == partition.path)
    return same if number is None else (*same, generations.c.number == number)


def _add_inputs(connection: Connection, generation_id: int, files: Sequence[LakeFile]) -> None:
    if files:
        connection.execute(_INSERT_INPUT, [input_to_row(generation_id, f) for f in files])


def _end_publish(
    connection: Connection, job: str, partition: Partition, number: int, values: dict[str, Any]
) -> tuple[int, str]:
    """Returns: the row's own id, and that of its run."""
    ended = connection.execute(_END, {**_one(job, partition, number), **values}).first()
    if ended is None:
        raise _not_unfinished()
    return ended[0], ended[1]


def _one(job: str, partition: Partition, number: int) -> dict[str, Any]:
    """What _THIS asks for."""
    return {**which(job, partition), "of_number": number}


def _not_unfinished() -> DamageFound:
    return DamageFound(
        "a publish ended that the ledger does not know as unfinished",
        fix="look whether somebody edited the ledger, and verify the job; what is visible is whole",
    )
