"""Directories of local files that a newer generation replaced, kept for a rollback."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from batch_scorer.core.faults import FaultPoint, fault_point
from batch_scorer.core.holdings import SUCCESS_MARKER
from batch_scorer.core.partitions import Partition
from batch_scorer.lake.sinks.linking import link_all
from batch_scorer.lake.sinks.sink import Kept


@dataclass(frozen=True, slots=True)
class Replaced:
    """root: one directory for each partition below it, and in that one for each generation."""

    root: Path

    def place(self, partition: Partition, generation: int) -> Path:
        return self.root / partition.path / str(generation)

    def recall(self, partition: Partition, kept: Kept, staged: Path) -> None:
        """The files are linked, not moved: until they are published everything stays where it is.

        Raises: DamageFound, OutputUnwritable, DiskFull.
        """
        link_all(self.place(partition, kept.generation), kept, staged)

    def is_kept(self, partition: Partition, kept: Kept) -> bool:
        return holds_exactly(self.place(partition, kept.generation), kept.names)

    def forget(self, partition: Partition, kept: Kept) -> int:
        """What others need has links of its own. Returns bytes freed."""
        directory = self.place(partition, kept.generation)
        if not directory.is_dir():
            return 0
        n_bytes = sum(file.stat().st_size for file in directory.iterdir() if file.stat().st_nlink == 1)
        fault_point(FaultPoint.BEFORE_CLEANUP)
        shutil.rmtree(directory, ignore_errors=True)
        return n_bytes


def holds_exactly(directory: Path, names: Sequence[str]) -> bool:
    """These files, and but for a marker no others."""
    try:
        return set(os.listdir(directory)) - {SUCCESS_MARKER} == set(names)
    except (FileNotFoundError, NotADirectoryError):
        return False
