"""Try one suite on one input partition, in the same way as a run does."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from batch_scorer.core.chunks import ReadSpec
from batch_scorer.core.errors import UsageError
from batch_scorer.core.lakefiles import Footer, PartitionFiles
from batch_scorer.core.validation import OnFail, Suite, SuiteScan, SuiteVerdict
from batch_scorer.execution.checking import at_hand, gather, layouts_of, scan_of
from batch_scorer.execution.parts import BoundSuite, JobParts

if TYPE_CHECKING:
    from batch_scorer.validation.evidence import Evidence


def check_one(parts: JobParts, suite: Suite, partition: str) -> SuiteVerdict:
    """partition: `2024-01-01` or `ride_date=2024-01-01`. Raises: UsageError, InputError."""
    from batch_scorer.lake.reading.footers import read_footer
    from batch_scorer.validation.gx.process import GxProcess, ValidationRequest

    found = find_partition(parts, partition)
    footers = [read_footer(parts.storage, parts.input_root, file) for file in found.files]
    use = BoundSuite(suite=suite, on_fail=OnFail.BLOCK, stage="input")
    one = scan_of(use, layouts_of(footers), parts.job.input.key)
    with tempfile.TemporaryDirectory(prefix="batch-scorer-check-") as spills:
        request = ValidationRequest(
            partition=partition,
            suite=suite,
            on_fail=use.on_fail,
            stage=use.stage,
            files=tuple(f"{parts.input_root}/{file.path}" for file in found.files),
            gather=partial(_gather, parts, found, footers, one, Path(spills)),
            at_hand=partial(at_hand, parts.stores),
            key=one.key,
            limit_rows=parts.job.input.limit_rows,
        )
        with GxProcess(max_bytes=4 << 30, code=parts.code) as process:
            return process.submit(request).result()


def _gather(
    parts: JobParts, found: PartitionFiles, footers: Sequence[Footer], one: SuiteScan, spills: Path
) -> Evidence:
    """Reads the partition, chunk by chunk, for one suite. Raises: InputError."""
    from batch_scorer.lake.reading.reader import read_chunk
    from batch_scorer.planning.chunks import cut_chunks
    from batch_scorer.validation.chunk_scan import ChunkScan

    job = parts.job
    spec = ReadSpec(root=parts.input_root, features=(), carried=(), checked=one.columns, stores=parts.stores)
    scanned = []
    for chunk in cut_chunks(found, footers, target_bytes=job.compute.chunk, limit_rows=job.input.limit_rows):
        suites = ChunkScan([one], spills, f"{chunk.index:05d}")
        for batch in read_chunk(chunk, spec):
            suites.take("input", batch.raw)
        (document,), _ = suites.finish()
        scanned.append(document)
    return gather(one, scanned, spills)


def find_partition(parts: JobParts, text: str | None) -> PartitionFiles:
    """text: its label or path; None: the newest one. Raises: UsageError, when there is no such directory."""
    from batch_scorer.lake.finding.inventory import list_partitions

    inventory = list_partitions(
        parts.storage,
        parts.input_root,
        parts.job.input.partition_by,
        keep=lambda partition: text is None or text in (partition.path, partition.label),
        marker=None,
    )
    if not inventory.partitions:
        named = "partition" if text is None else f'partition "{text}"'
        raise UsageError(
            f"{parts.job.input.path} has no {named}",
            fix="write it as the directory is named",
            next_command=f"batch-scorer plan {parts.job.name}",
        )
    return max(inventory.partitions, key=lambda found: found.partition.path)
