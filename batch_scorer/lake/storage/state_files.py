"""Long files of the state, staged ones and rows set aside, on a disk or in a store by the same calls.

Small ones, of which nobody may ever see a half, are `core.kept_files`. These are made by workers; whoever
publishes them gives them other names, and does not read them.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol

from batch_scorer.core.durable import (
    fsync_directory,
    make_directories,
    remove_empty,
    second_name,
    writing,
)
from batch_scorer.lake.storage.stored_files import StoredFiles, local_files
from batch_scorer.lake.storage.uploading import at_once, upload
from batch_scorer.stores.objects import ObjectStore


class StateFiles(Protocol):
    """Paths are relative to the root of the state: `staging/taxi_tips/day=1/01ABC/files`.

    Raises, everywhere: StoreUnavailable, when it is a store that does not answer.
    """

    @property
    def is_remote(self) -> bool:
        """In a store: a directory is what names have in common, and cannot be renamed."""

    def at(self, path: str) -> str:
        """Where it is: a path, or a URL."""

    def below(self, directory: str) -> StoredFiles:
        """To look at, and to read."""

    def directories(self, above: str, depth: int) -> Iterator[str]:
        """Those `depth` levels below `above`, relative to it, in order; none where there is nothing."""

    def make(self, directory: str) -> None:
        """So that files can be written into it. Raises: OutputUnwritable, DiskFull."""

    def rename(self, directory: str, name: str) -> None:
        """Give a directory another last name. On a disk only. Raises: OutputUnwritable."""

    def link(self, source: str, names: Sequence[str], target: str) -> None:
        """Second names of files, in another directory. Repeatable.

        Raises: FileNotFoundError, when one is not there; OSError.
        """

    def send(self, source: str, names: Sequence[str], store: ObjectStore, prefix: str) -> None:
        """Copies of files below a prefix of a store. Repeatable. Raises: FileNotFoundError, OSError."""

    def mark(self, path: str) -> None:
        """An empty file. Raises: OSError."""

    def remove(self, directory: str, *, but: str | None = None) -> int:
        """All that is in a directory, but for the directory in it of that name. What a disk does not let go
        of stays as junk.

        Returns: bytes freed by files directly in it.
        """

    def remove_files(self, directory: str, names: Sequence[str]) -> None:
        """Those that are not there are not missed. Raises: OSError."""


@dataclass(frozen=True, slots=True)
class StagedDirectory:
    """One directory of the state with finished files in it."""

    state: StateFiles
    directory: str

    @property
    def path(self) -> Path:
        """Of a state on a disk."""
        return Path(self.where)

    @property
    def where(self) -> str:
        return self.state.at(self.directory)

    def names(self) -> frozenset[str] | None:
        """Of all that is in it; None when it is not there. Raises: OSError, StoreUnavailable."""
        seen = self.state.below(self.directory)
        try:
            return frozenset(entry.name for entry in seen.storage.list(seen.root, ""))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def to_read(self, names: Sequence[str]) -> list[Path] | list[BinaryIO]:
        """Paths on a disk, as only so many files may be open; of a store open files, read by ranges.

        Raises: OSError, StoreUnavailable.
        """
        if not self.state.is_remote:
            return [self.path / name for name in names]
        seen = self.state.below(self.directory)
        return at_once([partial(seen.open, name) for name in names])

    def sizes(self) -> dict[str, int]:
        """Bytes of each file, by name. Raises: OSError, StoreUnavailable."""
        return self.state.below(self.directory).sizes()

    def mark(self, name: str) -> None:
        """See StateFiles."""
        self.state.mark(f"{self.directory}/{name}")

    def send(self, names: Sequence[str], store: ObjectStore, prefix: str) -> None:
        """See StateFiles."""
        self.state.send(self.directory, names, store, prefix)

    def remove(self, names: Sequence[str]) -> None:
        """See StateFiles."""
        self.state.remove_files(self.directory, names)


@dataclass(frozen=True, slots=True)
class StateOnDisk:
    root: Path

    @property
    def is_remote(self) -> bool:
        return False

    def at(self, path: str) -> str:
        return str(self.root / path)

    def below(self, directory: str) -> StoredFiles:
        return local_files(self.root / directory)

    def directories(self, above: str, depth: int) -> Iterator[str]:
        top = self.root / above
        if top.is_dir():
            for directory in sorted(top.glob("/".join("*" * depth))):
                yield directory.relative_to(top).as_posix()

    def make(self, directory: str) -> None:
        """A power cut may take it away again, with all it holds."""
        with writing(self.root / directory):
            (self.root / directory).mkdir(parents=True, exist_ok=True)

    def rename(self, directory: str, name: str) -> None:
        place = self.root / directory
        with writing(place.parent):
            place.rename(place.with_name(name))
            fsync_directory(place.parent)

    def link(self, source: str, names: Sequence[str], target: str) -> None:
        make_directories(self.root / target, below=self.root)
        for name in names:
            second_name(self.root / source / name, self.root / target / name)
        fsync_directory(self.root / target)

    def send(self, source: str, names: Sequence[str], store: ObjectStore, prefix: str) -> None:
        files = [self.root / source / name for name in names]
        for gone in (file for file in files if not file.is_file()):  # before the first is sent
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(gone))
        upload(store, prefix, files)

    def mark(self, path: str) -> None:
        (self.root / path).touch()

    def remove(self, directory: str, *, but: str | None = None) -> int:
        """What cannot be removed stays as junk."""
        place, n_bytes = self.root / directory, 0
        if not place.is_dir():
            return 0
        with os.scandir(place) as found:
            for each in found:
                if each.is_dir(follow_symlinks=False):
                    if each.name != but:
                        shutil.rmtree(each.path, ignore_errors=True)
                    continue
                with suppress(OSError):
                    seen = each.stat(follow_symlinks=False)
                    Path(each.path).unlink()
                    n_bytes += seen.st_size if seen.st_nlink == 1 else 0  # else somebody else has these bytes
        remove_empty(place, below=self.root.joinpath(*Path(directory).parts[:2]))
        return n_bytes

    def remove_files(self, directory: str, names: Sequence[str]) -> None:
        for name in names:
            (self.root / directory / name).unlink(missing_ok=True)
