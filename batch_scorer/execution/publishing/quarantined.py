"""Where the rows that a generation set aside are kept: a directory for each generation, beside the manifests.

Files are linked there before the manifest that lists them. What a publish that never happened left behind is
removed once its number is published, or by `gc`: only the names of a manifest count, so nothing that a run
without its lease still does here can hurt a published generation.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from batch_scorer.core.durable import writing
from batch_scorer.core.partitions import Partition
from batch_scorer.core.records import Manifest
from batch_scorer.execution.parts import JobParts
from batch_scorer.lake.sinks.linking import linking
from batch_scorer.lake.sinks.sink import Kept
from batch_scorer.lake.storage.stored_files import StoredFiles


def place(parts: JobParts, manifest: Manifest, staged: str) -> None:
    """Give the files that a manifest lists their lasting names. Repeatable. staged: where workers put them,
    relative to the root of the state.

    Raises: OutputUnwritable, DiskFull, DamageFound, StoreUnavailable.
    """
    if manifest.quarantine:
        target = parts.places.quarantine(manifest.partition, manifest.generation)
        named = _named(manifest)
        with linking(named, parts.long.at(target)):
            parts.long.link(staged, named.names, target)


def show_again(parts: JobParts, manifest: Manifest, of: int) -> None:
    """The same for a rollback to generation `of`.

    A file that is gone stays gone, and `verify` names it: it is no reason to keep readers from the
    predictions they had. Raises: OutputUnwritable, DiskFull, StoreUnavailable.
    """
    if manifest.quarantine:
        source = parts.places.quarantine(manifest.partition, of)
        target = parts.places.quarantine(manifest.partition, manifest.generation)
        with writing(parts.long.at(target)):
            there = parts.long.below(source).sizes()
            parts.long.link(source, [name for name in _named(manifest).names if name in there], target)


def numbers(parts: JobParts, partition: Partition) -> tuple[int, ...]:
    """The generations that have a directory, oldest first."""
    names = parts.long.directories(f"{parts.places.quarantine_root}/{partition.path}", 1)
    return tuple(sorted(int(name) for name in names if name.isdecimal()))


def partitions_with_some(parts: JobParts) -> Iterator[str]:
    """Hive paths below which rows are kept, sorted."""
    return parts.long.directories(parts.places.quarantine_root, len(parts.job.input.partition_by))


def rows_at(parts: JobParts, partition: Partition, number: int) -> StoredFiles:
    """The files with the rows that a generation set aside."""
    return parts.long.below(parts.places.quarantine(partition, number))


def written_at(parts: JobParts, partition: Partition, number: int) -> datetime:
    """When the last of them came. Now, when there are none."""
    stamps = [entry.stamp for entry in rows_at(parts, partition, number).files() if entry.stamp]
    if not stamps:
        return datetime.now(UTC)
    return datetime.fromtimestamp(max(stamp.mtime_ns for stamp in stamps) / 1e9, UTC)


def forget(parts: JobParts, partition: Partition, number: int) -> int:
    """Remove the rows that a generation set aside. Returns bytes freed."""
    return parts.long.remove(parts.places.quarantine(partition, number))


def forget_all_but(parts: JobParts, current: Manifest, keep: frozenset[int]) -> None:
    """After a publish. keep: numbers of replaced generations that are kept.

    A higher number is somebody's who is at work by now.
    """
    partition, there = current.partition, numbers(parts, current.partition)
    for number in there:
        if number < current.generation and number not in keep:
            forget(parts, partition, number)
    if current.generation not in there:
        return
    if not current.quarantine:
        forget(parts, partition, current.generation)
        return
    unlisted = rows_at(parts, partition, current.generation).sizes().keys() - set(_named(current).names)
    if unlisted:
        parts.long.remove_files(parts.places.quarantine(partition, current.generation), sorted(unlisted))


def _named(manifest: Manifest) -> Kept:
    return Kept(generation=manifest.generation, names=tuple(file.name for file in manifest.quarantine))
