"""The newest partitions of a job's table as they lie there: what changed upstream shows in them first."""

from __future__ import annotations

from collections.abc import Sequence

from batch_scorer.config.job import Job
from batch_scorer.core.lakefiles import Footer, PartitionFiles, RefusedDirectory
from batch_scorer.lake.storage.storage import LakeStorage


def newest_partitions(
    storage: LakeStorage, input_root: str, job: Job, n: int
) -> tuple[list[PartitionFiles], Sequence[RefusedDirectory]]:
    """(at most n partitions with files, newest first; what is no partition). Raises: StoreUnavailable."""
    from batch_scorer.lake.finding.inventory import list_partitions

    inventory = list_partitions(
        storage,
        input_root,
        job.input.partition_by,
        keep=lambda _partition: True,
        marker=job.input.ready.marker,
    )
    there = [found for found in inventory.partitions if found.files]
    return there[: -n - 1 : -1], inventory.refused


def footers_of(storage: LakeStorage, input_root: str, found: PartitionFiles) -> list[Footer]:
    """Of each file, in order. Raises: FileUnreadable, InputMoved, StoreUnavailable."""
    from batch_scorer.lake.reading.footers import read_footer

    return [read_footer(storage, input_root, file) for file in found.files]
