"""Files that were written once, wherever they are: on a disk or in a store, by the same calls."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from batch_scorer.lake.storage.storage import Entry, Kind, LakeStorage, LocalStorage


@dataclass(frozen=True, slots=True)
class StoredFiles:
    """What lies below one root. root: an absolute path, or the URL of a prefix."""

    storage: LakeStorage
    root: str

    def at(self, path: str) -> str:
        """Where a person finds it."""
        return f"{self.root}/{path}" if path else self.root

    def below(self, directory: str) -> StoredFiles:
        return StoredFiles(self.storage, self.at(directory))

    def files(self, directory: str = "") -> tuple[Entry, ...]:
        """Those that lie directly in a directory; one that is not there has none. Raises: OSError."""
        try:
            found = self.storage.list(self.root, directory)
        except (FileNotFoundError, NotADirectoryError):
            return ()
        return tuple(entry for entry in found if entry.kind is Kind.FILE)

    def sizes(self, directory: str = "") -> dict[str, int]:
        """Bytes of each of them, by name. Raises: OSError."""
        return {entry.name: entry.stamp.size for entry in self.files(directory) if entry.stamp}

    def open(self, path: str) -> BinaryIO:
        """Raises: OSError."""
        return self.storage.open(self.root, path)[0]

    def open_whole(self, path: str) -> BinaryIO:
        """To be read from its start to its end. Raises: OSError."""
        file, stamp = self.storage.open(self.root, path)
        self.storage.will_need(file, [(0, stamp.size)])
        return file

    def read(self, path: str) -> bytes:
        """Raises: OSError."""
        with self.open_whole(path) as file:
            return file.read()

    def n_bytes(self, path: str) -> int:
        """Raises: OSError."""
        return self.storage.stamp(self.root, path).size


def local_files(root: Path) -> StoredFiles:
    return StoredFiles(LocalStorage(), str(root))
