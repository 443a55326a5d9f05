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
from batch_scorer.core.models import Signature
from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import PartitionPlan, Plan
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
    input_root: str
    input_fingerprint: str
    staging: Path
    tasks: tuple[ChunkTask, ...]
    columns: tuple[tuple[str, str], ...]
    started_at: datetime
    warnings: tuple[str, ...] = ()

    @property
    def input_paths(self) -> tuple[str, ...]:
        return tuple(f"{self.input_root}/{file.path}" for file in self.found.files)


def prepare(
    parts: JobParts, plan: Plan, entry: PartitionPlan, *, run_id: str, allow_schema_change: bool
) -> Prepared:
    """Raises: InputError, OutputSchemaChanged, OutputError: this partition fails, the others go on."""
    if entry.problem is not None:
        raise entry.problem
    assert entry.partition is not None and entry.found is not None  # noqa: S101, PT018 (SCORE entries)
    from batch_scorer.lake.schema import disagreements

    check_place(parts, entry)
    read = read_spec(parts, plan.model.signature, entry.found, entry.footers)
    found = replace(entry.found, files=hashed(parts, entry.found.files, entry.found.files))
    opening = _open_generation(parts, entry, content_fingerprint(found.files))
    staging = parts.places.staging(entry.partition, f"{run_id}-{ULID()}")
    output = OutputSpec(
        staging=str(staging),
        run_id=run_id,
        carried=read.carried,
        outputs=parts.job.model.output,
        model_version=f"{plan.model.name}@{plan.model.version}",
        max_file_bytes=parts.job.output.file_size,
        metadata=_footer_metadata(parts, plan, entry.partition, opening, run_id),
    )
    if not allow_schema_change:
        check_output_columns(parts, plan, found, read.carried, output.columns)
    return Prepared(
        entry=entry,
        partition=entry.partition,
        generation=opening.generation,
        previous_manifest=opening.previous_manifest,
        found=found,
        input_root=parts.input_root,
        input_fingerprint=opening.input_fingerprint,
        staging=staging,
        tasks=_tasks(parts, plan, found, entry.footers, read, output),
        columns=output.columns,
        started_at=datetime.now(UTC),
        warnings=disagreements(entry.found.files, entry.footers),
    )


def read_spec(
    parts: JobParts, signature: Signature, found: PartitionFiles, footers: Sequence[Footer]
) -> ReadSpec:
    """How a run and a rescore read these files for a model. Raises: ColumnMissing, ColumnTypeMismatch."""
    from batch_scorer.lake.schema import carried_types, check_features

    job = parts.job
    check_features(found.files, footers, signature.columns)
    filtered = tuple(sorted(names_in(job.input.where))) if job.input.where else ()
    return ReadSpec(
        root=parts.input_root,
        features=signature.columns,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opening:
    """What a new generation is called, and what it stands on."""

    generation: int
    previous_manifest: str | None
    input_fingerprint: str


def _open_generation(parts: JobParts, entry: PartitionPlan, input_fingerprint: str) -> _Opening:
    """The next free number, chained to the current generation's manifest."""
    assert entry.partition is not None  # noqa: S101 (only partitions are scored)
    history = parts.ledger.generations(parts.job.name, entry.partition)
    current = [record for record in history if record.number == entry.base_generation]
    return _Opening(
        generation=max((record.number for record in history), default=0) + 1,
        previous_manifest=current[0].manifest_sha256 if current else None,
        input_fingerprint=input_fingerprint,
    )


def _tasks(
    parts: JobParts,
    plan: Plan,
    found: PartitionFiles,
    footers: Sequence[Footer],
    read: ReadSpec,
    output: OutputSpec,
) -> tuple[ChunkTask, ...]:
    job = parts.job
    chunks = cut_chunks(found, footers, target_bytes=job.compute.chunk, limit_rows=job.input.limit_rows)
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
    parts: JobParts, plan: Plan, partition: Partition, opening: _Opening, run_id: str
) -> tuple[tuple[str, str], ...]:
    """What every output file says about itself, so that it can be explained without us."""
    return (
        ("job", parts.job.name),
        ("run_id", run_id),
        ("partition", partition.path),
        ("generation", str(opening.generation)),
        ("model", f"{plan.model.name}@{plan.model.version}"),
        ("model_sha256", plan.model.sha256),
        ("input_sha256", opening.input_fingerprint),
        ("previous_manifest_sha256", opening.previous_manifest or ""),
        ("code_version", parts.code_version),
    )
