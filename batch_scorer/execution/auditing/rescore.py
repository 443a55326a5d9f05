"""Score some rows again from the recorded model and input, and compare them bit for bit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pyarrow as pa

from batch_scorer.core.chunks import Chunk, ReadSpec, output_columns
from batch_scorer.core.errors import BatchScorerError, ConfigInvalid, InputError, ModelError, StoreUnavailable
from batch_scorer.core.findings import Finding, FindingKind, PartitionFacts
from batch_scorer.core.lakefiles import Footer, LakeFile, PartitionFiles
from batch_scorer.core.models import ModelPin
from batch_scorer.core.records import Manifest
from batch_scorer.execution.checking import columns_checked, suite_scans
from batch_scorer.execution.chunk import make_importable
from batch_scorer.execution.parts import JobParts
from batch_scorer.execution.pinning import trusted_pin
from batch_scorer.execution.prepare import read_spec
from batch_scorer.execution.publishing import quarantined
from batch_scorer.execution.survey import hashed
from batch_scorer.lake.published.lookup import ScoreDifference, compare_scores
from batch_scorer.lake.reading.footers import read_footer
from batch_scorer.lake.reading.reader import Batch, read_chunk
from batch_scorer.lake.staging.quarantine import rows_of
from batch_scorer.models.scoring.loader import load_model
from batch_scorer.models.scoring.output_values import evaluate_outputs
from batch_scorer.planning.chunks import cut_chunks


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescored:
    """n_rows: compared. notes: why rows could not be scored again, where that is nobody's damage."""

    n_rows: int = 0
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


def rescore(parts: JobParts, facts: PartitionFacts, manifest: Manifest, n_rows: int) -> Rescored:
    """Whole batches, the very ones that the run scored, until n_rows are covered; the same ones every time.

    Raises: StoreUnavailable, ConfigInvalid.
    """
    if manifest.ingredients.config_fingerprint != parts.config_fingerprint:
        return Rescored(notes=("the job file changed since, not rescored",))
    found = _recorded_input(parts, manifest)
    if found is None:
        return Rescored(notes=("input changed since, not rescored",))
    try:
        return _compared(parts, facts, manifest, found, _recorded_model(parts, manifest), n_rows)
    except (StoreUnavailable, ConfigInvalid):
        raise  # e.g. no key is trusted: nobody's damage, and nobody can compare
    except ModelError as error:
        return _failed(facts, FindingKind.MODEL_UNUSABLE, error)
    except BatchScorerError as error:
        return _failed(facts, FindingKind.RESCORE_FAILED, error)


def _recorded_input(parts: JobParts, manifest: Manifest) -> PartitionFiles | None:
    """The recorded files as they lie there now; None when one of them is not what was scored."""
    files = []
    for file in manifest.inputs:
        try:
            now = LakeFile(path=file.path, stamp=parts.storage.stamp(parts.input_root, file.path))
            (now,) = hashed(parts, (now,), (now,))
        except (OSError, InputError):
            return None
        if now.content_id != file.content_id:
            return None
        files.append(now)
    directory = manifest.inputs[0].path.rpartition("/")[0] if manifest.inputs else manifest.partition.path
    return PartitionFiles(partition=manifest.partition, directory=directory, files=tuple(files))


def _recorded_model(parts: JobParts, manifest: Manifest) -> ModelPin:
    """Raises: ModelError, when the registry has other bytes under the recorded version."""
    used = manifest.ingredients
    pin = trusted_pin(parts, f"{used.model_name}@{used.model_version}")
    recorded = (used.model_sha256, manifest.model_manifest_sha256)
    if (pin.sha256, pin.manifest_sha256) != recorded:
        raise ModelError(f"{pin.label} is not the model that was recorded: sha256 {used.model_sha256}")
    return pin


def _compared(
    parts: JobParts,
    facts: PartitionFacts,
    manifest: Manifest,
    found: PartitionFiles,
    pin: ModelPin,
    n_rows: int,
) -> Rescored:
    footers = [read_footer(parts.storage, parts.input_root, file) for file in found.files]
    spec = _as_the_run_read(parts, read_spec(parts, pin, found, footers), footers)
    published = [f"{facts.path}/{file.name}" for file in manifest.outputs]
    names = tuple(column.name for column in parts.job.model.output)
    n_done, differences = 0, list[ScoreDifference]()
    chunks = _sample(parts, found, footers, manifest)
    for batch, scores in _scored(parts, pin, spec, chunks, _set_aside(parts, manifest)):
        if n_done >= n_rows:
            break
        table = _beside(batch.carried.select(list(parts.job.input.key)), scores)
        try:
            differences += compare_scores(
                parts.published, published, parts.job.input.key, names, table, may_lack=False
            )
        except (pa.ArrowException, OSError) as error:
            what = f"what is published cannot be read: {' '.join(str(error).split())}"
            return Rescored(findings=(facts.finding(FindingKind.FILE_UNREADABLE, facts.directory, what),))
        n_done += table.num_rows
    return Rescored(n_rows=n_done, findings=tuple(_differs(facts, each) for each in differences))


def _as_the_run_read(parts: JobParts, spec: ReadSpec, footers: Sequence[Footer]) -> ReadSpec:
    """With what suites look at: batches are cut by the bytes of all columns that are read."""
    columns = output_columns(spec.carried, parts.job.model.output)
    return replace(spec, checked=columns_checked(suite_scans(parts, footers, columns)))


def _sample(
    parts: JobParts, found: PartitionFiles, footers: Sequence[Footer], manifest: Manifest
) -> list[Chunk]:
    """The smallest chunks there are, in an order that only the generation decides.

    A batch depends on its file alone: these are the batches that the run scored.
    """
    chunks = cut_chunks(found, footers, target_bytes=1, limit_rows=parts.job.input.limit_rows)
    seed = f"{manifest.partition.path}/{manifest.generation}/{manifest.run_id}"
    return sorted(chunks, key=lambda chunk: hashlib.sha256(f"{seed}/{chunk.index}".encode()).digest())


def _set_aside(parts: JobParts, manifest: Manifest) -> dict[str, set[int]]:
    """By input file, the rows that were quarantined: the run scored its batches without them."""
    kept = quarantined.rows_at(parts, manifest.partition, manifest.generation)
    return rows_of(kept, [file.name for file in manifest.quarantine])


def _scored(
    parts: JobParts,
    pin: ModelPin,
    spec: ReadSpec,
    chunks: Sequence[Chunk],
    set_aside: Mapping[str, set[int]],
) -> Iterator[tuple[Batch, pa.Table]]:
    make_importable(parts.code)
    model, use = load_model(pin), parts.job.model
    for chunk in chunks:
        rows = set_aside.get(chunk.file.path)
        leave_out = None if rows is None else partial(_among, rows)
        for batch in read_chunk(chunk, spec, leave_out):
            prediction = model.predict(batch.features, use.method)
            yield batch, evaluate_outputs(prediction, use.method, use.output, pin.signature)


def _among(rows: set[int], raw: pa.Table, first_row: int) -> pa.BooleanArray:
    return pa.array([row in rows for row in range(first_row, first_row + raw.num_rows)], pa.bool_())


def _beside(keys: pa.Table, scores: pa.Table) -> pa.Table:
    return pa.table([*keys.columns, *scores.columns], names=[*keys.column_names, *scores.column_names])


def _differs(facts: PartitionFacts, each: ScoreDifference) -> Finding:
    what = f"{each.column} of {each.n_rows:,} rows is not what the model gives, first {each.first_key}"
    return facts.finding(FindingKind.SCORE_DIFFERS, facts.directory, what, each.expected, each.found)


def _failed(facts: PartitionFacts, kind: FindingKind, error: BatchScorerError) -> Rescored:
    return Rescored(findings=(facts.finding(kind, error.where or facts.directory, error.what),))
