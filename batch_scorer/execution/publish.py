"""Make one finished partition visible, in an order that a crash at any point can be recovered from.

1. the input is still what was planned  2. the manifest is on disk  3. ledger row *publishing*
4. one atomic step of the sink  5. ledger row *published*. Only the driver does this.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from batch_scorer.core.chunks import Accounting, ChunkScored
from batch_scorer.core.holdings import SUCCESS_MARKER
from batch_scorer.core.lakefiles import PartitionFiles
from batch_scorer.core.plans import Plan
from batch_scorer.core.records import GenerationRecord, GenerationState, Ingredients, Manifest
from batch_scorer.core.validation import SuiteVerdict
from batch_scorer.execution.parts import JobParts
from batch_scorer.execution.place import check_place
from batch_scorer.execution.prepare import Prepared, moved
from batch_scorer.planning.plan import ingredients_for


def publish(
    parts: JobParts,
    plan: Plan,
    prepared: Prepared,
    chunks: Sequence[ChunkScored],
    verdicts: tuple[Mapping[str, Any], ...],
    *,
    run_id: str,
    rows: Accounting,
    warnings: Sequence[str],
) -> GenerationRecord:
    """verdicts: as `store_verdict` gave them. Before step 4 nothing is visible, after it everything.

    Raises: InputMoved, OutputError, DamageFound.
    """
    check_input_unmoved(parts, prepared)
    manifest = _manifest(parts, plan, prepared, chunks, verdicts, run_id=run_id, rows=rows, warnings=warnings)
    record = _record(manifest, parts.manifests.write(manifest))
    _mark_success(parts, prepared)
    check_place(parts, prepared.entry)
    parts.ledger.begin_publish(record)
    parts.sink.publish(
        prepared.partition,
        prepared.staging,
        parts.places.replaced(prepared.partition, prepared.entry.base_generation or 0),
        record.output_names,
    )
    parts.ledger.finish_publish(parts.job.name, prepared.partition, prepared.generation, datetime.now(UTC))
    parts.ledger.record_output_columns(parts.job.name, prepared.columns, run_id)
    forget_old_generations(parts, prepared)
    return record


def check_input_unmoved(parts: JobParts, prepared: Prepared) -> None:
    """The files are the ones that were planned, hashed and read. Raises: InputMoved."""
    from batch_scorer.lake.inventory import relist

    now = relist(parts.storage, parts.input_root, prepared.found)
    if not isinstance(now, PartitionFiles):
        raise moved(prepared.found, "it is gone" if now is None else now.error.what)
    if now.stamp_fingerprint != prepared.found.stamp_fingerprint:
        before = {file.path: file.stamp for file in prepared.found.files}
        after = {file.path: file.stamp for file in now.files}
        changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
        raise moved(prepared.found, ", ".join(changed[:3]))


def store_verdict(
    parts: JobParts, prepared: Prepared, verdict: SuiteVerdict, run_id: str
) -> Mapping[str, Any]:
    """Keep GX's own result as a file, and a line about it for the manifest and the ledger."""
    file = parts.validations.write(parts.job.name, prepared.partition.path, run_id, verdict)
    return {
        "suite": verdict.suite,
        "stage": verdict.stage,
        "on_fail": str(verdict.on_fail),
        "fingerprint": verdict.fingerprint,
        "success": verdict.success,
        "not_evaluated": verdict.not_evaluated,
        "failed": [failure.summary for failure in verdict.failed],
        "file": file,
        "seconds": round(verdict.seconds, 3),
    }


def forget_old_generations(parts: JobParts, prepared: Prepared) -> None:
    """Keep the newest `output.keep_generations` replaced directories of this partition."""
    root = parts.places.replaced_root(prepared.partition)
    if not root.is_dir():
        return
    numbers = sorted((int(d.name) for d in root.iterdir() if d.name.isdigit()), reverse=True)
    for number in numbers[parts.job.output.keep_generations :]:
        shutil.rmtree(root / str(number), ignore_errors=True)


def _manifest(
    parts: JobParts,
    plan: Plan,
    prepared: Prepared,
    chunks: Sequence[ChunkScored],
    verdicts: tuple[Mapping[str, Any], ...],
    *,
    run_id: str,
    rows: Accounting,
    warnings: Sequence[str],
) -> Manifest:
    names: dict[str, None] = {}
    for footer in prepared.entry.footers:
        names.update(dict.fromkeys(name for name, _ in footer.columns))
    return Manifest(
        job=parts.job.name,
        partition=prepared.partition,
        generation=prepared.generation,
        run_id=run_id,
        ingredients=Ingredients(**asdict(ingredients_for(plan, prepared.found))),
        input_fingerprint=prepared.input_fingerprint,
        inputs=prepared.found.files,
        outputs=tuple(file for chunk in chunks for file in chunk.files),
        columns=prepared.columns,
        input_columns=tuple(names),
        rows=rows,
        model_alias=plan.model.alias,
        model_manifest_sha256=plan.model.manifest_sha256,
        verdicts=verdicts,
        code_version=parts.code_version,
        environment=dict(parts.environment),
        created_at=datetime.now(UTC),
        previous_sha256=prepared.previous_manifest,
        guarantee=str(parts.sink.guarantee),
        warnings=tuple(warnings),
    )


def _record(manifest: Manifest, manifest_sha256: str) -> GenerationRecord:
    return GenerationRecord(
        job=manifest.job,
        partition=manifest.partition,
        number=manifest.generation,
        run_id=manifest.run_id,
        state=GenerationState.PUBLISHING,
        ingredients=manifest.ingredients,
        inputs=manifest.inputs,
        output_names=tuple(file.name for file in manifest.outputs),
        rows=manifest.rows,
        manifest_sha256=manifest_sha256,
        created_at=manifest.created_at,
    )


def _mark_success(parts: JobParts, prepared: Prepared) -> None:
    if parts.job.output.success_marker:
        (prepared.staging / SUCCESS_MARKER).touch()
