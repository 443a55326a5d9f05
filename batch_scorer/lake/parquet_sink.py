"""Plain Parquet directories, swapped whole: see `exchange` for what the file system guarantees.

Nothing but finished Parquet, and an empty _SUCCESS where asked for, is ever under the predictions root.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from batch_scorer.core.durable import fsync_directory, make_directories, writing
from batch_scorer.core.errors import OutputUnwritable
from batch_scorer.core.holdings import SUCCESS_MARKER
from batch_scorer.core.partitions import Partition
from batch_scorer.lake.exchange import (
    Guarantee,
    exchange,
    move_new,
    probe,
)
from batch_scorer.lake.preflight import nearest_existing


@dataclass(frozen=True, slots=True)
class ParquetSink:
    """predictions: the table's root, one directory per partition below it."""

    predictions: Path

    @property
    def guarantee(self) -> Guarantee:
        """What the file system can do, probed once beside the table, where no reader looks.

        Raises: OutputError.
        """
        return _probed(self.predictions.parent)

    def publish(self, partition: Partition, staged: Path, replaced: Path, names: Sequence[str]) -> None:
        """See Sink. Files in staged that are not named are removed before: a chunk may have run twice.

        staged and replaced: on the file system of predictions. Nobody else may write into staged any more.
        A crash behind an atomic exchange leaves the old generation at staged, one between two renames at
        replaced: whole in both cases, for recovery to see.
        """
        target = self.predictions / partition.path
        with writing(target):
            _refuse_obstacles(target, staged, replaced, names)
            _strip(staged, names)
            fsync_directory(staged)
            make_directories(target.parent)
            if target.exists():
                make_directories(replaced.parent)
                self._replace(target, staged, replaced)
            else:
                move_new(staged, target)
            fsync_directory(target.parent)

    def is_free(self, partition: Partition) -> bool:
        """See Sink."""
        return not os.path.lexists(self.predictions / partition.path)

    def holds(self, partition: Partition, names: Sequence[str]) -> bool:
        """See Sink."""
        try:
            found = set(os.listdir(self.predictions / partition.path))
        except (FileNotFoundError, NotADirectoryError):
            return False
        return found - {SUCCESS_MARKER} == set(names)

    def _replace(self, target: Path, staged: Path, replaced: Path) -> None:
        if self.guarantee is Guarantee.ATOMIC_EXCHANGE:
            exchange(staged, target)
            fsync_directory(target.parent)  # the new generation must last before the old one moves on
            move_new(staged, replaced)
        else:
            move_new(target, replaced)
            move_new(staged, target)
        fsync_directory(replaced.parent)


def same_filesystem(first: Path, second: Path) -> bool:
    """Whether a rename can go from one to the other; either may not exist yet."""
    return nearest_existing(first).stat().st_dev == nearest_existing(second).stat().st_dev


@functools.cache
def _probed(directory: Path) -> Guarantee:
    nearest = nearest_existing(directory)
    with writing(nearest):
        return probe(nearest)


def _refuse_obstacles(target: Path, staged: Path, replaced: Path, names: Sequence[str]) -> None:
    """Everything that would stop us between two renames, asked before the first."""
    missing = set(names) - set(os.listdir(staged))
    if missing:
        raise _obstacle(staged, f'the staged file "{min(missing)}" is gone')
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise _obstacle(target, "what is there now is not a directory of ours")
    if os.path.lexists(replaced):
        raise _obstacle(replaced, "there is already a replaced generation of this number")


def _strip(staged: Path, names: Sequence[str]) -> None:
    for name in set(os.listdir(staged)) - {SUCCESS_MARKER, *names}:
        (staged / name).unlink()


def _obstacle(where: Path, what: str) -> OutputUnwritable:
    return OutputUnwritable(
        f"cannot publish: {what}", where=str(where), fix="see what put it there, move it away, then run again"
    )
