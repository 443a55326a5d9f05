"""What the other rooms may ask of a ledger. `opening` opens one.

Times are handed in, aware; whatever is written is written in one transaction, which others see on return. It
is durable then, too, but for what a power cut makes void (leases, heartbeats, openings) or what is found out
again from what is durable (that a publish ended): on a disk of our own that may last only with the next one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

from batch_scorer.core.footing import Footing, VisibleGeneration
from batch_scorer.core.lakefiles import LakeFile
from batch_scorer.core.leases import Holder, Lease, Opening
from batch_scorer.core.partitions import Partition
from batch_scorer.core.records import (
    AttemptRecord,
    GenerationRecord,
    GenerationState,
    PartitionPast,
    PartitionRecord,
    Pin,
    RunRecord,
    Standing,
)
from batch_scorer.core.runs import Pace, RunHead
from batch_scorer.core.waivers import Waiver


class RunLog(Protocol):
    """Executions of ours, from start to end."""

    def start_run(self, run: RunRecord) -> None: ...

    def finish_run(self, run: RunRecord) -> None:
        """run: with how it ended; what it was started with stays as it was."""

    def unfinished_runs(self) -> tuple[RunRecord, ...]:
        """Runs of any job that never said how they ended: at work still, or dead."""

    def mark_died(self, run_id: str) -> None: ...


class RunHistory(Protocol):
    """What ran before."""

    def runs(
        self, job: str | None = None, limit: int = 50, *, unsuccessful: bool = False
    ) -> tuple[RunRecord, ...]:
        """Newest first. unsuccessful: only those that died, or ended with another exit code than 0."""

    def each_run(self, job: str | None, limit: int, *, unsuccessful: bool = False) -> Iterator[RunRecord]:
        """The same, read as they are asked for, some at a time."""

    def run(self, prefix_or_last: str) -> RunRecord:
        """`last` is the newest of all. Raises: UsageError, when no run or several start so."""

    def run_heads(self, run_ids: Collection[str]) -> dict[str, RunHead]:
        """By their whole ids; without those that no run has."""

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

    def newest_currents(self, job: str, limit: int) -> tuple[GenerationRecord, ...]:
        """Those current generations that were made last, newest first."""

    def blocked_paths(self, job: str) -> tuple[str, ...]:
        """Of partitions that were blocked, and nothing was published since; in no order."""

    def standing(self, job: str) -> Standing:
        """At a glance, without a look at every partition."""

    def partitions(self, job: str) -> Iterator[Partition]:
        """That are published, each once. Read as they are asked for, some at a time: what is published for
        the first time meanwhile may be among them, or not.
        """

    def generations(
        self, job: str, partition: Partition, *, below: int | None = None, limit: int | None = None
    ) -> tuple[GenerationRecord, ...]:
        """In every state, newest first. below: only earlier numbers. limit: no more; a history is long."""

    def states(self, job: str, partition: Partition) -> tuple[tuple[int, GenerationState], ...]:
        """(number, state) of each of its generations, oldest first. Raises: ValueError, for a row edited
        into a state that there is not.
        """

    def count_generations(self, job: str, partition: Partition, *, below: int) -> int:
        """In every state, of an earlier number."""

    def published(self, job: str, partition: Partition) -> Iterator[VisibleGeneration]:
        """That readers see or saw, newest first. Read as they are asked for, some at a time."""

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
