"""A Delta table, one partition replaced by each commit: see `commits` for how one is made sure of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from batch_scorer.core.durable import writing
from batch_scorer.core.errors import OutputUnwritable
from batch_scorer.core.faults import FaultPoint, fault_point
from batch_scorer.core.partitions import Partition, PartitionKey
from batch_scorer.lake.sinks.delta.commits import commit_once, properties
from batch_scorer.lake.sinks.delta.places import DeltaPlace, obstacle
from batch_scorer.lake.sinks.delta.table import (
    Added,
    active_names,
    commit_nothing,
    missing_columns,
    open_or_create,
    open_table,
    replace_partition,
    table_schema,
)
from batch_scorer.lake.sinks.sink import Kept, Publication, Recorded
from batch_scorer.lake.storage.state_files import StagedDirectory

if TYPE_CHECKING:
    from deltalake import DeltaTable


@dataclass(frozen=True, slots=True)
class DeltaSink:
    """place: where the table lies. job: part of the name of its transactions. keys: of its partitions.

    Files of replaced generations stay where they are, invisible, until they are forgotten.
    """

    place: DeltaPlace
    job: str
    keys: tuple[PartitionKey, ...]

    @property
    def guarantee(self) -> str:
        """See Sink."""
        return "delta transaction"

    @property
    def can_replace(self) -> bool:
        """See Sink."""
        return True

    def check_columns(self, columns: tuple[tuple[str, str], ...]) -> None:
        """See Sink."""
        table_schema(self.place.address.url, columns, self.keys)

    def publish(self, publication: Publication) -> None:
        """See Sink. The files are moved first: a commit must never name one that is not there."""
        with writing(self.place.address.url):
            table = self._with_columns(publication)
            self._refuse_fenced(table, publication)
            self.place.move_in(publication)
            fault_point(FaultPoint.FILES_MOVED)
            self._replace(publication, table)
            self.place.clear(publication)

    def visible(self, partition: Partition) -> frozenset[str] | None:
        """See Sink. A partition that we made empty is there; one that was only fenced is not."""
        table = open_table(self.place.address)
        if table is None:
            return None
        names = active_names(table, partition)
        if not names and table.transaction_version(self._app(partition)) is None:
            return None
        return names

    def finish(self, publication: Publication) -> None:
        """See Sink. The run may have died before the log was safe."""
        with writing(self.place.address.url):
            self.place.sync_log(0)
            self.place.clear(publication)

    def undo(self, publication: Publication) -> None:
        """See Sink. Files that a rollback only showed again belong to an earlier generation, and stay."""
        with writing(publication.staged.where):
            self.place.take_back(publication, self.visible(publication.partition))

    def fence(self, publication: Publication, *, may_live: bool) -> bool:
        """See Sink. A commit under way loses its version to ours; a later one sees the transaction."""
        with writing(self.place.address.url):
            if may_live:
                self._forbid(publication)
            elif self.place.address.is_remote:
                self._outrun(publication)
        return not may_live

    def recall(self, partition: Partition, kept: Kept, staged: StagedDirectory) -> None:
        """See Sink. They stay in the table, and are there when they are published."""
        self.place.recall(partition, kept, staged)

    def kept_among(self, partition: Partition, earlier: Iterable[Recorded]) -> Iterator[Recorded]:
        """See Sink. Somebody may have vacuumed the table. No name says of which generation it is."""
        there = self.place.sizes(partition).keys()
        return (each for each in earlier if there >= set(each.output_names))

    def forget(self, partition: Partition, kept: Kept, *, needed: frozenset[str]) -> int:
        """See Sink."""
        gone = set(kept.names) - needed - (self.visible(partition) or frozenset())
        sizes = self.place.sizes(partition)
        there = sorted(gone & sizes.keys())
        fault_point(FaultPoint.BEFORE_CLEANUP)
        with writing(self.place.address.url):
            self.place.remove(partition, there)
        return sum(sizes[name] for name in there)

    def _with_columns(self, publication: Publication) -> DeltaTable:
        """The table, with those of a job whose output was allowed to change. Readers see nulls in them."""
        table, columns = self._table(publication), publication.columns
        if not missing_columns(table, self.place.address.url, columns):
            return table
        commit = properties(None, publication)

        def act(table: DeltaTable) -> None:
            if missing := missing_columns(table, self.place.address.url, columns):
                table.alter.add_columns(missing, commit_properties=commit)

        def are_there(table: DeltaTable) -> bool:
            return not missing_columns(table, self.place.address.url, columns)

        self._commit(lambda: self._table(publication), act, are_there, "add columns")
        return self._table(publication)

    def _forbid(self, publication: Publication) -> None:
        fence = self._fence(publication.partition)
        commit = properties(fence, publication)

        def is_fenced(table: DeltaTable) -> bool:
            return (table.transaction_version(fence) or 0) >= publication.generation

        def act(table: DeltaTable) -> None:
            if not is_fenced(table):
                commit_nothing(table, publication.partition, commit)

        self._commit(lambda: self._table(publication), act, is_fenced, "fence a publish")

    def _outrun(self, publication: Publication) -> None:
        """Take the version that a commit of the dead, still on its way to the store, can only be for."""
        table = open_table(self.place.address)
        if table is None:
            return
        seen, commit = table.version(), properties(None, publication)

        def act(table: DeltaTable) -> None:
            commit_nothing(table, publication.partition, commit)

        def is_taken(table: DeltaTable) -> bool:
            return table.version() > seen

        self._commit(lambda: self._table(publication), act, is_taken, "outrun a late commit")

    def _replace(self, publication: Publication, table: DeltaTable) -> None:
        """table: as it was seen last; a commit that came between costs another look, and nothing else."""
        partition, names = publication.partition, frozenset(publication.names)
        app = self._app(partition)
        commit = properties(app, publication)
        seen = [table]
        added = [
            Added(path=f"{partition.path}/{file.name}", n_bytes=file.n_bytes, n_rows=file.n_rows)
            for file in publication.files
        ]

        def prepared() -> DeltaTable:
            table = seen.pop() if seen else self._table(publication)
            self._refuse_fenced(table, publication)
            self._check_files(publication)
            fault_point(FaultPoint.BEFORE_COMMIT)
            return table

        def act(table: DeltaTable) -> None:
            if names and active_names(table, partition) == names:  # one commit may not remove and add a path
                commit_nothing(table, partition, commit)
            else:
                replace_partition(table, partition, added, commit)
            fault_point(FaultPoint.AFTER_COMMIT)

        def is_in(table: DeltaTable) -> bool:
            ours = table.transaction_version(app) == publication.generation
            return ours and active_names(table, partition) == names

        self._commit(prepared, act, is_in, f"publish {partition}")

    def _commit(
        self,
        prepare: Callable[[], DeltaTable],
        act: Callable[[DeltaTable], None],
        is_in: Callable[[DeltaTable], bool],
        doing: str,
    ) -> None:
        commit_once(
            self.place,
            prepare,
            act,
            is_in,
            doing=doing,
            next_command=f"batch-scorer repair {self.job}",
        )

    def _table(self, publication: Publication) -> DeltaTable:
        return open_or_create(self.place, publication.columns, self.keys)

    def _refuse_fenced(self, table: DeltaTable, publication: Publication) -> None:
        partition, number = publication.partition, publication.generation
        seen = (table.transaction_version(app) for app in (self._app(partition), self._fence(partition)))
        if max(version or 0 for version in seen) >= number:
            raise OutputUnwritable(
                f"another run fenced this publish of {partition}, or made generation {number} itself",
                where=self.place.address.url,
                fix="nothing, when another run works on this job; after state was lost, another output.path",
            )

    def _check_files(self, publication: Publication) -> None:
        """deltalake takes a path for a file: what is not there would break every reader."""
        sizes = self.place.sizes(publication.partition)
        for file in publication.files:
            where = f"{self.place.address.url}/{publication.partition.path}/{file.name}"
            n_bytes = sizes.get(file.name)
            if n_bytes is None:
                raise obstacle(where, f'the file "{file.name}" is gone')
            if n_bytes != file.n_bytes:
                raise obstacle(where, f'"{file.name}" has {n_bytes:,} bytes, {file.n_bytes:,} were staged')

    def _app(self, partition: Partition) -> str:
        return f"batch-scorer/{self.job}/{partition.path}"

    def _fence(self, partition: Partition) -> str:
        """Of its own: else a partition that was fenced would look like one that was published empty."""
        return f"{self._app(partition)}#fence"
