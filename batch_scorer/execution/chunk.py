"""The worker's one task: read a chunk's row groups, score them, stage the file. One pass, no publishing."""

from __future__ import annotations

import os
import resource
import secrets
import socket
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from batch_scorer.core.batches import SmallerBatches, smallest
from batch_scorer.core.chunks import (
    FILES,
    NO_ROWS,
    QUARANTINE,
    SPILLS,
    Accounting,
    ChunkChecked,
    ChunkCost,
    ChunkFailed,
    ChunkScored,
    ChunkTask,
    OutputSpec,
    StagedFile,
)
from batch_scorer.core.errors import BatchScorerError, ScoringError
from batch_scorer.core.faults import FaultPoint, fault_point
from batch_scorer.execution.clusters.scratch import own_directory
from batch_scorer.execution.setting_aside import AsideRows
from batch_scorer.lake.reading.reader import Batch, read_chunk
from batch_scorer.lake.staging.key_order import KeyOrder
from batch_scorer.lake.staging.quarantine import AsideWriter
from batch_scorer.lake.staging.staged_files import StagedWriter
from batch_scorer.lake.staging.workplaces import working_at
from batch_scorer.models.scoring.compiled.reasons import Differs
from batch_scorer.models.scoring.loader import load_model
from batch_scorer.models.scoring.output_values import evaluate_outputs
from batch_scorer.models.scoring.scorer import Scorer, scorer_for
from batch_scorer.validation.chunk_scan import ChunkScan
from batch_scorer.validation.streaming.spill_files import SpillFile


def score_chunk(task: ChunkTask) -> ChunkScored | ChunkChecked | ChunkFailed:
    """Score one chunk; an expected failure comes back as data, a surprise propagates.

    Idempotent: every call stages files under new names, and only the driver publishes.
    """
    clock = _Clock()
    try:
        return _check(task, clock) if task.only_checks else _score_as_proven(task, clock)
    except BatchScorerError as error:
        return ChunkFailed(chunk=task.chunk, error=error, worker=_worker_name())


def _check(task: ChunkTask, clock: _Clock) -> ChunkChecked:
    n_read = 0
    with working_at(task.output, own_directory()) as place:
        suites = _suites(task, place.output)
        for batch in clock.drawn_from(
            read_chunk(task.chunk, replace(task.read, features=(), carried=(), key=()))
        ):
            with clock.stage("validate_s"):
                suites.take("input", batch.raw)
            n_read += batch.n_read
        with clock.stage("validate_s"):
            scanned, spills = suites.finish()
            place.hand_in({SPILLS: _staged(spills)})
    return ChunkChecked(
        chunk=task.chunk,
        n_read=n_read,
        worker=_worker_name(),
        cost=clock.cost(),
        scanned=scanned,
        spills=_staged(spills),
    )


def _score_as_proven(task: ChunkTask, clock: _Clock) -> ChunkScored:
    try:
        return _score(task, clock)
    except Differs:
        # From its first row, by the original: what the compiled pipeline gave for it is worth nothing.
        return _score(task, clock)


def _score(task: ChunkTask, clock: _Clock) -> ChunkScored:
    with clock.stage("load_s"):
        make_importable(task.code)
        model = load_model(task.model)
        scorer = scorer_for(model, task.method, task.compiled)
    with (
        working_at(task.output, own_directory()) as place,
        StagedWriter(place.output, task.chunk.index) as writer,
        AsideWriter(place.output, task.chunk.index, task.chunk.file.path) as quarantine,
    ):
        suites = _suites(task, place.output)
        aside = AsideRows(suites, quarantine, clock.stage)
        order = KeyOrder(task.read.key)
        rows = _score_rows(task, scorer, clock, writer, suites, aside, order)
        fault_point(FaultPoint.CHUNK_SCORED)
        with clock.stage("write_s"):
            files, set_aside = writer.finish(), quarantine.finish()
        with clock.stage("validate_s"):
            scanned, spills = suites.finish()
        scored = ChunkScored(
            chunk=task.chunk,
            rows=rows,
            files=files,
            worker=_worker_name(),
            warnings=(*model.warnings, *scorer.warnings),
            scanned=scanned,
            spills=_staged(spills),
            aside=set_aside,
            set_aside=aside.by_suite,
            keys=order.span,
        )
        with clock.stage("write_s"):
            writer.synced()
            place.hand_in({FILES: files, QUARANTINE: set_aside, SPILLS: scored.spills})
            fault_point(FaultPoint.CHUNK_HANDED_IN)
            place.record(scored)
        fault_point(FaultPoint.CHUNK_RECORDED)
    return replace(scored, cost=replace(clock.cost(), scored_by=scorer.scored_by))


def _score_rows(
    task: ChunkTask,
    scorer: Scorer,
    clock: _Clock,
    writer: StagedWriter,
    suites: ChunkScan,
    aside: AsideRows,
    order: KeyOrder,
) -> Accounting:
    rows = NO_ROWS
    for batch in clock.drawn_from(read_chunk(task.chunk, task.read, aside.leave_out)):
        fault_point(FaultPoint.CHUNK_READ)
        n_quarantined = aside.take(batch)
        with clock.stage("score_s"):
            outputs = _outputs(task, scorer, batch)
        with clock.stage("write_s"):
            order.take(batch.carried)
            staged = writer.write(_beside(batch.carried, outputs))
        with clock.stage("validate_s"):
            suites.take("output", staged)
        rows += Accounting(
            n_read=batch.n_read,
            n_scored=outputs.num_rows,
            n_quarantined=n_quarantined,
            n_dropped=batch.n_dropped,
        )
    return rows


def _staged(spills: Sequence[SpillFile]) -> tuple[StagedFile, ...]:
    return tuple(
        StagedFile(name=file.name, n_rows=file.n_rows, n_bytes=file.n_bytes, sha256=file.sha256)
        for file in spills
    )


def _suites(task: ChunkTask, output: OutputSpec) -> ChunkScan:
    """With files of their own for every try: what one try writes, another may be read of."""
    name = f"{task.chunk.index:05d}-{secrets.token_hex(4)}"
    return ChunkScan(task.scans, Path(output.spills), name)


def _outputs(task: ChunkTask, scorer: Scorer, batch: Batch) -> pa.Table:
    try:
        prediction = scorer.predict(batch.features)
        return evaluate_outputs(prediction, task.method, task.output.outputs, task.model.signature)
    except ScoringError as error:
        raise _located(error, task, batch) from None


def _located(error: ScoringError, task: ChunkTask, batch: Batch) -> ScoringError:
    """The same error with the file's row and key, which only we know here."""
    error.where = task.chunk.file.path
    if error.error_rows:
        position = error.error_rows[0]
        key = ", ".join(f"{name} {batch.carried[name][position]}" for name, _ in task.read.carried[:1])
        error.where += f", row {batch.row_at(position)} ({key})"
    return error


def _beside(carried: pa.Table, outputs: pa.Table) -> pa.Table:
    for name in outputs.column_names:
        carried = carried.append_column(outputs.field(name), outputs.column(name))
    return carried


def make_importable(code: tuple[str, ...]) -> None:
    """Put the project's own code (custom transformers) on sys.path, once."""
    for directory in reversed(code):
        if directory not in sys.path:
            sys.path.insert(0, directory)


def _worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


class _Clock:
    """Wall seconds by stage, and the CPU seconds of this task. A stage within another counts as itself."""

    def __init__(self) -> None:
        self._spent_s: dict[str, Any] = defaultdict(float)  # by stage
        self._smaller: SmallerBatches | None = None
        self._within_s = 0.0  # spent in stages within the one that goes on
        self._cpu_start = time.process_time()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start, outer = time.perf_counter(), self._within_s
        self._within_s = 0.0
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            self._spent_s[name] += spent - self._within_s
            self._within_s = outer + spent

    def drawn_from(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Iterate, counting the time spent inside the iterator as reading."""
        while True:
            with self.stage("read_s"):
                batch = next(batches, None)
            if batch is None:
                return
            self._smaller = smallest((self._smaller, batch.smaller))
            yield batch

    def cost(self) -> ChunkCost:
        peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        cost = ChunkCost(
            cpu_s=time.process_time() - self._cpu_start, peak_bytes=peak_kib * 1024, smaller=self._smaller
        )
        return replace(cost, **self._spent_s)
