"""A Delta table on a file system: staged files are renamed into it, and what is committed is synced."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from batch_scorer.core.durable import fsync_directory, make_directories, remove_empty, second_name
from batch_scorer.core.holdings import DELTA_LOG
from batch_scorer.core.partitions import Partition
from batch_scorer.lake.published.looking import footer_metadata
from batch_scorer.lake.sinks.delta.places import TableAddress, obstacle
from batch_scorer.lake.sinks.linking import linking
from batch_scorer.lake.sinks.sink import Kept, Publication
from batch_scorer.lake.storage.state_files import StagedDirectory
from batch_scorer.lake.storage.stored_files import local_files


@dataclass(frozen=True, slots=True)
class OnDisk:
    """See DeltaPlace. root: the table's directory, on the file system of what is staged."""

    root: Path

    @property
    def address(self) -> TableAddress:
        return TableAddress(url=str(self.root))

    def others(self) -> list[str]:
        return sorted(set(os.listdir(self.root)) - {DELTA_LOG}) if self.root.is_dir() else []

    def move_in(self, publication: Publication) -> None:
        place, staged = self.root / publication.partition.path, publication.staged.path
        missing = [name for name in publication.names if not (staged / name).is_file()]
        if missing:
            raise obstacle(str(staged / missing[0]), f'the staged file "{missing[0]}" is gone')
        make_directories(place, below=self.root)
        for name in publication.names:
            # One that a rollback shows again is there; its staged name stays until the commit, for undo.
            if not (place / name).exists():
                (staged / name).rename(place / name)
        fsync_directory(place)

    def take_back(self, publication: Publication, active: frozenset[str] | None) -> None:
        place, staged = self.root / publication.partition.path, publication.staged.path
        moved = [
            name
            for name in publication.names
            if name not in (active or ())
            and (place / name).is_file()
            and not (staged / name).exists()
            and not _is_of_another(place / name, publication.generation)
        ]
        make_directories(staged)
        for name in moved:
            (place / name).rename(staged / name)
        fsync_directory(staged)
        if place.is_dir():
            fsync_directory(place)
            if active is None:
                remove_empty(place, below=self.root)

    def sizes(self, partition: Partition) -> Mapping[str, int]:
        try:
            with os.scandir(self.root / partition.path) as found:
                return {entry.name: entry.stat().st_size for entry in found if entry.is_file()}
        except (FileNotFoundError, NotADirectoryError):
            return {}

    def recall(self, partition: Partition, kept: Kept, staged: StagedDirectory) -> None:
        with linking(kept, staged.where):
            for name in kept.names:
                second_name(self.root / partition.path / name, staged.path / name)
            fsync_directory(staged.path)

    def sync_log(self, since: int) -> None:
        """deltalake syncs nothing: without this a power cut could take back, or tear, what was committed."""
        log = self.root / DELTA_LOG
        for name in os.listdir(log):
            version = name[:20]
            if name == "_last_checkpoint" or (version.isdigit() and int(version) >= since):
                try:
                    _fsync(log / name)
                except FileNotFoundError:  # a temporary name, or a log that was cleaned up
                    continue
        fsync_directory(log)
        fsync_directory(self.root)

    def clear(self, publication: Publication) -> None:
        """The second names that recalled files have."""
        publication.staged.remove(publication.names)

    def remove(self, partition: Partition, names: list[str]) -> None:
        for name in names:
            (self.root / partition.path / name).unlink(missing_ok=True)


def _is_of_another(file: Path, generation: int) -> bool:
    """As its footer says."""
    said = footer_metadata(local_files(file.parent), file.name)
    return said.get("generation", str(generation)) != str(generation)


def _fsync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
