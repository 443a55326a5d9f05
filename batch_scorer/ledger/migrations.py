"""Bring a ledger's tables to the version this code knows, one numbered step at a time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, insert, inspect, select, text, update

from batch_scorer.core.errors import DamageFound, LockHeld, UsageError
from batch_scorer.core.leases import SILENCE_S
from batch_scorer.core.processes import fate_of
from batch_scorer.ledger import current_rows, generation_rows, lease_rows
from batch_scorer.ledger.schema import (
    UNSUCCESSFUL,
    currents,
    holders,
    leases,
    ledger_info,
    metadata,
    openings,
    waivers,
)

_HOLDERS_SINCE = 2

Step = Callable[[Connection], None]


def _lease_partitions(connection: Connection) -> None:
    """2: leases of partitions, generations that can be gone on with, pins that say who and why.

    Version 1 made a table of leases and never used it; nothing could be pinned.
    """
    connection.execute(text("DROP TABLE leases"))
    for table in (holders, leases, openings):
        table.create(connection)
    connection.execute(text("ALTER TABLE runs ADD COLUMN guarantee VARCHAR"))
    connection.execute(text("ALTER TABLE generations DROP COLUMN pinned"))
    connection.execute(text("ALTER TABLE generations ADD COLUMN restores INTEGER"))
    connection.execute(text("ALTER TABLE generations ADD COLUMN pin JSON"))


def _waivers(connection: Connection) -> None:
    """3: rules of a quarantine that somebody waived."""
    waivers.create(connection)


def _retries(connection: Connection) -> None:
    """4: runs that retry another one, and what it takes to do that."""
    for column in ("parent_run_id VARCHAR", "suite_fingerprint VARCHAR", "planned JSON", "choice JSON"):
        connection.execute(text(f"ALTER TABLE runs ADD COLUMN {column}"))
    connection.execute(text("CREATE INDEX runs_of_parent ON runs (parent_run_id)"))


def _currents(connection: Connection) -> None:
    """5: what is current, without a look at the whole history."""
    currents.create(connection)
    connection.execute(text("CREATE INDEX attempts_in_state ON attempts (job, state)"))
    current_rows.derive(connection)


def _input_fingerprints(connection: Connection) -> None:
    """6: the content of a generation's input in one value, so that a plan need not read its files."""
    column = "input_fingerprint VARCHAR NOT NULL DEFAULT ''"
    connection.execute(text(f"ALTER TABLE generations ADD COLUMN {column}"))
    generation_rows.derive_input_fingerprints(connection)


def _unsuccessful_runs(connection: Connection) -> None:
    """7: runs that did not end well, without a look at those that did."""
    connection.execute(text(f"CREATE INDEX runs_unsuccessful ON runs (id) WHERE {UNSUCCESSFUL}"))


# The first leads from version 1 to 2; schema.py always shows the newest.
STEPS: tuple[Step, ...] = (
    _lease_partitions,
    _waivers,
    _retries,
    _currents,
    _input_fingerprints,
    _unsuccessful_runs,
)


def newest_version(steps: Sequence[Step] = STEPS) -> int:
    return 1 + len(steps)


def version_of(connection: Connection) -> int | None:
    """The ledger's schema version; None for a database without a ledger. Raises: DamageFound."""
    if not inspect(connection).has_table(ledger_info.name):
        return None
    versions: Sequence[int] = connection.scalars(select(ledger_info.c.schema_version)).all()
    if len(versions) != 1:
        raise DamageFound(f"the ledger names {len(versions)} schema versions instead of one")
    return versions[0]


def refuse_beside_others(connection: Connection, now: dt.datetime) -> None:
    """Whoever began before knows the older tables, and writes nothing into those that are new.

    Raises: LockHeld, when a process that lives works on tables that are to change.
    """
    found = version_of(connection)
    if found is None or not _HOLDERS_SINCE <= found < newest_version():
        return
    for holder in lease_rows.all_holders(connection):
        if not holder.is_gone(fate_of(holder.process), now, dt.timedelta(seconds=SILENCE_S)):
            raise LockHeld(
                f"the ledger is of an older batch-scorer, which is still at work: job {holder.job}, "
                f"{holder.words(now)}",
                fix="wait until it has ended: then the ledger is brought up to date",
                next_command=f"batch-scorer status {holder.job}",
            )


def bring_up_to_date(connection: Connection, now: dt.datetime, steps: Sequence[Step] = STEPS) -> None:
    """Create the tables, or take the steps that are missing; the caller's transaction makes it whole.

    Raises: UsageError, when a newer batch-scorer has been here.
    """
    found, newest = version_of(connection), newest_version(steps)
    if found is None:
        metadata.create_all(connection)
        connection.execute(insert(ledger_info).values(schema_version=newest, created_at=now))
        return
    if found > newest:
        raise UsageError(
            f"the ledger was written by a newer batch-scorer: its schema has version {found}, "
            f"this one knows {newest}",
            fix="install the batch-scorer that the other runs on this state use",
        )
    for step in steps[found - 1 :]:
        step(connection)
    connection.execute(update(ledger_info).values(schema_version=newest))
