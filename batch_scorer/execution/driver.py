"""The driver loop: keep a bounded number of chunks in flight, settle each partition as it completes.

A partition passes: prepare → chunks validated and scored → verdicts → gates → publish.
Whatever happens to one partition is that partition's outcome; only a model error, a lost store or cluster,
a stop or a failure limit ends the loop early.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from contextlib import contextmanager
from datetime import UTC, datetime

from batch_scorer.core.chunks import ChunkChecked, ChunkCost, ChunkFailed, ChunkScored, ChunkTask
from batch_scorer.core.errors import (
    BatchScorerError,
    ClusterUnavailable,
    ClusterUnfit,
    LeaseLost,
    ModelError,
    WorkerDied,
)
from batch_scorer.core.faults import FaultPoint, fault_point
from batch_scorer.core.footing import Footing
from batch_scorer.core.outcomes import Failed, Held, Overtaken, PartitionOutcome
from batch_scorer.core.plans import PartitionPlan
from batch_scorer.execution import attempts
from batch_scorer.execution.checking import requests_for
from batch_scorer.execution.clusters.bundles import apart
from batch_scorer.execution.clusters.choice import failure_of
from batch_scorer.execution.clusters.protocol import Cluster, Done
from batch_scorer.execution.clusters.window import Window
from batch_scorer.execution.hand import Hand
from batch_scorer.execution.prepare import prepare
from batch_scorer.execution.publishing.publish import staged_files
from batch_scorer.execution.queue import Queue
from batch_scorer.execution.settle import conclude, failed
from batch_scorer.execution.under_way import RunUnderWay, VerdictEntries
from batch_scorer.execution.work import PartitionWork
from batch_scorer.validation.gx.process import GxProcess

_log = logging.getLogger(__name__)
_POLL_S = 0.2


class Driver:
    """Runs one plan. Single-threaded: every decision is made in `run`, between two outcomes."""

    def __init__(self, run: RunUnderWay, *, cluster: Cluster, judge: GxProcess) -> None:
        self._run = run
        self._cluster = cluster
        self._judge = judge
        self._queue = Queue(run)
        self._hand = Hand(run.options.max_parallel)
        self._warned: list[str] = []
        self._window = Window(slots=cluster.slots, retries=run.parts.job.compute.retries)
        self._n_failed = sum(isinstance(outcome, Failed) for outcome in run.outcomes)

    def run(self) -> None:
        """Until every partition has an outcome. Raises: what ends a run as a whole."""
        try:
            while self._queue or self._hand:
                self._run.stop.check()
                self._fill_window()
                self._take_all(self._next_done())
                self._settle([work for work in self._hand if work.is_scored])
        finally:
            for work in self._hand:
                work.forget_checks()  # its staged chunks stay: the next run goes on with them

    def _fill_window(self) -> None:
        self._window.resize(self._cluster.slots)
        while (task := self._window.next(time.monotonic(), self._fresh_task)) is not None:
            self._cluster.submit(task)

    def _fresh_task(self) -> ChunkTask | None:
        return self._hand.fresh_task(self._start_next, self._queue.__len__, self._cluster.slots)

    def _gave_up(self) -> bool:
        """--fail-fast or compute.max_failed_partitions: finish what has started, start nothing more."""
        limit = 0 if self._run.options.fail_fast else self._run.parts.job.compute.max_failed_partitions
        if limit is None or self._n_failed <= limit:
            return False
        self._run.listener.warned(
            f"{self._n_failed} partitions failed: {len(self._queue)} more were not started"
        )
        self._queue.clear()
        return True

    def _start_next(self) -> bool:
        """Take one more partition in hand, if there is room and one that nobody else has."""
        if not self._queue or not self._hand.has_room or self._gave_up():
            return False
        turn = self._queue.next()
        if turn is None:
            return False
        if isinstance(turn, Held | Overtaken):
            with self._told(turn):
                return True
        self._start(turn.entry, turn.footing)
        return True

    def _start(self, entry: PartitionPlan, footing: Footing) -> None:
        started_at, begun = datetime.now(UTC), time.perf_counter()
        wait_s = self._queue.waited_s(entry.partition)
        try:
            prepared = prepare(self._run, entry, footing)
        except BatchScorerError as error:
            self._end_unprepared(entry, error, started_at)
            return
        work = PartitionWork(prepared)
        work.add_cost(ChunkCost(prepare_s=time.perf_counter() - begun, wait_s=wait_s))
        self._hand.take(work)
        for scored in prepared.reused:
            self._run.listener.rows_read(entry.label, scored.rows.n_read)

    def _end_unprepared(self, entry: PartitionPlan, error: BatchScorerError, started_at: datetime) -> None:
        assert entry.partition is not None  # noqa: S101 (only partitions are scored)
        outcome: PartitionOutcome = Failed(partition=entry.partition, label=entry.label, error=error)
        if isinstance(error, LeaseLost):
            outcome = Held(partition=entry.partition, label=entry.label, error=error)
        with self._told(outcome):
            attempts.record(self._run, entry, outcome, started_at=started_at)

    def _send_checks(self, work: PartitionWork) -> None:
        """When scoring was stopped, predictions are not there to be checked."""
        prepared = work.prepared
        files = {"input": prepared.input_paths}
        if work.foregone is None:
            place = staged_files(self._run.parts, prepared.attempt).where
            files["output"] = tuple(f"{place}/{file.name}" for chunk in work.chunks for file in chunk.files)
        requests = requests_for(
            self._run.parts, prepared.scans, work.scanned,
            label=prepared.entry.label, files=files, attempt=prepared.attempt,
        )  # fmt: skip
        work.checks = [self._judge.submit(request) for request in requests]

    def _next_done(self) -> Done | None:
        if self._window.n_in_flight:
            done = self._cluster.next_done(0.0)
            if done is not None or self._queue.look_ahead():
                return done  # while workers start, most of what a night has is looked at
            return self._cluster.next_done(_POLL_S)
        pending = [check for work in self._hand for check in work.checks or () if not check.done()]
        if pending:
            wait(pending, timeout=_POLL_S, return_when=FIRST_COMPLETED)
        elif (pause_s := self._window.wait_s(time.monotonic())) is not None:
            time.sleep(min(pause_s, _POLL_S))
        elif not self._hand and self._queue:
            time.sleep(_POLL_S)  # what is left is held by others, and --wait-lock waits for them
        return None

    def _take_all(self, done: Done | None) -> None:
        for each in apart(done) if done is not None else ():
            self._take(each)

    def _take(self, done: Done) -> None:
        work = self._hand[done.task.chunk.partition]
        if done.was_doubled:
            work.add_cost(ChunkCost(n_doubled=1))
        match done.outcome:
            case ChunkScored() as scored:
                self._window.settled(done.task)
                work.take_scored(scored)
                self._hand.took(scored.cost, scored.rows.n_read)
                self._warn_once(scored.warnings)
                self._run.listener.rows_read(work.prepared.entry.label, scored.rows.n_read)
            case ChunkChecked() as checked:
                self._window.settled(done.task)
                work.take_checked(checked)
                self._hand.took(checked.cost, checked.n_read)
                self._run.listener.rows_read(work.prepared.entry.label, checked.n_read)
            case ChunkFailed() as failed:
                self._take_failed(work, done.task, failed)
            case _:
                assert done.surprise is not None  # noqa: S101 (Done holds one or the other)
                self._take_failed(work, done.task, failure_of(done.task, done.surprise))

    def _warn_once(self, warnings: tuple[str, ...]) -> None:
        for text in warnings:
            if text not in self._warned:
                self._warned.append(text)
                self._run.listener.warned(text)

    def _take_failed(self, work: PartitionWork, task: ChunkTask, failed: ChunkFailed) -> None:
        error = failed.error
        if isinstance(error, ModelError | ClusterUnavailable | ClusterUnfit):
            raise error
        if not self._goes_again(task, error):
            self._window.settled(task)
            work.add_cost(_lost(error))
            work.take_failed(failed)
        elif work.error is None:
            work.add_cost(_lost(error) + ChunkCost(n_retries=1))
            _log.warning("chunk %s of %s again: %s", task.chunk.index, task.chunk.partition, error)
        if work.error is not None:  # what was to go again need not, nor is it to blame
            work.drop(self._window.forget(task.chunk.partition))

    def _goes_again(self, task: ChunkTask, error: BatchScorerError) -> bool:
        now = time.monotonic()
        if isinstance(error, WorkerDied):
            may_be_innocent = self._window.died(task, now)
            if not may_be_innocent:
                error.what += ", each time it ran alone"
            return may_be_innocent
        return error.retryable and self._window.failed(task, now)

    def _settle(self, scored: Sequence[PartitionWork]) -> None:
        """Take partitions whose chunks are in as far as they can go now, together."""
        for work in scored:
            if work.error is not None:
                self._hand.let_go(work)
                self._end(work, failed(work, work.error))
        waiting = [work for work in scored if work.error is None]
        self._check([work for work in waiting if work.checks is None])
        checked = [work for work in waiting if work.is_checked]
        for work in checked:
            work.add_cost(ChunkCost(check_s=time.perf_counter() - work.all_in_at))
            self._hand.let_go(work)  # a publish that is broken off is recovered from disk
        if checked:
            self._conclude(checked)

    def _check(self, works: Sequence[PartitionWork]) -> None:
        for work in works:
            work.all_in_at = time.perf_counter()
            self._send_checks(work)
        if len(works) > 1:  # most answers take a millisecond, and who goes on together shares fsyncs
            wait([check for work in works for check in work.checks or ()], timeout=_POLL_S)

    def _conclude(self, works: Sequence[PartitionWork]) -> None:
        for each in conclude(self._run, works):
            self._end(each.work, each.outcome, each.entries)

    def _end(self, work: PartitionWork, outcome: PartitionOutcome, entries: VerdictEntries = ()) -> None:
        work.forget_checks()
        outcome = self._queue.unless_lost(outcome, work.prepared.partition)
        attempts.close(self._run, work.prepared, outcome)
        with self._told(outcome):
            attempts.record(
                self._run,
                work.prepared.entry,
                outcome,
                started_at=work.prepared.started_at,
                found=work.prepared.found,
                rows=work.accounted,
                verdicts=entries,
            )
            fault_point(FaultPoint.ATTEMPT_RECORDED)

    @contextmanager
    def _told(self, outcome: PartitionOutcome) -> Iterator[None]:
        """Around its record in the ledger: the outcome is true whether the ledger takes it or not."""
        self._n_failed += isinstance(outcome, Failed)
        self._run.outcomes.append(outcome)
        try:
            yield
        finally:
            self._run.listener.partition_done(outcome)


def _lost(error: BatchScorerError) -> ChunkCost:
    return ChunkCost(n_deaths=int(isinstance(error, WorkerDied)))
