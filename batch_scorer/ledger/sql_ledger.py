"""The ledger on any SQL database: each method is one transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence

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
from batch_scorer.ledger import (
    current_rows,
    footing_rows,
    generation_rows,
    lease_rows,
    opening_rows,
    past_rows,
    run_rows,
    waiver_rows,
)
from batch_scorer.ledger.database import Database

_ABOVE_ALL = 2**31 - 1  # no generation has this number: the column has 32 bits
_FEW, _AT_ONCE = 20, 1_000  # rows; who asks for a history wants its newest end, nearly always


class SqlLedger:
    """Satisfies every protocol of ledger.py. Every method may raise StoreUnavailable or DamageFound."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def close(self) -> None:
        self._database.close()

    def start_run(self, run: RunRecord) -> None:
        with self._database.writing() as connection:
            run_rows.start(connection, run)

    def finish_run(self, run: RunRecord) -> None:
        with self._database.writing() as connection:
            run_rows.finish(connection, run)

    def mark_died(self, run_id: str) -> None:
        with self._database.writing() as connection:
            run_rows.mark_died(connection, run_id)

    def unfinished_runs(self) -> tuple[RunRecord, ...]:
        with self._database.reading() as connection:
            return run_rows.unfinished(connection)

    def runs(
        self, job: str | None = None, limit: int = 50, *, unsuccessful: bool = False
    ) -> tuple[RunRecord, ...]:
        return tuple(self.each_run(job, limit, unsuccessful=unsuccessful))

    def each_run(self, job: str | None, limit: int, *, unsuccessful: bool = False) -> Iterator[RunRecord]:
        below: int | None = None
        while limit > 0:
            some = min(limit, _AT_ONCE)
            with self._database.reading() as connection:
                found = run_rows.newest(connection, job, below, some, unsuccessful=unsuccessful)
            yield from (run for _, run in found)
            limit, below = (limit - some, found[-1][0]) if len(found) == some else (0, None)

    def run(self, prefix_or_last: str) -> RunRecord:
        with self._database.reading() as connection:
            return run_rows.find_one(connection, prefix_or_last)

    def run_heads(self, run_ids: Collection[str]) -> dict[str, RunHead]:
        with self._database.reading() as connection:
            return run_rows.heads(connection, run_ids)

    def retries_of(self, run_id: str) -> tuple[RunRecord, ...]:
        with self._database.reading() as connection:
            return run_rows.retries_of(connection, run_id)

    def last_success(self, job: str) -> dt.datetime | None:
        with self._database.reading() as connection:
            return run_rows.last_success(connection, job)

    def jobs(self) -> tuple[str, ...]:
        with self._database.reading() as connection:
            return run_rows.jobs(connection)

    def succeeded(self, job: str) -> tuple[Partition, ...]:
        with self._database.reading() as connection:
            return run_rows.succeeded(connection, job)

    def paces(self, job: str, limit: int) -> tuple[Pace, ...]:
        with self._database.reading() as connection:
            return run_rows.paces(connection, job, limit)

    def record_attempt(self, attempt: AttemptRecord, token: str | None = None) -> None:
        with self._database.writing_soon() as connection:
            run_rows.record_attempt(connection, attempt)
            if token is not None and attempt.partition is not None:
                lease_rows.release(connection, attempt.job, attempt.partition, token)

    def attempts(self, run_id: str) -> tuple[AttemptRecord, ...]:
        with self._database.reading() as connection:
            return run_rows.attempts_of(connection, run_id)

    def attempts_on(self, job: str, path: str, limit: int) -> tuple[AttemptRecord, ...]:
        with self._database.reading() as connection:
            return run_rows.attempts_on(connection, job, path, limit)

    def begin_publishes(self, records: Sequence[GenerationRecord], token: str) -> None:
        with self._database.writing() as connection:
            for record in records:
                lease_rows.check(connection, record.job, record.partition, token)
                generation_rows.begin_publish(connection, record)

    def finish_publish(
        self,
        job: str,
        partition: Partition,
        number: int,
        published_at: dt.datetime,
        columns: tuple[tuple[str, str], ...] | None = None,
    ) -> None:
        with self._database.writing_soon() as connection:
            run_id = generation_rows.finish_publish(connection, job, partition, number, published_at)
            if columns is not None:
                run_rows.record_columns(connection, job, columns, run_id)

    def abandon_publish(self, job: str, partition: Partition, number: int) -> None:
        with self._database.writing() as connection:
            generation_rows.abandon_publish(connection, job, partition, number)

    def reopen_publish(self, job: str, partition: Partition, number: int) -> None:
        with self._database.writing() as connection:
            generation_rows.reopen_publish(connection, job, partition, number)

    def unfinished_publishes(self, job: str) -> tuple[GenerationRecord, ...]:
        with self._database.reading() as connection:
            return generation_rows.unfinished(connection, job)

    def partition_records(
        self, job: str, paths: Collection[str] | None = None
    ) -> dict[Partition, PartitionRecord]:
        with self._database.reading() as connection:
            return past_rows.partition_records(connection, job, paths)

    def pasts(self, job: str) -> dict[Partition, PartitionPast]:
        with self._database.reading() as connection:
            return past_rows.pasts(connection, job)

    def newest_currents(self, job: str, limit: int) -> tuple[GenerationRecord, ...]:
        with self._database.reading() as connection:
            return generation_rows.newest_currents(connection, job, limit)

    def blocked_paths(self, job: str) -> tuple[str, ...]:
        with self._database.reading() as connection:
            return past_rows.blocked_paths(connection, job)

    def standing(self, job: str) -> Standing:
        with self._database.reading() as connection:
            return past_rows.standing(connection, job)

    def partitions(self, job: str) -> Iterator[Partition]:
        after: str | None = ""
        while after is not None:
            with self._database.reading() as connection:
                found = current_rows.partitions(connection, job, after, _AT_ONCE)
            yield from (partition for _path, partition in found)
            after = found[-1][0] if found else None

    def generations(
        self, job: str, partition: Partition, *, below: int | None = None, limit: int | None = None
    ) -> tuple[GenerationRecord, ...]:
        with self._database.reading() as connection:
            return generation_rows.history(connection, job, partition, below or _ABOVE_ALL, limit)

    def states(self, job: str, partition: Partition) -> tuple[tuple[int, GenerationState], ...]:
        with self._database.reading() as connection:
            return generation_rows.states(connection, job, partition)

    def count_generations(self, job: str, partition: Partition, *, below: int) -> int:
        with self._database.reading() as connection:
            return generation_rows.count(connection, job, partition, below)

    def published(self, job: str, partition: Partition) -> Iterator[VisibleGeneration]:
        below, at_once = _ABOVE_ALL, _FEW
        while True:
            with self._database.reading() as connection:
                found = generation_rows.published(connection, job, partition, below, at_once)
            yield from found
            if len(found) < at_once:
                return
            below, at_once = found[-1].number, _AT_ONCE

    def footing(self, job: str, partition: Partition) -> Footing:
        with self._database.reading() as connection:
            return footing_rows.read(connection, job, partition)

    def generation(self, job: str, partition: Partition, number: int | None) -> GenerationRecord | None:
        with self._database.reading() as connection:
            return generation_rows.one(connection, job, partition, number)

    def set_pin(self, job: str, partition: Partition, number: int, pin: Pin | None) -> None:
        with self._database.writing() as connection:
            generation_rows.set_pin(connection, job, partition, number, pin)

    def enter(self, holder: Holder) -> None:
        with self._database.writing_soon() as connection:
            lease_rows.enter(connection, holder)

    def leave(self, token: str) -> None:
        with self._database.writing() as connection:
            lease_rows.leave(connection, token)

    def beat(self, token: str, now: dt.datetime) -> Holder | None:
        with self._database.writing_soon() as connection:
            return lease_rows.beat(connection, token, now)

    def request_cancel(self, token: str, by: str) -> None:
        with self._database.writing() as connection:
            lease_rows.request_cancel(connection, token, by)

    def holders(self, job: str) -> tuple[Holder, ...]:
        with self._database.reading() as connection:
            return lease_rows.holders_of(connection, job)

    def leases(self, job: str) -> tuple[Lease, ...]:
        with self._database.reading() as connection:
            return lease_rows.leases_of(connection, job)

    def lease(self, job: str, partition: Partition) -> Lease | None:
        with self._database.reading() as connection:
            return lease_rows.lease_of(connection, job, partition)

    def take_lease(
        self, job: str, partition: Partition, token: str, now: dt.datetime, *, instead_of: str | None
    ) -> bool:
        with self._database.writing_soon() as connection:
            return lease_rows.take(connection, job, partition, token, now, instead_of=instead_of)

    def release_lease(self, job: str, partition: Partition, token: str) -> None:
        with self._database.writing_soon() as connection:
            lease_rows.release(connection, job, partition, token)

    def open_generation(self, opening: Opening, token: str) -> None:
        # One that is taken over may hold what readers saw before: its new name must last.
        is_new = opening.renamed_from is None
        with self._database.writing_soon() if is_new else self._database.writing() as connection:
            lease_rows.check(connection, opening.job, opening.partition, token)
            opening_rows.write(connection, opening)

    def close_opening(self, job: str, partition: Partition, token: str) -> None:
        with self._database.writing() as connection:
            lease_rows.check(connection, job, partition, token)
            opening_rows.close(connection, job, partition)

    def openings(self, job: str, partition: Partition | None = None) -> tuple[Opening, ...]:
        with self._database.reading() as connection:
            return opening_rows.find(connection, job, partition)

    def record_waiver(self, waiver: Waiver, token: str) -> None:
        with self._database.writing() as connection:
            lease_rows.check(connection, waiver.job, waiver.partition, token)
            waiver_rows.write(connection, waiver)

    def refresh_inputs(self, job: str, partition: Partition, files: Sequence[LakeFile]) -> None:
        with self._database.writing_soon() as connection:
            generation_rows.refresh_inputs(connection, job, partition, files)

    def output_columns(self, job: str) -> tuple[tuple[str, str], ...] | None:
        with self._database.reading() as connection:
            return run_rows.columns_of(connection, job)
