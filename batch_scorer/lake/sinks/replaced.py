"""Files that a newer generation replaced, kept in the state for a rollback."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from batch_scorer.core.faults import FaultPoint, fault_point
from batch_scorer.core.holdings import SUCCESS_MARKER
from batch_scorer.core.partitions import Partition
from batch_scorer.lake.sinks.linking import linking
from batch_scorer.lake.sinks.sink import Kept, Recorded
from batch_scorer.lake.storage.state_files import StagedDirectory, StateFiles


@dataclass(frozen=True, slots=True)
class Replaced:
    """root: in the state; one directory for each partition below it, and in that one for each generation."""

    state: StateFiles
    root: str

    @property
    def top(self) -> Path:
        """On a disk: the directory of that root."""
        return Path(self.state.at(self.root))

    def place(self, partition: Partition, generation: int) -> StagedDirectory:
        return StagedDirectory(self.state, f"{self.root}/{partition.path}/{generation}")

    def recall(self, partition: Partition, kept: Kept, staged: StagedDirectory) -> None:
        """The files are linked, not moved: until they are published everything stays where it is.

        Raises: DamageFound, OutputUnwritable, DiskFull.
        """
        with linking(kept, staged.where):
            place = self.place(partition, kept.generation)
            self.state.link(place.directory, kept.names, staged.directory)

    def kept_among(self, partition: Partition, earlier: Iterable[Recorded]) -> Iterator[Recorded]:
        """See Sink. By the names of the directories: of a partition without any nothing is asked."""
        names = self.state.directories(f"{self.root}/{partition.path}", 1)
        there = {int(name) for name in names if name.isdecimal()}
        for each in earlier if there else ():
            if each.number < min(there):
                return
            if each.number in there:
                there.remove(each.number)
                if holds_exactly(self.place(partition, each.number), each.output_names):
                    yield each
                if not there:
                    return

    def forget(self, partition: Partition, kept: Kept) -> int:
        """What others need has names of its own. Returns bytes freed."""
        place = self.place(partition, kept.generation)
        if place.names() is None:
            return 0
        fault_point(FaultPoint.BEFORE_CLEANUP)
        return self.state.remove(place.directory)


def holds_exactly(directory: StagedDirectory, names: Sequence[str]) -> bool:
    """These files, and but for a marker no others."""
    found = directory.names()
    return found is not None and found - {SUCCESS_MARKER} == set(names)
