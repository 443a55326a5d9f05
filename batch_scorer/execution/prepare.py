"""From a planned partition to chunk tasks: everything that can be refused before a row is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ulid import ULID

from batch_scorer.core.chunks import ChunkTask, OutputSpec, ReadSpec
from batch_scorer.core.errors import InputMoved
from batch_scorer.core.expressions import names_in
from batch_scorer.core.lakefiles import Footer, PartitionFiles, content_fingerprint
from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import PartitionPlan, Plan
from batch_scorer.core.records import GenerationRecord
from batch_scorer.execution.output_columns import check_output_columns
from batch_scorer.execution.parts import JobParts
from batch_scorer.execution.place import check_place
from batch_scorer.execution.survey import hashed
from batch_scorer.planning.chunks import cut_chunks


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A partition ready to be scored. columns: (name, Arrow type) of its output, in order."""

    entry: PartitionPlan
    partition: Partition
    generation: int
    previous_manifest: str | None
    found: PartitionFiles  # every file with its content's sha256
    input_fingerprint: str
    staging: Path
    tasks: tuple[ChunkTask, ...]
    columns: tuple[tuple[str, str], ...]
    started_at: datetime
    warnings: tuple[str, ...] = ()

    @property
    def input_paths(self) -> tuple[str, ...]:
        root = self.tasks[0].read.root if self.tasks else ""
        return tuple(f"{root}/{file.path}" for file in self.found.files)


def prepare(
    parts: JobParts, plan: Plan, entry: PartitionPlan, *, run_id: str, allow_schema_change: bool
) -> Prepared:
    """Raises: InputError, OutputSchemaChanged, OutputError: this partition fails, the others go on."""
    if entry.problem is not None:
        raise entry.problem
    assert entry.partition is not None and entry.found is not None  # noqa: S101, PT018 (SCORE entries)
    from batch_scorer.lake.schema import disagreements

    check_place(parts, entry)
    read = read_spec(parts, plan, entry.found, entry.footers)
    found = replace(entry.found, files=hashed(parts, entry.found.files, entry.found.files))
    history = parts.ledger.generations(parts.job.name, entry.partition)
    prepared = Prepared(
        entry=entry,
        partition=entry.partition,
        generation=max((record.number for record in history), default=0) + 1,
        previous_manifest=_previous_manifest(history, entry),
        found=found,
        input_fingerprint=content_fingerprint(found.files),
        staging=parts.places.staging(entry.partition, f"{run_id}-{ULID()}"),
        tasks=(),
        columns=(),
        started_at=datetime.now(UTC),
        warnings=disagreements(entry.found.files, entry.footers),
    )
    output = _output_spec(parts, plan, prepared, read, run_id)
    if not allow_schema_change:
        check_output_columns(parts, plan, found, read.carried, output.columns)
    return replace(prepared, columns=output.columns, tasks=_tasks(parts, plan, prepared, read, output))


def read_spec(parts: JobParts, plan: Plan, found: PartitionFiles, footers: Sequence[Footer]) -> ReadSpec:
    """Raises: ColumnMissing, ColumnTypeMismatch."""
    from batch_scorer.lake.schema import carried_types, check_features

    job = parts.job
    check_features(found.files, footers, plan.model.signature.columns)
    filtered = tuple(sorted(names_in(job.input.where))) if job.input.where else ()
    return ReadSpec(
        root=parts.input_root,
        features=plan.model.signature.columns,
        carried=carried_types(found.files, footers, job.carried_columns),
        key=job.input.key,
        where=job.input.where,
        filter_columns=carried_types(found.files, footers, filtered),
    )


def moved(found: PartitionFiles, how: str) -> InputMoved:
    return InputMoved(
        f"the input of {found.partition} changed while it was being scored: {how}",
        where=found.directory,
        fix="nothing was published; the next run takes the new files. "
        "If writers are often late, set input.ready.min_age or input.ready.marker",
    )


def _previous_manifest(history: Sequence[GenerationRecord], entry: PartitionPlan) -> str | None:
    """The hash that chains the new manifest to the current generation's."""
    current = [record for record in history if record.number == entry.base_generation]
    return current[0].manifest_sha256 if current else None


def _output_spec(parts: JobParts, plan: Plan, prepared: Prepared, read: ReadSpec, run_id: str) -> OutputSpec:
    return OutputSpec(
        staging=str(prepared.staging),
        run_id=run_id,
        carried=read.carried,
        outputs=parts.job.model.output,
        model_version=f"{plan.model.name}@{plan.model.version}",
        max_file_bytes=parts.job.output.file_size,
        metadata=_footer_metadata(parts, plan, prepared, run_id),
    )


def _tasks(
    parts: JobParts, plan: Plan, prepared: Prepared, read: ReadSpec, output: OutputSpec
) -> tuple[ChunkTask, ...]:
    job = parts.job
    chunks = cut_chunks(
        prepared.found,
        prepared.entry.footers,
        target_bytes=job.compute.chunk,
        limit_rows=job.input.limit_rows,
    )
    return tuple(
        ChunkTask(
            chunk=chunk,
            read=read,
            model=plan.model,
            method=job.model.method,
            output=output,
            code=parts.code,
        )
        for chunk in chunks
    )


def _footer_metadata(
    parts: JobParts, plan: Plan, prepared: Prepared, run_id: str
) -> tuple[tuple[str, str], ...]:
    """What every output file says about itself, so that it can be explained without us."""
    return (
        ("job", parts.job.name),
        ("run_id", run_id),
        ("partition", prepared.partition.path),
        ("generation", str(prepared.generation)),
        ("model", f"{plan.model.name}@{plan.model.version}"),
        ("model_sha256", plan.model.sha256),
        ("input_sha256", prepared.input_fingerprint),
        ("previous_manifest_sha256", prepared.previous_manifest or ""),
        ("code_version", parts.code_version),
    )
