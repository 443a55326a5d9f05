"""What execution asks of a place where predictions are published."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from batch_scorer.core.partitions import Partition


class Sink(Protocol):
    """A table of predictions, replaced one partition at a time."""

    @property
    def guarantee(self) -> str:
        """How a new generation becomes visible: stored with each one."""

    def publish(self, partition: Partition, staged: Path, replaced: Path, names: Sequence[str]) -> None:
        """Make exactly the named files of the staged directory the partition's generation.

        replaced: where the old generation's directory goes, a path that does not exist.
        Raises: OutputError; nothing is visible then.
        """

    def is_free(self, partition: Partition) -> bool:
        """Whether nothing at all is where this partition's predictions go."""

    def holds(self, partition: Partition, names: Sequence[str]) -> bool:
        """Whether exactly these files are the partition's current generation: what recovery asks."""
