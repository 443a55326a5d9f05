"""One commit to a Delta table: in the log exactly once, or not at all.

Two writers that replace an empty partition do not conflict in deltalake's eyes, and a commit that it tries
again by itself can land twice. So every commit is tried once, for exactly the version after the one we
looked at, and carries a transaction: after any error the table tells whether it is in.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from batch_scorer.core.errors import DamageFound, OutputError, OutputUnwritable, StoreUnavailable
from batch_scorer.lake.sinks.delta.places import DeltaPlace
from batch_scorer.lake.sinks.delta.table import open_table
from batch_scorer.lake.sinks.sink import Publication

if TYPE_CHECKING:
    from deltalake import CommitProperties, DeltaTable

_MAX_TRIES = 50
_PAUSE_S = 0.4  # at most, between two tries
_PAUSES_S = (
    0.1,
    0.5,
    2.0,
)  # of a store that does not answer, each after a request has been repeated for long


def commit_once(
    place: DeltaPlace,
    prepare: Callable[[], DeltaTable],
    act: Callable[[DeltaTable], None],
    is_in: Callable[[DeltaTable], bool],
    *,
    doing: str,
    next_command: str,
) -> None:
    """Prepare and act until it is in: commits to other partitions conflict, too.

    next_command: when nobody can tell whether it is in. Raises: OutputError, DamageFound, StoreUnavailable.
    """
    for _ in range(_MAX_TRIES):
        table = prepare()
        before = table.version()
        try:
            act(table)
            break
        except OutputError:
            raise
        except Exception as error:
            now = _reopened(place, next_command)
            if is_in(now):
                break
            if now.version() == before:  # nobody was faster: it will not get better
                raise place.address.unwritable(doing, error) from error
        time.sleep(random.uniform(0, _PAUSE_S))  # noqa: S311 (not a secret)
    else:
        raise OutputUnwritable(
            f"cannot {doing}: other commits were faster {_MAX_TRIES} times",
            where=place.address.url,
            fix="run again when fewer writers work on this table",
        )
    place.sync_log(before)


def properties(app: str | None, publication: Publication) -> CommitProperties:
    """deltalake may not try again by itself: it would overlook who was faster."""
    from deltalake import CommitProperties, Transaction

    return CommitProperties(
        max_commit_retries=0,
        app_transactions=[Transaction(app, publication.generation)] if app else None,
        custom_metadata={
            "run_id": publication.run_id,
            "generation": str(publication.generation),
            "partition": publication.partition.path,
        },
    )


def _reopened(place: DeltaPlace, next_command: str) -> DeltaTable:
    why = "the table is gone"
    for pause_s in _PAUSES_S:
        try:
            if table := open_table(place.address):
                return table
            break
        except DamageFound as error:
            why = error.what
            break
        except StoreUnavailable as error:  # one that failed a moment ago may answer in a moment
            why = error.what
            time.sleep(pause_s)
    raise DamageFound(
        f"the outcome of a commit is unknown: {why}",
        where=place.address.url,
        fix="make the table readable again, then let repair look what is in it",
        next_command=next_command,
    )
