"""What is kept of a scored partition in words: its manifest, the ledger's row for it, its suites' results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from batch_scorer.core.chunks import Accounting, ChunkScored
from batch_scorer.core.durable import NewNames
from batch_scorer.core.plans import Plan
from batch_scorer.core.records import GenerationRecord, GenerationState, Ingredients, Manifest, Pin
from batch_scorer.core.validation import NONE_ASIDE, OnFail, SetAside, SuiteVerdict
from batch_scorer.execution.parts import JobParts
from batch_scorer.execution.prepare import Prepared
from batch_scorer.planning.plan import ingredients_for


def manifest_of(
    parts: JobParts,
    plan: Plan,
    prepared: Prepared,
    chunks: Sequence[ChunkScored],
    verdicts: tuple[Mapping[str, Any], ...],
    *,
    run_id: str,
    rows: Accounting,
    pin: Pin | None,
    warnings: Sequence[str],
) -> Manifest:
    """Of a partition whose chunks are all in. verdicts: as `store_verdict` gave them."""
    names: dict[str, None] = {}
    for footer in prepared.entry.footers:
        names.update(dict.fromkeys(name for name, _ in footer.columns))
    opening, model = prepared.opening, plan.model_of(prepared.entry)
    return Manifest(
        job=parts.job.name,
        partition=prepared.partition,
        generation=opening.number,
        run_id=opening.run_id,
        published_run_id=None if opening.run_id == run_id else run_id,
        ingredients=Ingredients(**asdict(ingredients_for(plan, model, prepared.found))),
        input_fingerprint=prepared.input_fingerprint,
        inputs=prepared.found.files,
        outputs=tuple(file for chunk in chunks for file in chunk.files),
        columns=prepared.columns,
        input_columns=tuple(names),
        rows=rows,
        model_alias=model.alias,
        model_manifest_sha256=model.manifest_sha256,
        model_signed_by=model.signed_by,
        verdicts=verdicts,
        code_version=parts.code_version,
        environment=dict(parts.environment),
        created_at=datetime.now(UTC),
        previous_sha256=opening.previous_sha256,
        guarantee=str(parts.sink.guarantee),
        warnings=tuple(warnings),
        pin=pin,
        quarantine=tuple(file for chunk in chunks for file in chunk.aside),
        waivers=prepared.waived,
    )


def record_of(manifest: Manifest, manifest_sha256: str) -> GenerationRecord:
    """Of a publish that begins."""
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
        restores=manifest.restores,
        pin=manifest.pin,
    )


def store_verdict(
    parts: JobParts,
    prepared: Prepared,
    verdict: SuiteVerdict,
    run_id: str,
    set_aside: Mapping[str, SetAside] | None,
    names: NewNames,
) -> Mapping[str, Any]:
    """Keep GX's own result as a file, durable once `names` are synced, and a line about it for the manifest
    and the ledger.

    set_aside: by input suite; told of those that set rows aside, zero rows included. None: not counted.
    """
    file = parts.validations.write(parts.job.name, prepared.partition.path, run_id, verdict, names)
    found = None
    if set_aside is not None and verdict.on_fail is OnFail.QUARANTINE and verdict.stage == "input":
        found = set_aside.get(verdict.suite, NONE_ASIDE)
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
        **({} if found is None else {"set_aside": asdict(found)}),
    }
