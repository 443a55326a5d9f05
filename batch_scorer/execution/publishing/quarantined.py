"""Where the rows that a generation set aside are kept: a directory for each generation, beside the manifests.

Files are linked there before the manifest that lists them. What a publish that never happened left behind is
removed once its number is published, or by `gc`: only the names of a manifest count, so nothing that a run
without its lease still does here can hurt a published generation.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from batch_scorer.core.durable import make_directories, remove_empty, writing
from batch_scorer.core.partitions import Partition
from batch_scorer.core.records import Manifest
from batch_scorer.execution.parts import JobParts
from batch_scorer.lake.sinks.linking import link_all, link_those_there
from batch_scorer.lake.sinks.sink import Kept


def place(parts: JobParts, manifest: Manifest, staged: Path) -> None:
    """Give the files that a manifest lists their lasting names. Repeatable. staged: where workers wrote them.

    Raises: OutputUnwritable, DiskFull, DamageFound.
    """
    if manifest.quarantine:
        target = parts.places.quarantine(manifest.partition, manifest.generation)
        with writing(target):
            make_directories(target)
        link_all(staged, _named(manifest), target)


def show_again(parts: JobParts, manifest: Manifest, of: int) -> None:
    """The same for a rollback to generation `of`.

    A file that is gone stays gone, and `verify` names it: it is no reason to keep readers from the
    predictions they had. Raises: OutputUnwritable, DiskFull.
    """
    if manifest.quarantine:
        target = parts.places.quarantine(manifest.partition, manifest.generation)
        with writing(target):
            make_directories(target)
        link_those_there(parts.places.quarantine(manifest.partition, of), _named(manifest), target)


def numbers(parts: JobParts, partition: Partition) -> tuple[int, ...]:
    """The generations that have a directory, oldest first."""
    try:
        names = os.listdir(parts.places.quarantine_root / partition.path)
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return tuple(sorted(int(name) for name in names if name.isdecimal()))


def partitions_with_some(parts: JobParts) -> Iterator[str]:
    """Hive paths below which rows are kept, sorted."""
    root, depth = parts.places.quarantine_root, len(parts.job.input.partition_by)
    if root.is_dir():
        for directory in sorted(root.glob("/".join("*" * depth))):
            yield directory.relative_to(root).as_posix()


def forget(parts: JobParts, partition: Partition, number: int) -> int:
    """Remove the rows that a generation set aside. Returns bytes freed."""
    directory = parts.places.quarantine(partition, number)
    if not directory.is_dir():
        return 0
    n_bytes = sum(file.stat().st_size for file in directory.iterdir() if file.stat().st_nlink == 1)
    shutil.rmtree(directory, ignore_errors=True)
    remove_empty(directory.parent, below=parts.places.quarantine_root)
    return n_bytes


def forget_all_but(parts: JobParts, current: Manifest, keep: frozenset[int]) -> None:
    """After a publish. keep: numbers of replaced generations that are kept.

    A higher number is somebody's who is at work by now.
    """
    partition = current.partition
    for number in numbers(parts, partition):
        if number < current.generation and number not in keep:
            forget(parts, partition, number)
    if not current.quarantine:
        forget(parts, partition, current.generation)
        return
    directory = parts.places.quarantine(partition, current.generation)
    for name in set(os.listdir(directory)) - set(_named(current).names):
        (directory / name).unlink(missing_ok=True)


def _named(manifest: Manifest) -> Kept:
    return Kept(generation=manifest.generation, names=tuple(file.name for file in manifest.quarantine))
