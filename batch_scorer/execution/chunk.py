"""One try at a chunk: read its row groups, score them, stage the file. One pass, no publishing."""

from __future__ import annotations

import os
import secrets
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from batch_scorer.core.chunks import (
    FILES,
    NO_ROWS,
    QUARANTINE,
    SPILLS,
    Accounting,
    ChunkChecked,
    ChunkScored,
    ChunkTask,
    OutputSpec,
    StagedFile,
)
from batch_scorer.core.errors import ScoringError
from batch_scorer.core.faults import FaultPoint, fault_point
from batch_scorer.core.models import Compiled, Method
from batch_scorer.execution.clock import Clock
from batch_scorer.execution.clusters.scratch import own_directory
from batch_scorer.execution.setting_aside import AsideRows
from batch_scorer.lake.reading.reader import Batch, read_chunk
from batch_scorer.lake.staging.key_order import KeyOrder
from batch_scorer.lake.staging.quarantine import AsideWriter
from batch_scorer.lake.staging.staged_files import StagedWriter
from batch_scorer.lake.staging.workplaces import Workplace, working_at
from batch_scorer.models.scoring.loader import LoadedModel, load_model
from batch_scorer.models.scoring.output_values import evaluate_outputs
from batch_scorer.models.scoring.scorer import Scorer
from batch_scorer.validation.chunk_scan import ChunkScan
from batch_scorer.validation.streaming.spill_files import SpillFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A chunk whose files are written and on their way to the disk. It has no record, nor is it proven.

    leaving: removes what was written, unless it was recorded before. Nothing here holds a batch.
    """

    task: ChunkTask
    clock: Clock
    scorer: Scorer
    place: Workplace
    writer: StagedWriter
    scored: ChunkScored
    leaving: ExitStack


def checked(task: ChunkTask, clock: Clock) -> ChunkChecked:
    """Validate a chunk whose partition is certain to be blocked."""
    n_read = 0
    with clock.running(), working_at(task.output, own_directory()) as place:
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
        worker=worker_name(),
        cost=clock.cost(),
        scanned=scanned,
        spills=_staged(spills),
    )


def written_by(
    scorer_of: Callable[[LoadedModel, Method, Compiled], Scorer],
    task: ChunkTask,
    clock: Clock,
    places: ExitStack,
) -> Written:
    """Score a chunk until its files are written. places: leaves, at the latest, what is written to.

    Raises: as scorer_of and Scorer.predict; then nothing of it is left.
    """
    with clock.stage("load_s"):
        make_importable(task.code)
        model = load_model(task.model)
        scorer = scorer_of(model, task.method, task.compiled)
    with ExitStack() as leaving:
        place = leaving.enter_context(working_at(task.output, own_directory()))
        writer = leaving.enter_context(StagedWriter(place.output, task.chunk.index))
        quarantine = leaving.enter_context(AsideWriter(place.output, task.chunk.index, task.chunk.file.path))
        scored = _score(task, scorer, clock, _suites(task, place.output), writer, quarantine)
        return Written(
            task=task,
            clock=clock,
            scorer=scorer,
            place=place,
            writer=writer,
            scored=replace(scored, warnings=(*model.warnings, *scorer.warnings)),
            leaving=places.enter_context(leaving.pop_all()),
        )


def _score(
    task: ChunkTask,
    scorer: Scorer,
    clock: Clock,
    suites: ChunkScan,
    writer: StagedWriter,
    quarantine: AsideWriter,
) -> ChunkScored:
    aside = AsideRows(suites, quarantine, clock.stage)
    order = KeyOrder(task.read.key)
    rows = _score_rows(task, scorer, clock, writer, suites, aside, order)
    fault_point(FaultPoint.CHUNK_SCORED)
    with clock.stage("write_s"):
        files, set_aside = writer.finish(), quarantine.finish()
    with clock.stage("validate_s"):
        scanned, spills = suites.finish()
    return ChunkScored(
        chunk=task.chunk,
        rows=rows,
        files=files,
        worker=worker_name(),
        scanned=scanned,
        spills=_staged(spills),
        aside=set_aside,
        set_aside=aside.by_suite,
        keys=order.span,
    )


def recorded(written: Written) -> ChunkScored:
    """Hand in what is proven. Idempotent: every try staged files under new names, and only the driver
    publishes.

    Raises: DiskFull, OutputUnwritable, StoreUnavailable.
    """
    scored = written.scored
    with written.clock.stage("write_s"):
        written.writer.synced()
        written.place.hand_in({FILES: scored.files, QUARANTINE: scored.aside, SPILLS: scored.spills})
        fault_point(FaultPoint.CHUNK_HANDED_IN)
        written.place.record(scored)
    fault_point(FaultPoint.CHUNK_RECORDED)
    return scored


def _score_rows(
    task: ChunkTask,
    scorer: Scorer,
    clock: Clock,
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


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
