"""What the other rooms may ask of a ledger, and how to open one.

Times are handed in, aware; whatever is written is written in one transaction, which others see on return. It
is durable then, too, but for what a power cut makes void (leases, heartbeats, openings) or what is found out
again from what is durable (that a publish ended): on a disk of our own that may last only with the next one.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from batch_scorer.core.chunks import ChunkCost
from batch_scorer.core.errors import StoreUnavailable, UsageError
from batch_scorer.core.footing import Footing, VisibleGeneration
from batch_scorer.core.lakefiles import LakeFile
from batch_scorer.core.leases import Holder, Lease, Opening
from batch_scorer.core.partitions import Partition
from batch_scorer.core.records import (
    AttemptRecord,
    GenerationRecord,
    PartitionPast,
    PartitionRecord,
    Pin,
    RunRecord,
    Standing,
)
from batch_scorer.core.runs import Pace
from batch_scorer.core.waivers import Waiver
from batch_scorer.ledger.database import (
    Database,
    connect,
    connect_for_reading,
    connect_to_nothing,
    file_of,
    is_server,
)
from batch_scorer.ledger.disks import refuse_network_disk
from batch_scorer.ledger.migrations import bring_up_to_date, newest_version, refuse_beside_others, version_of
from batch_scorer.ledger.sql_ledger import SqlLedger


class RunLog(Protocol):
    """Executions of ours, from start to end."""

    def start_run(self, run: RunRecord) -> None: ...

    def finish_run(
        self,
        run_id: str,
        *,
        exit_code: int,
        finished_at: dt.datetime,
        n_published: int,
        n_blocked: int,
        n_failed: int,
        cost: ChunkCost,
        error: Mapping[str, Any] | None = None,
    ) -> None: ...

    def unfinished_runs(self) -> tuple[RunRecord, ...]:
        """Runs of any job that never said how they ended: at work still, or dead."""

    def mark_died(self, run_id: str) -> None: ...


class RunHistory(Protocol):
    """What ran before."""

    def runs(
        self, job: str | None = None, limit: int = 50, *, unsuccessful: bool = False
    ) -> tuple[RunRecord, ...]:
        """Newest first. unsuccessful: only those that died, or ended with another exit code than 0."""

    def run(self, prefix_or_last: str) -> RunRecord:
        """`last` is the newest of all. Raises: UsageError, when no run or several start so."""

    def retries_of(self, run_id: str) -> tuple[RunRecord, ...]:
        """The runs that retried it, oldest first."""

    def last_success(self, job: str) -> dt.datetime | None:
        """The end of its newest run that published something, or had nothing to do."""

    def jobs(self) -> tuple[str, ...]:
        """Names of the jobs that ever ran, sorted."""

    def succeeded(self, job: str) -> tuple[Partition, ...]:
        """Each partition that a run with exit code 0 ever published, once, in no order."""

    def paces(self, job: str, limit: int) -> tuple[Pace, ...]:
        """Of the newest runs that published something and have ended, newest first."""


class AttemptLog(Protocol):
    """What each run did with each partition."""

    def record_attempt(self, attempt: AttemptRecord, token: str | None = None) -> None:
        """token: whose lease of the partition, if they have it, ends with the attempt.

        Raises: ValueError, for an attempt with ingredients whose partition is not told.
        """

    def attempts(self, run_id: str) -> tuple[AttemptRecord, ...]:
        """In the order they ended."""

    def attempts_on(self, job: str, path: str, limit: int) -> tuple[AttemptRecord, ...]:
        """Of every run on one partition, by its hive path; newest first."""


class PublishLog(Protocol):
    """The two rows around the one step that makes a generation visible."""

    def begin_publishes(self, records: Sequence[GenerationRecord], token: str) -> None:
        """All of them or none, and durable on return: nothing is visible before.

        Raises: LeaseLost; DamageFound, when this number of a partition was ever begun before.
        """

    def finish_publish(
        self,
        job: str,
        partition: Partition,
        number: int,
        published_at: dt.datetime,
        columns: tuple[tuple[str, str], ...] | None = None,
    ) -> None:
        """columns: of its files, which are those of the job's output from now on; None: they stay.

        Raises: DamageFound, when it is not unfinished; so does abandon_publish.
        """

    def abandon_publish(self, job: str, partition: Partition, number: int) -> None:
        """It never became visible, and its number is burnt; its opening is closed."""

    def reopen_publish(self, job: str, partition: Partition, number: int) -> None:
        """It never became visible, and its opening may be gone on with."""

    def unfinished_publishes(self, job: str) -> tuple[GenerationRecord, ...]:
        """Oldest first."""


class GenerationLog(Protocol):
    """Published versions of partitions."""

    def partition_records(
        self, job: str, paths: Collection[str] | None = None
    ) -> dict[Partition, PartitionRecord]:
        """Of every partition that was published, or failed or was blocked, in one snapshot.

        paths: only of these; a few, each a hive path.
        """

    def pasts(self, job: str) -> dict[Partition, PartitionPast]:
        """Of the same partitions what a plan asks, without their input files, in one snapshot."""

    def standing(self, job: str) -> Standing:
        """At a glance, without a look at every partition."""

    def generations(self, job: str, partition: Partition) -> tuple[GenerationRecord, ...]:
        """In every state, newest first."""

    def published(self, job: str, partition: Partition) -> tuple[VisibleGeneration, ...]:
        """That readers see or saw, newest first."""

    def footing(self, job: str, partition: Partition) -> Footing:
        """In one snapshot; to be asked under the partition's lease."""

    def generation(self, job: str, partition: Partition, number: int | None) -> GenerationRecord | None:
        """number None: the current one."""

    def set_pin(self, job: str, partition: Partition, number: int, pin: Pin | None) -> None: ...

    def refresh_inputs(self, job: str, partition: Partition, files: Sequence[LakeFile]) -> None:
        """The current generation's files have new stamps and the content they had."""


class LeaseLog(Protocol):
    """Who works on which partition."""

    def enter(self, holder: Holder) -> None: ...

    def leave(self, token: str) -> None:
        """Its leases go with it. Repeatable."""

    def beat(self, token: str, now: dt.datetime) -> Holder | None:
        """It lives. None: it was taken for dead meanwhile, and removed."""

    def request_cancel(self, token: str, by: str) -> None: ...

    def holders(self, job: str) -> tuple[Holder, ...]:
        """Longest at work first."""

    def leases(self, job: str) -> tuple[Lease, ...]: ...

    def lease(self, job: str, partition: Partition) -> Lease | None: ...

    def take_lease(
        self, job: str, partition: Partition, token: str, now: dt.datetime, *, instead_of: str | None
    ) -> bool:
        """Compare and set: only if it is the lease of `instead_of` still (None: nobody's).

        Raises: LeaseLost, when the holder of `token` was taken for dead and removed.
        """

    def release_lease(self, job: str, partition: Partition, token: str) -> None: ...


class OpeningLog(Protocol):
    """Generations on their way: at most one a partition."""

    def open_generation(self, opening: Opening, token: str) -> None:
        """In place of the one that was open. Raises: LeaseLost."""

    def close_opening(self, job: str, partition: Partition, token: str) -> None:
        """Raises: LeaseLost."""

    def openings(self, job: str, partition: Partition | None = None) -> tuple[Opening, ...]: ...


class WaiverLog(Protocol):
    """Rules of a quarantine that somebody waived."""

    def record_waiver(self, waiver: Waiver, token: str) -> None:
        """Raises: LeaseLost."""


class OutputColumnsLog(Protocol):
    """(name, Arrow type) of a job's output, in order, as readers know it."""

    def output_columns(self, job: str) -> tuple[tuple[str, str], ...] | None: ...


class Ledger(
    RunLog,
    RunHistory,
    AttemptLog,
    PublishLog,
    GenerationLog,
    LeaseLog,
    OpeningLog,
    WaiverLog,
    OutputColumnsLog,
    Protocol,
):
    """All of it. Every method may raise StoreUnavailable or DamageFound, writes OutputError too."""

    def close(self) -> None: ...


def open_ledger(url_or_path: str | Path) -> Ledger:
    """Open a ledger; make it, or bring its tables up to date, when that is needed. A path means SQLite.

    Raises: OutputUnwritable, DiskFull, DamageFound, StoreUnavailable; UsageError, when a newer
    batch-scorer wrote it; LockHeld, when an older one is at work on it; ConfigInvalid: a file on a network
    file system, or a server that lets nobody in.
    """
    if not is_server(url_or_path):
        refuse_network_disk(file_of(url_or_path))
    return _current(connect(url_or_path))


def open_ledger_for_reading(url_or_path: str | Path) -> Ledger:
    """For verbs that only look: makes no directory, file or table, and a read-only mount will do.

    Where there is no ledger yet, an empty one in memory answers; for one in a file whose tables are older, a
    copy that was brought up to date there: the file stays as older versions of batch-scorer know it.
    Raises: as open_ledger, but a network file system will do; UsageError also for older tables on a server.
    """
    if is_server(url_or_path):
        return _as_it_is(connect_for_reading(url_or_path), _refused_as_too_old)
    path = file_of(url_or_path).absolute()
    if not _is_there(path):
        return _current(connect_to_nothing(str(path)))
    if os.access(path.parent, os.W_OK):
        return _as_it_is(connect(path), _copy_up_to_date)  # readers beside a writer share its log
    return _as_it_is(connect_for_reading(path), _copy_up_to_date)


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreUnavailable(
            f"the ledger cannot be read: {error.strerror}",
            where=str(path),
            fix="check output.state in the job file, and that this user may read it",
        ) from None
    return True


def _as_it_is(database: Database, of_older_tables: Callable[[Database, int], Ledger]) -> Ledger:
    version = _version(database)
    if version is None:
        database.close()
        return _current(connect_to_nothing(database.where))
    return of_older_tables(database, version) if version < newest_version() else _current(database)


def _copy_up_to_date(database: Database, _version: int) -> Ledger:
    with _closed_on_error(database):
        copy = database.copied_in_memory()
    database.close()
    with copy.writing() as connection:
        bring_up_to_date(connection, dt.datetime.now(dt.UTC))
    copy.refuse_writes()
    return SqlLedger(copy)


def _refused_as_too_old(database: Database, version: int) -> Ledger:
    database.close()
    raise UsageError(
        f"the ledger was written by an older batch-scorer: its schema has version {version}, "
        f"this one reads {newest_version()}",
        where=database.where,
        fix="the next run brings it up to date, or do it now; looking alone changes nothing",
        next_command="batch-scorer repair JOB",
    )


def _current(database: Database) -> Ledger:
    """The ledger in a database, with tables of the version this code knows.

    Raises: LockHeld, when somebody works on tables of an older one.
    """
    if _version(database) != newest_version():
        now = dt.datetime.now(dt.UTC)
        with _closed_on_error(database), database.writing() as connection:
            refuse_beside_others(connection, now)
            bring_up_to_date(connection, now)
    return SqlLedger(database)


def _version(database: Database) -> int | None:
    with _closed_on_error(database), database.reading() as connection:
        return version_of(connection)


@contextmanager
def _closed_on_error(database: Database) -> Iterator[None]:
    try:
        yield
    except BaseException:
        database.close()
        raise
