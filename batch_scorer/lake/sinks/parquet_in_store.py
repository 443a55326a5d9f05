"""Plain Parquet in an object store, which has no step that shows several objects at once.

A new partition appears file by file, in place of nothing. To replace one, where that is allowed, its files
are fetched to the local state first, then deleted, then the new ones appear: readers may find too little for
a while, and never two generations. A run that dies in between is undone or finished by the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from batch_scorer.core.durable import make_directories, write_whole, writing
from batch_scorer.core.errors import DamageFound, OutputUnwritable
from batch_scorer.core.faults import FaultPoint, fault_point
from batch_scorer.core.holdings import DELTA_LOG, SUCCESS_MARKER
from batch_scorer.core.partitions import Partition
from batch_scorer.lake.sinks.replaced import Replaced, holds_exactly
from batch_scorer.lake.sinks.sink import Kept, Publication, Recorded
from batch_scorer.lake.storage.state_files import StagedDirectory
from batch_scorer.lake.storage.uploading import sizes_below
from batch_scorer.stores.objects import ObjectStore

NEW_ONLY = "new partitions only, file by file"
IN_PLACE = "in place, file by file: incomplete or missing meanwhile"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParquetInStore:
    """prefix: of the table, without a slash at its ends. replaced: where old files go.

    in_place: whether a partition that is published may be replaced; then old files go to a disk.
    """

    store: ObjectStore
    prefix: str
    replaced: Replaced
    in_place: bool

    @property
    def guarantee(self) -> str:
        """See Sink."""
        return IN_PLACE if self.in_place else NEW_ONLY

    @property
    def can_replace(self) -> bool:
        """See Sink."""
        return self.in_place

    def check_columns(self, columns: tuple[tuple[str, str], ...]) -> None:
        """See Sink. Parquet holds whatever Arrow can be."""

    def publish(self, publication: Publication) -> None:
        """See Sink. The marker comes last: a sensor that waits for it sees whole partitions."""
        place, base = self._place(publication.partition), publication.base
        with writing(self.store.url(place)):
            self._refuse_obstacles(publication)
            if base is not None:
                self._keep(publication.partition, base)
                fault_point(FaultPoint.BEFORE_EXCHANGE)
                self._delete(place, (*base.names, SUCCESS_MARKER))
                fault_point(FaultPoint.BETWEEN_RENAMES)
            publication.staged.send(publication.names, self.store, place)
            self._check_shown(publication)
            fault_point(FaultPoint.AFTER_EXCHANGE)
            self.finish(publication)

    def visible(self, partition: Partition) -> frozenset[str] | None:
        """See Sink."""
        names = sizes_below(self.store, self._place(partition)).keys() - {SUCCESS_MARKER}
        return frozenset(names) or None

    def finish(self, publication: Publication) -> None:
        """See Sink. The run may have died before its marker was there."""
        staged = publication.staged
        if SUCCESS_MARKER in staged.sizes():
            self.store.put(f"{self._place(publication.partition)}/{SUCCESS_MARKER}", b"")
        staged.remove((*publication.names, SUCCESS_MARKER))

    def undo(self, publication: Publication) -> None:
        """See Sink. New files go first: they and those of the base must not be seen together."""
        partition, base = publication.partition, publication.base
        place, seen = self._place(partition), self.visible(partition) or frozenset()
        if seen == frozenset(publication.names):
            return
        with writing(self.store.url(place)):
            self._delete(place, sorted(set(publication.names) - set(base.names if base else ())))
            if base is not None and (missing := sorted(set(base.names) - seen)):
                self._bring_back(partition, base, missing)
                if SUCCESS_MARKER in publication.staged.sizes():
                    self.store.put(f"{place}/{SUCCESS_MARKER}", b"")

    def fence(self, publication: Publication, *, may_live: bool) -> bool:
        """See Sink. On a disk the staging directory was renamed: there is nothing left to upload from. In a
        store nothing can be: of whoever may live the files are deleted that it would copy.
        """
        if not publication.staged.state.is_remote:
            return True
        if may_live:
            publication.staged.remove(publication.names)
        return not may_live

    def recall(self, partition: Partition, kept: Kept, staged: StagedDirectory) -> None:
        """See Sink."""
        self.replaced.recall(partition, kept, staged)

    def kept_among(self, partition: Partition, earlier: Iterable[Recorded]) -> Iterator[Recorded]:
        """See Sink."""
        return self.replaced.kept_among(partition, earlier)

    def forget(self, partition: Partition, kept: Kept, *, needed: frozenset[str]) -> int:  # noqa: ARG002
        """See Sink."""
        return self.replaced.forget(partition, kept)

    def _refuse_obstacles(self, publication: Publication) -> None:
        """Everything that would stop us half-way, asked before the first deletion."""
        place, base, staged = self._place(publication.partition), publication.base, publication.staged
        if base is not None and not self.in_place:
            raise self._obstacle(place, "the partition is published, and may not be replaced in place")
        if not publication.names:
            raise self._obstacle(place, "a partition without files cannot be told from one that is missing")
        there = staged.sizes()
        gone = [name for name in publication.names if name not in there]
        if gone:
            raise self._obstacle(place, f'the staged file "{gone[0]}" is gone')
        if self.store.level(f"{self.prefix}/{DELTA_LOG}").objects:
            raise self._obstacle(self.prefix, "this is a Delta table, but the job says format: parquet")
        ours = {*publication.names, *(base.names if base else ())}
        strangers = sorted((self.visible(publication.partition) or frozenset()) - ours)
        if strangers:
            raise self._obstacle(place, f'"{strangers[0]}" lies there, which nothing published by us is')

    def _keep(self, partition: Partition, base: Kept) -> None:
        """Local copies of the files that are about to be replaced."""
        kept, place = self.replaced.place(partition, base.generation).path, self._place(partition)
        make_directories(kept)
        for name in base.names:
            if not (kept / name).exists():
                write_whole(kept / name, self.store.get(f"{place}/{name}").data)

    def _bring_back(self, partition: Partition, base: Kept, names: Sequence[str]) -> None:
        kept = self.replaced.place(partition, base.generation)
        if not holds_exactly(kept, base.names):
            raise DamageFound(
                f"files of generation {base.generation} are neither in the store nor kept",
                where=self.store.url(self._place(partition)),
                fix="move the partition's predictions away, to have it scored anew",
            )
        kept.send(names, self.store, self._place(partition))

    def _check_shown(self, publication: Publication) -> None:
        sizes = sizes_below(self.store, self._place(publication.partition))
        for file in publication.files:
            if sizes.get(file.name) != file.n_bytes:
                what = f'"{file.name}" did not arrive with its {file.n_bytes:,} bytes'
                raise self._obstacle(self._place(publication.partition), what)

    def _delete(self, place: str, names: Sequence[str]) -> None:
        self.store.delete(*(f"{place}/{name}" for name in names))

    def _place(self, partition: Partition) -> str:
        return f"{self.prefix}/{partition.path}"

    def _obstacle(self, place: str, what: str) -> OutputUnwritable:
        return OutputUnwritable(
            f"cannot publish: {what}",
            where=self.store.url(place),
            fix="see what put it there, or took it away, then run again",
        )
