"""Try one suite on one input partition, in the same process and way as a run does."""

from __future__ import annotations

from batch_scorer.core.errors import UsageError
from batch_scorer.core.lakefiles import PartitionFiles
from batch_scorer.core.validation import OnFail, Suite, SuiteVerdict
from batch_scorer.execution.parts import JobParts


def check_one(parts: JobParts, suite: Suite, partition: str) -> SuiteVerdict:
    """partition: `2024-01-01` or `ride_date=2024-01-01`. Raises: UsageError, InputError."""
    from batch_scorer.validation.gx_process import GxProcess, ValidationRequest

    found = find_partition(parts, partition)
    request = ValidationRequest(
        partition=partition,
        suite=suite,
        on_fail=OnFail.BLOCK,
        stage="input",
        files=tuple(f"{parts.input_root}/{file.path}" for file in found.files),
        key=parts.job.input.key,
        limit_rows=parts.job.input.limit_rows,
    )
    with GxProcess(max_bytes=4 << 30, code=parts.code) as process:
        return process.submit(request).result()


def find_partition(parts: JobParts, text: str) -> PartitionFiles:
    """Raises: UsageError, when there is no such directory."""
    from batch_scorer.lake.inventory import list_partitions

    inventory = list_partitions(
        parts.storage,
        parts.input_root,
        parts.job.input.partition_by,
        keep=lambda partition: text in (partition.path, partition.label),
        marker=None,
    )
    if not inventory.partitions:
        raise UsageError(
            f'{parts.job.input.path} has no partition "{text}"',
            fix="write it as the directory is named",
            next_command=f"batch-scorer plan {parts.job.name}",
        )
    return inventory.partitions[0]
