"""Plain Parquet directories, swapped whole: see `exchange` for what the file system guarantees.

Nothing but finished Parquet, and an empty _SUCCESS where asked for, is ever under the predictions root.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from batch_scorer.core.durable import fsync_directory, make_directories, writing
from batch_scorer.core.errors import OutputUnwritable
from batch_scorer.core.faults import FaultPoint, fault_point
from batch_scorer.core.holdings import DELTA_LOG, SUCCESS_MARKER
from batch_scorer.core.partitions import Partition
from batch_scorer.lake.sinks.replaced import Replaced, holds_exactly
from batch_scorer.lake.sinks.sink import Kept, Publication, Recorded
from batch_scorer.lake.storage.exchange import (
    Guarantee,
    exchange,
    move_new,
    probe,
)
from batch_scorer.lake.storage.preflight import nearest_existing
from batch_scorer.lake.storage.state_files import StagedDirectory


@dataclass(frozen=True, slots=True)
class ParquetSink:
    """predictions: the table's root, one directory per partition below it. replaced: where old ones go.

    Both are on one file system.
    """

    predictions: Path
    replaced: Replaced

    @property
    def guarantee(self) -> Guarantee:
        """What the file system can do, probed once beside the table, where no reader looks.

        Raises: OutputError.
        """
        return _probed(self.predictions.parent)

    @property
    def can_replace(self) -> bool:
        """See Sink."""
        return True

    def check_columns(self, columns: tuple[tuple[str, str], ...]) -> None:
        """See Sink. Parquet holds whatever Arrow can be."""

    def publish(self, publication: Publication) -> None:
        """See Sink. Files in staged that are not named are removed before: a chunk may have run twice.

        A crash behind an atomic exchange leaves the old generation at staged, one between two renames at
        replaced: whole in both cases, for `finish` and `undo`.
        """
        target, staged = self._place(publication.partition), publication.staged.path
        replaced = self._replaced(publication)
        with writing(target):
            _refuse_delta(self.predictions)
            _refuse_obstacles(target, staged, replaced, publication.names)
            _strip(staged, publication.names)
            fsync_directory(staged)
            make_directories(target.parent, below=self.predictions)
            fault_point(FaultPoint.BEFORE_EXCHANGE)
            if replaced is not None and target.exists():
                make_directories(replaced.parent, below=self.replaced.top)
                self._replace(target, staged, replaced)
            else:
                move_new(staged, target)
                fault_point(FaultPoint.AFTER_EXCHANGE)
            fsync_directory(target.parent)

    def visible(self, partition: Partition) -> frozenset[str] | None:
        """See Sink. What is no directory shows one name that no generation has."""
        place = self._place(partition)
        try:
            return frozenset(os.listdir(place)) - {SUCCESS_MARKER}
        except NotADirectoryError:
            return frozenset({""})
        except FileNotFoundError:
            return frozenset({""}) if os.path.lexists(place) else None

    def finish(self, publication: Publication) -> None:
        """See Sink. Behind an exchange the old generation lies at staged until it is moved."""
        target, replaced, base = (
            self._place(publication.partition),
            self._replaced(publication),
            publication.base,
        )
        with writing(target):  # whoever showed it was killed before this, or the disk refused it
            fsync_directory(target.parent)
        if replaced is None or base is None or os.path.lexists(replaced):
            return
        if holds_exactly(publication.staged, base.names):
            with writing(replaced):
                make_directories(replaced.parent, below=self.replaced.top)
                move_new(publication.staged.path, replaced)
                fsync_directory(replaced.parent)

    def undo(self, publication: Publication) -> None:
        """See Sink. A crash between two renames leaves no directory: the old one returns."""
        target, replaced, base = (
            self._place(publication.partition),
            self._replaced(publication),
            publication.base,
        )
        if replaced is None or base is None or os.path.lexists(target):
            return
        if holds_exactly(self.replaced.place(publication.partition, base.generation), base.names):
            with writing(target):
                move_new(replaced, target)
                fsync_directory(target.parent)

    def fence(self, publication: Publication, *, may_live: bool) -> bool:  # noqa: ARG002 (the protocol's)
        """See Sink. The staging directory was renamed: a late exchange finds nothing."""
        return True

    def recall(self, partition: Partition, kept: Kept, staged: StagedDirectory) -> None:
        """See Sink."""
        self.replaced.recall(partition, kept, staged)

    def kept_among(self, partition: Partition, earlier: Iterable[Recorded]) -> Iterator[Recorded]:
        """See Sink."""
        return self.replaced.kept_among(partition, earlier)

    def forget(self, partition: Partition, kept: Kept, *, needed: frozenset[str]) -> int:  # noqa: ARG002
        """See Sink."""
        return self.replaced.forget(partition, kept)

    def _place(self, partition: Partition) -> Path:
        return self.predictions / partition.path

    def _replaced(self, publication: Publication) -> Path | None:
        if publication.base is None:
            return None
        return self.replaced.place(publication.partition, publication.base.generation).path

    def _replace(self, target: Path, staged: Path, replaced: Path) -> None:
        if self.guarantee is Guarantee.ATOMIC_EXCHANGE:
            exchange(staged, target)
            fault_point(FaultPoint.AFTER_EXCHANGE)
            fsync_directory(target.parent)  # the new generation must last before the old one moves on
            move_new(staged, replaced)
        else:
            move_new(target, replaced)
            fault_point(FaultPoint.BETWEEN_RENAMES)
            try:
                move_new(staged, target)
            except OSError:  # staging was taken over: what readers saw comes back
                move_new(replaced, target)
                raise
        fault_point(FaultPoint.AFTER_REPLACED)
        fsync_directory(replaced.parent)


def same_filesystem(first: Path, second: Path) -> bool:
    """Whether a rename can go from one to the other; either may not exist yet."""
    return nearest_existing(first).stat().st_dev == nearest_existing(second).stat().st_dev


@functools.cache
def _probed(directory: Path) -> Guarantee:
    nearest = nearest_existing(directory)
    with writing(nearest):
        return probe(nearest)


def _refuse_obstacles(target: Path, staged: Path, replaced: Path | None, names: Sequence[str]) -> None:
    """Everything that would stop us between two renames, asked before the first."""
    missing = set(names) - set(os.listdir(staged))
    if missing:
        raise _obstacle(staged, f'the staged file "{min(missing)}" is gone')
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise _obstacle(target, "what is there now is not a directory of ours")
    if replaced is None and os.path.lexists(target):
        raise _obstacle(target, "nothing was published here, and yet something is there")
    if replaced is not None and os.path.lexists(replaced):
        raise _obstacle(replaced, "there is already a replaced generation of this number")


def _refuse_delta(predictions: Path) -> None:
    """Readers of a Delta table follow its log: they would miss what is exchanged behind its back."""
    if (predictions / DELTA_LOG).exists():
        raise _obstacle(predictions / DELTA_LOG, "this is a Delta table, but the job says format: parquet")


def _strip(staged: Path, names: Sequence[str]) -> None:
    for name in set(os.listdir(staged)) - {SUCCESS_MARKER, *names}:
        (staged / name).unlink()


def _obstacle(where: Path, what: str) -> OutputUnwritable:
    return OutputUnwritable(
        f"cannot publish: {what}", where=str(where), fix="see what put it there, move it away, then run again"
    )
