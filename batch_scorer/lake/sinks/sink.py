"""What execution asks of a place where predictions are published."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from batch_scorer.core.chunks import StagedFile
from batch_scorer.core.partitions import Partition
from batch_scorer.lake.storage.state_files import StagedDirectory


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A generation as a sink knows it: its number, and the names of its files."""

    generation: int
    names: tuple[str, ...]


class _Recorded(Protocol):
    """A generation as the ledger knows it."""

    @property
    def number(self) -> int: ...

    @property
    def output_names(self) -> tuple[str, ...]: ...


Recorded = TypeVar("Recorded", bound=_Recorded)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One generation on its way to readers.

    staged: holds `files`, on the file system of the table; of a table in a store, wherever they are.
    columns: (name, Arrow type) of the files. base: the generation that is current now, and is replaced.
    """

    partition: Partition
    generation: int
    run_id: str
    staged: StagedDirectory
    files: tuple[StagedFile, ...]
    columns: tuple[tuple[str, str], ...]
    base: Kept | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(file.name for file in self.files)


class Sink(Protocol):
    """A table of predictions, replaced one partition at a time."""

    @property
    def guarantee(self) -> str:
        """How a new generation becomes visible: stored with each one."""

    @property
    def can_replace(self) -> bool:
        """Whether a partition that readers see may be published anew; asked before anything is scored."""

    def check_columns(self, columns: tuple[tuple[str, str], ...]) -> None:
        """columns: (name, Arrow type) of what will be published; asked before anything is scored.

        Raises: OutputUnwritable, when a table of this kind cannot hold them.
        """

    def publish(self, publication: Publication) -> None:
        """Make exactly the named files the partition's generation, in one step that readers see whole.

        Raises: OutputError; nothing is visible then. DamageFound, when nobody can tell whether it is.
        """

    def visible(self, partition: Partition) -> frozenset[str] | None:
        """Names of what readers of the partition see now; None when there is nothing at all."""

    def finish(self, publication: Publication) -> None:
        """Whatever is left of a publish that became visible before its run died. Repeatable."""

    def undo(self, publication: Publication) -> None:
        """Put back what a publish that never became visible had moved: its files are in `staged` again, and
        readers see `base`. Repeatable.
        """

    def fence(self, publication: Publication, *, may_live: bool) -> bool:
        """Make sure that a publish of this very generation, still going on somewhere, fails from now on.

        Called before `undo`. may_live: whether its run may be alive; what a dead one asked of a store may
        still arrive there. Returns: whether this number may be published again.
        """

    def recall(self, partition: Partition, kept: Kept, staged: StagedDirectory) -> None:
        """Make an earlier generation's files ready to be published once more from `staged`, which exists.

        Raises: DamageFound, when they are not there any more.
        """

    def kept_among(self, partition: Partition, earlier: Iterable[Recorded]) -> Iterator[Recorded]:
        """Those that could still be recalled. earlier: newest first, and asked for no further than there may
        be more: a history is long, what is kept of it is little.
        """

    def forget(self, partition: Partition, kept: Kept, *, needed: frozenset[str]) -> int:
        """Delete an earlier generation's files, but for those that others need. Returns bytes freed."""


def holds(sink: Sink, partition: Partition, names: tuple[str, ...]) -> bool:
    """Whether exactly these files are the partition's current generation: what recovery asks."""
    return sink.visible(partition) == frozenset(names)
