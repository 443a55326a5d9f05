"""A Delta table in an object store: staged files come to it, and nobody sees them until the commit.

They are uploaded, or copied by the store itself where they are staged in it: to names that no other attempt
ever has, so to repeat that does no harm, nor does one that comes late. Staged files stay until the commit is
in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from batch_scorer.core.errors import DamageFound
from batch_scorer.core.holdings import DELTA_LOG
from batch_scorer.core.partitions import Partition
from batch_scorer.lake.published.looking import footer_metadata
from batch_scorer.lake.sinks.delta.places import TableAddress, obstacle
from batch_scorer.lake.sinks.sink import Kept, Publication
from batch_scorer.lake.storage.object_storage import ObjectStorage
from batch_scorer.lake.storage.state_files import StagedDirectory
from batch_scorer.lake.storage.stored_files import StoredFiles
from batch_scorer.lake.storage.uploading import sizes_below
from batch_scorer.stores.connecting import plain_settings
from batch_scorer.stores.objects import ObjectStore

# deltalake reads each version since the last checkpoint twice, whenever it opens the table.
_VERSIONS_PER_CHECKPOINT = "10"


@dataclass(frozen=True, slots=True)
class InStore:
    """See DeltaPlace. prefix: the table's, without a slash at its ends."""

    store: ObjectStore
    prefix: str

    @property
    def address(self) -> TableAddress:
        return TableAddress(
            url=self.store.url(self.prefix),
            options=plain_settings(self.store.bucket, self.store.options),
            configuration={"delta.checkpointInterval": _VERSIONS_PER_CHECKPOINT},
        )

    def others(self) -> list[str]:
        level = self.store.level(self.prefix)
        keys = (*(entry.key for entry in level.objects), *level.prefixes)
        return sorted({key.rpartition("/")[2] for key in keys} - {DELTA_LOG})

    def move_in(self, publication: Publication) -> None:
        """One that a rollback shows again is there, and not staged."""
        staged, there = publication.staged, self.sizes(publication.partition)
        missing = [file.name for file in publication.files if there.get(file.name) != file.n_bytes]
        try:
            staged.send(missing, self.store, self._place(publication.partition))
        except FileNotFoundError as error:
            where = str(error.filename)
            raise obstacle(where, f'the staged file "{where.rpartition("/")[2]}" is gone') from None

    def take_back(self, publication: Publication, active: frozenset[str] | None) -> None:
        """What is staged stays so: it is enough to delete what was uploaded, and surely by this publish."""
        partition, there = publication.partition, self.sizes(publication.partition)
        table = StoredFiles(ObjectStorage(options=self.store.options), self.address.url).below(partition.path)

        staged = publication.staged.sizes()

        def is_ours(name: str) -> bool:
            if name in staged:
                return True
            return footer_metadata(table, name).get("generation") == str(publication.generation)

        moved = there.keys() & (set(publication.names) - (active or frozenset()))
        self.remove(partition, sorted(filter(is_ours, moved)))

    def sizes(self, partition: Partition) -> Mapping[str, int]:
        return sizes_below(self.store, self._place(partition))

    def recall(self, partition: Partition, kept: Kept, staged: StagedDirectory) -> None:  # noqa: ARG002 (the protocol's)
        """They are where they will be published."""
        gone = sorted(set(kept.names) - self.sizes(partition).keys())
        if gone:
            raise DamageFound(
                f"a file of generation {kept.generation} is gone",
                where=f"{self.address.url}/{partition.path}/{gone[0]}",
                fix="choose another generation, or have the partition scored anew",
            )

    def sync_log(self, since: int) -> None:
        """What a store has taken it keeps."""

    def clear(self, publication: Publication) -> None:
        """They were copied, and go with the attempt."""

    def remove(self, partition: Partition, names: list[str]) -> None:
        self.store.delete(*(f"{self._place(partition)}/{name}" for name in names))

    def _place(self, partition: Partition) -> str:
        return f"{self.prefix}/{partition.path}"
