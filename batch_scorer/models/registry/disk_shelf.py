"""A registry's files in a directory. Readers take no lock: a version's directory appears by one rename, the
history by another; writers of a model take turns.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from batch_scorer.core.durable import write_whole, writing
from batch_scorer.core.errors import BatchScorerError, LockHeld
from batch_scorer.core.models import ModelManifest
from batch_scorer.core.stores import NO_OPTIONS, StoreOptions
from batch_scorer.models.registry.history import (
    HistoryEntry,
    decode_history,
    following,
    pinned_manifests,
)
from batch_scorer.models.registry.names import as_version
from batch_scorer.models.registry.reading import no_link, read_plain, told_when_unreadable
from batch_scorer.models.registry.shelf import HISTORY_FILE, Deciding, Numbered
from batch_scorer.models.registry.storing import store_directory

LOCK_FILE = ".lock"
IMPORT_LOCK_FILE = ".import.lock"  # no name of a model
_LOCK_WAIT_S = 60.0
_IMPORT_WAIT_S = 600.0


@dataclass(frozen=True, slots=True)
class DiskShelf:
    """root may be a symlink; nothing below it may."""

    root: Path
    stores: StoreOptions = NO_OPTIONS  # which a mounted directory needs none of

    def read(self, path: str) -> bytes:
        *above, _name = path.split("/")
        for depth in range(1, len(above)):  # the directory itself is looked at when the file is opened
            no_link(self.root.joinpath(*above[:depth]))
        return read_plain(self.root / path)

    def names(self, directory: str) -> tuple[str, ...]:
        place = self.root / directory
        with told_when_unreadable(place), suppress(FileNotFoundError, NotADirectoryError):
            return tuple(sorted(os.listdir(place)))
        return ()

    def append(self, name: str, decide: Deciding) -> HistoryEntry:
        with self._locked(name) as directory:
            return self._append(directory, decide)

    def add(self, name: str, numbered: Numbered) -> ModelManifest:
        with writing(self.root):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        with self._locked(name) as directory:
            manifest, files, entry = numbered(self._next_version(directory))
            store_directory(directory, str(manifest.version), files)
            self._name_or_take_back(directory, entry)
        return manifest

    @contextmanager
    def importing(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        with writing(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.root / IMPORT_LOCK_FILE, timeout=_IMPORT_WAIT_S)
        try:
            lock.acquire()
        except Timeout:
            raise LockHeld(
                f"somebody else has been importing a model for {_IMPORT_WAIT_S:.0f} s",
                where=str(self.root / IMPORT_LOCK_FILE),
                fix="wait for the other import, then repeat the command",
            ) from None
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _locked(self, name: str) -> Iterator[Path]:
        directory = no_link(self.root / name)
        with writing(directory):
            from filelock import FileLock, Timeout  # imports asyncio, and only who registers locks

            lock = FileLock(no_link(directory / LOCK_FILE), timeout=_LOCK_WAIT_S)
            try:
                with lock:
                    yield directory
            except Timeout:
                raise LockHeld(
                    f'somebody else has been writing to the model "{name}" for {_LOCK_WAIT_S:.0f} s',
                    where=str(directory / LOCK_FILE),
                    fix="wait for the other registration or promotion, then repeat the command",
                ) from None

    def _next_version(self, directory: Path) -> int:
        """Counts directories too: a registration killed before its history line used up its number."""
        on_disk = [as_version(entry.name) or 0 for entry in directory.iterdir()]
        return max([0, *on_disk, *pinned_manifests(self._history(directory)[1])]) + 1

    def _history(self, directory: Path) -> tuple[bytes, tuple[HistoryEntry, ...]]:
        """Never build on a damaged history: it is decoded, whoever appends. Raises: ModelRefused."""
        path = directory / HISTORY_FILE
        data = path.read_bytes() if path.exists() else b""
        return data, decode_history(data, str(path))

    def _append(self, directory: Path, decide: Deciding) -> HistoryEntry:
        before, entries = self._history(directory)
        entry = decide(entries)
        write_whole(directory / HISTORY_FILE, following(before, entry))
        return entry

    def _name_or_take_back(self, directory: Path, entry: HistoryEntry) -> None:
        """A version that the history does not name is in nobody's way, but its bytes are on the disk."""
        try:
            self._append(directory, lambda _entries: entry)
        except BaseException:
            with suppress(BatchScorerError):
                if entry.version not in pinned_manifests(self._history(directory)[1]):
                    shutil.rmtree(directory / str(entry.version), ignore_errors=True)
            raise
