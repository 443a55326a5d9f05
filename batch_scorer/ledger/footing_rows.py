"""What is known of one partition when work on it begins, as rows. Works in the caller's transaction."""

from __future__ import annotations

from sqlalchemy import Connection, exists, func, select

from batch_scorer.core.footing import Footing, VisibleGeneration
from batch_scorer.core.partitions import Partition
from batch_scorer.core.records import ChainEnd, GenerationState
from batch_scorer.ledger import opening_rows, run_rows, waiver_rows
from batch_scorer.ledger.asking import of_partition, which
from batch_scorer.ledger.schema import currents, generations, openings, waivers

_LAST = select(func.max(generations.c.number)).where(*of_partition(generations))
_HALF_PUBLISHED = exists().where(
    *of_partition(generations), generations.c.state == GenerationState.PUBLISHING.value
)
_OPENED = exists().where(*of_partition(openings))
_WAIVED = exists().where(*of_partition(waivers))
_AT_A_GLANCE = select(_LAST.scalar_subquery(), _HALF_PUBLISHED, _OPENED, _WAIVED)
_CURRENT = (
    select(
        generations.c.number,
        generations.c.run_id,
        generations.c.output_names,
        generations.c.n_quarantined,
        generations.c.manifest_sha256,
    )
    .join(currents, currents.c.generation_id == generations.c.id)
    .where(*of_partition(currents), generations.c.state == GenerationState.PUBLISHED.value)
)


def read(connection: Connection, job: str, partition: Partition) -> Footing:
    """However long its history is: of a partition that is new, two queries."""
    this = which(job, partition)
    last, half_published, opened, waived = connection.execute(_AT_A_GLANCE, this).one()
    row = connection.execute(_CURRENT, this).first() if last else None
    current = None
    if row is not None:
        current = VisibleGeneration(
            number=row[0], run_id=row[1], output_names=tuple(row[2]), n_quarantined=row[3]
        )
    found = opening_rows.find(connection, job, partition) if opened else ()
    return Footing(
        partition=partition,
        current=current,
        end=ChainEnd(last_number=last or 0, manifest_sha256=None if row is None else row[4]),
        half_published=bool(half_published),
        opening=found[0] if found else None,
        waivers=waiver_rows.find(connection, job, [partition.path]) if waived else (),
        columns=run_rows.columns_of(connection, job),
    )
