"""Predictions and state: writable, one file system, exchanged in one step, and room for tonight."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from batch_scorer.core.errors import BatchScorerError, DiskFull
from batch_scorer.core.plans import Plan
from batch_scorer.core.stores import is_object_url
from batch_scorer.execution.parts import JobParts

_MOST_LOOKED_AT = 5  # published generations, for how large an output is
_MARGIN = 1.2
_FILES_PER_INPUT = 2  # a staged file and its manifest or marker
_FILES_PER_PARTITION = 10  # directories and records of one attempt


def writable(parts: JobParts) -> str:
    from batch_scorer.execution.preflight import check_places

    check_places(parts)
    if is_object_url(parts.places.predictions):
        kept_at = f"{parts.places.kept_at} and " if parts.kept.is_remote else ""
        return f"{parts.places.state} can be written, {kept_at}{parts.places.predictions} can be listed"
    return f"{parts.places.predictions} and {parts.places.state} can be written, one file system"


def atomic(parts: JobParts) -> str:
    """Tried for real, in directories that are gone again afterwards."""
    from batch_scorer.lake.storage.preflight import check_rename

    if parts.job.output.format == "parquet" and not is_object_url(parts.places.predictions):
        check_rename(parts.places.state, Path(parts.places.predictions).parent)
    return f"a partition becomes visible by {parts.sink.guarantee}"


def room(parts: JobParts, plan: Plan | None) -> str:
    """Bytes and inodes for everything that is to be scored. What it replaces is kept, and frees nothing."""
    from batch_scorer.lake.storage.preflight import free_bytes, free_inodes

    if parts.long.is_remote:
        return f"{parts.places.kept_at} has what room there is"
    state = parts.places.state
    to_score = [entry for entry in plan.to_score if entry.found is not None] if plan else []
    n_bytes = sum(entry.found.n_bytes for entry in to_score if entry.found)
    n_files = sum(len(entry.found.files) for entry in to_score if entry.found)
    ratio = _output_per_input(parts)
    wanted = int(n_bytes * (1.0 if ratio is None else ratio) * _MARGIN)
    inodes = _FILES_PER_INPUT * n_files + _FILES_PER_PARTITION * len(to_score)
    free, free_names = free_bytes(state), free_inodes(state)
    like = "as large as their input" if ratio is None else f"{ratio:.2f} of their input, as those before"
    if free < wanted:
        raise DiskFull(
            f"{_size(free)} free; {len(to_score)} partitions to score may need {_size(wanted)} ({like})",
            where=str(state),
            fix="free some space, lower output.keep_generations and run gc, or score fewer with --limit",
        )
    if free_names is not None and free_names < inodes:
        raise DiskFull(
            f"{free_names:,} more files can be made; {len(to_score)} partitions to score may need {inodes:,}",
            where=str(state),
            fix="remove small files there: the file system is out of inodes, whatever space it has",
        )
    return f"{_size(free)} free" + (f", {_size(wanted)} for what is to be scored" if to_score else "")


def _output_per_input(parts: JobParts) -> float | None:
    """Bytes published for each byte read, of the newest partitions; None before there are any."""
    read = written = 0
    for record in parts.ledger.newest_currents(parts.job.name, _MOST_LOOKED_AT):
        with suppress(BatchScorerError):  # a damaged manifest is for `verify` to tell
            manifest = parts.manifests.read(record.job, record.partition, record.number)
            read += sum(file.stamp.size for file in manifest.inputs)
            written += sum(file.n_bytes for file in (*manifest.outputs, *manifest.quarantine))
    return written / read if read else None


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 10**8 else f"{n_bytes / 1e6:.1f} MB"
