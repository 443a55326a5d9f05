"""From a planned partition to chunk tasks: everything that can be refused before a row is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from batch_scorer.core.chunks import (
    Chunk,
    ChunkScored,
    ChunkTask,
    OutputSpec,
    ReadSpec,
    output_columns,
)
from batch_scorer.core.errors import InputMoved
from batch_scorer.core.expressions.trees import names_in
from batch_scorer.core.footing import Footing
from batch_scorer.core.lakefiles import Footer, PartitionFiles, content_fingerprint
from batch_scorer.core.leases import Opening
from batch_scorer.core.models import Compiled, ModelPin
from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import PartitionPlan
from batch_scorer.core.validation import SuiteScan
from batch_scorer.core.waivers import Waived
from batch_scorer.execution.checking import columns_checked, suite_scans
from batch_scorer.execution.early import refuted
from batch_scorer.execution.foregone import Decisive, decisive_rules
from batch_scorer.execution.parts import JobParts
from batch_scorer.execution.publishing.openings import Opened, open_generation, opening_key
from batch_scorer.execution.publishing.output_columns import check_output_columns
from batch_scorer.execution.publishing.place import check_place
from batch_scorer.execution.survey import hashed, read_footers
from batch_scorer.execution.under_way import RunUnderWay
from batch_scorer.planning.chunks import cut_chunks


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A partition ready to be scored. columns: (name, Arrow type) of its output, in order.

    attempt: its directory, relative to the root of the state.
    tasks: the chunks that must be scored. reused: those that an earlier run of this generation had scored.
    """

    entry: PartitionPlan
    footing: Footing
    partition: Partition
    opening: Opening
    found: PartitionFiles  # every file with its content's sha256
    input_root: str
    input_fingerprint: str
    attempt: str
    tasks: tuple[ChunkTask, ...]
    reused: tuple[ChunkScored, ...]
    columns: tuple[tuple[str, str], ...]
    scans: tuple[SuiteScan, ...]
    decisive: tuple[Decisive, ...]
    foregone: str | None  # the rule that the footers alone refute: validated, not scored
    waived: tuple[Waived, ...]
    started_at: datetime
    warnings: tuple[str, ...] = ()

    @property
    def input_paths(self) -> tuple[str, ...]:
        return tuple(f"{self.input_root}/{file.path}" for file in self.found.files)


def prepare(run: RunUnderWay, entry: PartitionPlan, footing: Footing) -> Prepared:
    """footing: asked under our lease on the partition.

    Raises: InputError, OutputSchemaChanged, OutputError: this partition fails, the others go on; LeaseLost.
    """
    if entry.problem is not None:
        raise entry.problem
    parts, plan = run.parts, run.plan
    entry = _with_footers(parts, entry)
    assert entry.partition is not None and entry.found is not None  # noqa: S101, PT018 (SCORE entries)
    from batch_scorer.lake.reading.schema import disagreements

    check_place(parts, entry.partition, footing.current)
    model = plan.model_of(entry)
    read = read_spec(parts, model, entry.found, entry.footers)
    found = replace(entry.found, files=hashed(parts, entry.found.files, entry.found.files))
    columns = output_columns(read.carried, parts.job.model.output)
    fingerprint = content_fingerprint(found.files)
    waived = tuple(each.waived for each in footing.waivers if each.input_fingerprint == fingerprint)
    scans = suite_scans(parts, entry.footers, columns, waived) if entry.footers else ()
    read = replace(read, checked=columns_checked(scans), memory_bytes=parts.job.compute.memory_per_worker)
    parts.sink.check_columns(columns)
    if not run.options.allow_schema_change:
        check_output_columns(parts, plan, found, read.carried, columns, footing.columns)
    job = parts.job
    chunks = cut_chunks(found, entry.footers, target_bytes=job.compute.chunk, limit_rows=job.input.limit_rows)
    opened = open_generation(
        parts,
        footing,
        run_id=run.run_id,
        token=run.leases.token,
        key=opening_key(parts, plan, model, found, chunks, columns, waived),
        chunks=chunks,
    )
    decisive = tuple(decisive_rules(parts.suites, scans)) if scans else ()
    foregone = refuted(parts, entry, scans, decisive)
    output = _output_spec(parts, model, opened, read, fingerprint)
    return Prepared(
        entry=entry,
        footing=footing,
        partition=entry.partition,
        opening=opened.opening,
        found=found,
        input_root=parts.input_root,
        input_fingerprint=fingerprint,
        attempt=opened.attempt,
        tasks=_tasks(parts, model, chunks, opened, read, output, scans, foregone is not None),
        reused=opened.scored,
        scans=scans,
        decisive=decisive,
        foregone=foregone,
        waived=waived,
        columns=columns,
        started_at=datetime.now(UTC),
        warnings=(*entry.warnings, *disagreements(entry.found.files, entry.footers)),
    )


def _with_footers(parts: JobParts, entry: PartitionPlan) -> PartitionPlan:
    """Of a large plan not every partition was opened. Raises: InputError, StoreUnavailable."""
    if entry.footers or entry.found is None:
        return entry
    return replace(entry, footers=read_footers(parts, entry.found))


def read_spec(parts: JobParts, model: ModelPin, found: PartitionFiles, footers: Sequence[Footer]) -> ReadSpec:
    """How a run and a rescore read these files for a model. Raises: ColumnMissing, ColumnTypeMismatch."""
    from batch_scorer.lake.reading.schema import carried_types, check_features

    job = parts.job
    features = model.signature.columns
    check_features(found.files, footers, features, model=model.reference)
    filtered = tuple(sorted(names_in(job.input.where))) if job.input.where else ()
    return ReadSpec(
        root=parts.input_root,
        features=features,
        model=model.reference,
        carried=carried_types(found.files, footers, job.carried_columns),
        key=job.input.key,
        where=job.input.where,
        filter_columns=carried_types(found.files, footers, filtered),
        stores=parts.stores,
    )


def moved(found: PartitionFiles, how: str) -> InputMoved:
    return InputMoved(
        f"the input of {found.partition} changed while it was being scored: {how}",
        where=found.directory,
        fix="nothing was published; the next run takes the new files. "
        "If writers are often late, set input.ready.min_age or input.ready.marker",
    )


def _output_spec(
    parts: JobParts, model: ModelPin, opened: Opened, read: ReadSpec, input_fingerprint: str
) -> OutputSpec:
    opening = opened.opening
    return OutputSpec(
        staging=parts.long.at(opened.attempt),
        run_id=opening.run_id,
        carried=read.carried,
        outputs=parts.job.model.output,
        model_version=model.reference,
        max_file_bytes=parts.job.output.file_size,
        metadata=_footer_metadata(parts, model, opening, input_fingerprint),
        stores=parts.stores,
    )


def _tasks(
    parts: JobParts,
    model: ModelPin,
    chunks: Sequence[Chunk],
    opened: Opened,
    read: ReadSpec,
    output: OutputSpec,
    scans: tuple[SuiteScan, ...],
    only_checks: bool,
) -> tuple[ChunkTask, ...]:
    done = {scored.chunk.index for scored in opened.scored}
    return tuple(
        ChunkTask(
            chunk=chunk,
            read=read,
            model=model,
            method=parts.job.model.method,
            output=output,
            code=parts.code,
            scans=scans,
            only_checks=only_checks,
            compiled=Compiled(parts.job.compute.compiled),
        )
        for chunk in chunks
        if chunk.index not in done
    )


def _footer_metadata(
    parts: JobParts, model: ModelPin, opening: Opening, input_fingerprint: str
) -> tuple[tuple[str, str], ...]:
    """What every output file says about itself, so that it can be explained without us."""
    return (
        ("job", parts.job.name),
        ("run_id", opening.run_id),
        ("partition", opening.partition.path),
        ("generation", str(opening.number)),
        ("model", model.reference),
        ("model_sha256", model.sha256),
        ("input_sha256", input_fingerprint),
        ("previous_manifest_sha256", opening.previous_sha256 or ""),
        ("code_version", parts.code_version),
    )
