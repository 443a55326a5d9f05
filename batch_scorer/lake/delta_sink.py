"""A Delta table, one partition replaced by each commit: see `delta_commits` for how one is made sure of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from batch_scorer.core.durable import fsync_directory, make_directories, remove_empty, writing
from batch_scorer.core.errors import OutputUnwritable
from batch_scorer.core.faults import FaultPoint, fault_point
from batch_scorer.core.holdings import DELTA_LOG
from batch_scorer.core.partitions import Partition, PartitionKey
from batch_scorer.lake.delta_commits import commit_once, properties
from batch_scorer.lake.delta_table import (
    Added,
    active_names,
    commit_nothing,
    missing_columns,
    open_or_create,
    open_table,
    replace_partition,
    sync_log,
    table_schema,
)
from batch_scorer.lake.linking import link_all
from batch_scorer.lake.published import footer_metadata
from batch_scorer.lake.sinks import Kept, Publication
from batch_scorer.lake.stored_files import local_files

if TYPE_CHECKING:
    from deltalake import DeltaTable


@dataclass(frozen=True, slots=True)
class DeltaSink:
    """predictions: the table's root. job: part of the name of its transactions. keys: of its partitions.

    Files of replaced generations stay where they are, invisible, until they are forgotten.
    """

    predictions: Path
    job: str
    keys: tuple[PartitionKey, ...]

    @property
    def guarantee(self) -> str:
        """See Sink."""
        return "delta transaction"

    def check_columns(self, columns: tuple[tuple[str, str], ...]) -> None:
        """See Sink."""
        table_schema(self.predictions, columns, self.keys)

    def publish(self, publication: Publication) -> None:
        """See Sink. The files are moved first: a commit must never name one that is not there."""
        with writing(self.predictions):
            self._add_columns(publication)
            self._refuse_fenced(self._table(publication), publication)
            self._move_in(publication)
            fault_point(FaultPoint.FILES_MOVED)
            self._replace(publication)
            self._clear(publication)

    def visible(self, partition: Partition) -> frozenset[str] | None:
        """See Sink. A partition that we made empty is there; one that was only fenced is not."""
        table = open_table(self.predictions)
        if table is None:
            return None
        names = active_names(table, partition)
        if not names and table.transaction_version(self._app(partition)) is None:
            return None
        return names

    def finish(self, publication: Publication) -> None:
        """See Sink. The run may have died before the log was safe."""
        with writing(self.predictions / DELTA_LOG):
            sync_log(self.predictions, since=0)
            self._clear(publication)

    def undo(self, publication: Publication) -> None:
        """See Sink. Files that a rollback only showed again belong to an earlier generation, and stay."""
        place, staged = self._place(publication.partition), publication.staged
        active = self.visible(publication.partition)
        moved = [
            name
            for name in publication.names
            if name not in (active or ())
            and (place / name).is_file()
            and not (staged / name).exists()
            and not _is_of_another(place / name, publication.generation)
        ]
        with writing(staged):
            make_directories(staged)
            for name in moved:
                (place / name).rename(staged / name)
            fsync_directory(staged)
            if place.is_dir():
                fsync_directory(place)
                if active is None:
                    remove_empty(place, below=self.predictions)

    def fence(self, publication: Publication) -> bool:
        """See Sink. A commit under way loses its version to this one; a later one sees the transaction."""
        fence = self._fence(publication.partition)
        commit = properties(fence, publication)

        def is_fenced(table: DeltaTable) -> bool:
            return (table.transaction_version(fence) or 0) >= publication.generation

        def act(table: DeltaTable) -> None:
            if not is_fenced(table):
                commit_nothing(table, publication.partition, commit)

        with writing(self.predictions / DELTA_LOG):
            self._commit(lambda: self._table(publication), act, is_fenced, "fence a publish")
        return False

    def recall(self, partition: Partition, kept: Kept, staged: Path) -> None:
        """See Sink. The files are linked: they stay in the table, and are there when they are published."""
        link_all(self._place(partition), kept, staged)

    def is_kept(self, partition: Partition, kept: Kept) -> bool:
        """See Sink. Somebody may have vacuumed the table."""
        return all((self._place(partition) / name).is_file() for name in kept.names)

    def forget(self, partition: Partition, kept: Kept, *, needed: frozenset[str]) -> int:
        """See Sink."""
        place = self._place(partition)
        gone = set(kept.names) - needed - (self.visible(partition) or frozenset())
        files = [place / name for name in sorted(gone) if (place / name).is_file()]
        n_bytes = sum(file.stat().st_size for file in files)
        fault_point(FaultPoint.BEFORE_CLEANUP)
        with writing(place):
            for file in files:
                file.unlink(missing_ok=True)
        return n_bytes

    def _add_columns(self, publication: Publication) -> None:
        """Of a job whose output columns were allowed to change. Readers see nulls until the next commit."""
        columns, commit = publication.columns, properties(None, publication)

        def act(table: DeltaTable) -> None:
            if missing := missing_columns(table, self.predictions, columns):
                table.alter.add_columns(missing, commit_properties=commit)

        def are_there(table: DeltaTable) -> bool:
            return not missing_columns(table, self.predictions, columns)

        self._commit(lambda: self._table(publication), act, are_there, "add columns")

    def _replace(self, publication: Publication) -> None:
        partition, names = publication.partition, frozenset(publication.names)
        app = self._app(partition)
        commit = properties(app, publication)
        added = [
            Added(path=f"{partition.path}/{file.name}", n_bytes=file.n_bytes, n_rows=file.n_rows)
            for file in publication.files
        ]

        def prepared() -> DeltaTable:
            table = self._table(publication)
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
            self.predictions,
            prepare,
            act,
            is_in,
            doing=doing,
            next_command=f"batch-scorer repair {self.job}",
        )

    def _table(self, publication: Publication) -> DeltaTable:
        return open_or_create(self.predictions, publication.columns, self.keys)

    def _refuse_fenced(self, table: DeltaTable, publication: Publication) -> None:
        partition, number = publication.partition, publication.generation
        seen = (table.transaction_version(app) for app in (self._app(partition), self._fence(partition)))
        if max(version or 0 for version in seen) >= number:
            raise OutputUnwritable(
                f"another run fenced this publish of {partition}, or made generation {number} itself",
                where=str(self.predictions),
                fix="nothing, when another run works on this job; after state was lost, another output.path",
            )

    def _move_in(self, publication: Publication) -> None:
        place, staged = self._place(publication.partition), publication.staged
        missing = [name for name in publication.names if not (staged / name).is_file()]
        if missing:
            raise _obstacle(staged / missing[0], f'the staged file "{missing[0]}" is gone')
        make_directories(place)
        for name in publication.names:
            # One that a rollback shows again is there; its staged name stays until the commit, for undo.
            if not (place / name).exists():
                (staged / name).rename(place / name)
        fsync_directory(place)

    def _check_files(self, publication: Publication) -> None:
        """deltalake takes a path for a file: what is not there would break every reader."""
        place = self._place(publication.partition)
        for file in publication.files:
            try:
                n_bytes = (place / file.name).stat().st_size
            except FileNotFoundError:
                raise _obstacle(place / file.name, f'the file "{file.name}" is gone') from None
            if n_bytes != file.n_bytes:
                what = f'"{file.name}" has {n_bytes:,} bytes, {file.n_bytes:,} were staged'
                raise _obstacle(place / file.name, what)

    def _clear(self, publication: Publication) -> None:
        """The second names that recalled files have."""
        for name in publication.names:
            (publication.staged / name).unlink(missing_ok=True)

    def _place(self, partition: Partition) -> Path:
        return self.predictions / partition.path

    def _app(self, partition: Partition) -> str:
        return f"batch-scorer/{self.job}/{partition.path}"

    def _fence(self, partition: Partition) -> str:
        """Of its own: else a partition that was fenced would look like one that was published empty."""
        return f"{self._app(partition)}#fence"


def _is_of_another(file: Path, generation: int) -> bool:
    """As its footer says."""
    return footer_metadata(local_files(file.parent), file.name).get("generation", str(generation)) != str(
        generation
    )


def _obstacle(where: Path, what: str) -> OutputUnwritable:
    return OutputUnwritable(
        f"cannot publish: {what}", where=str(where), fix="see what took it away, then run again"
    )
