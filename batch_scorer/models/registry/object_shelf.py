"""A registry's files in an object store: nothing is ever overwritten but the history, and that only by who
has seen what it says. So two writers never lose an entry, and no lock can be left behind.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial

from batch_scorer.core.errors import ConfigInvalid, LockHeld, StoreUnavailable
from batch_scorer.core.models import ModelManifest
from batch_scorer.core.stores import ObjectChanged, ObjectUrl, StoreOptions
from batch_scorer.models.registry.history import HistoryEntry, decode_history, following, pinned_manifests
from batch_scorer.models.registry.manifests import MANIFEST_FILE
from batch_scorer.models.registry.names import as_version
from batch_scorer.models.registry.shelf import HISTORY_FILE, Deciding, Numbered
from batch_scorer.stores.objects import ObjectStore

_MOST_TRIES = 30
_LONGEST_WAIT_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectShelf:
    root: ObjectUrl
    stores: StoreOptions

    def read(self, path: str) -> bytes:
        with self._told(path):
            return self._store.get(self._key(path)).data

    def names(self, directory: str) -> tuple[str, ...]:
        prefix = self._key(directory)
        with self._told(directory), suppress(FileNotFoundError):
            level = self._store.level(prefix)
            keys = [*level.prefixes, *(each.key for each in level.objects if each.key != prefix)]
            return tuple(sorted({key.rpartition("/")[2] for key in keys}))
        return ()

    def append(self, name: str, decide: Deciding) -> HistoryEntry:
        path = f"{name}/{HISTORY_FILE}"
        for _ in range(_MOST_TRIES):
            before, etag = self._history(path)
            entry = decide(decode_history(before, str(self.root / path)))
            if self._replaced(path, following(before, entry), etag):
                return entry
            time.sleep(random.uniform(0, _LONGEST_WAIT_S))  # noqa: S311 (so that two do not meet again)
        raise LockHeld(
            f'others were faster {_MOST_TRIES} times at writing to the model "{name}"',
            where=str(self.root / path),
            fix="wait for the other registrations and promotions, then repeat the command",
        )

    def add(self, name: str, numbered: Numbered) -> ModelManifest:
        """The number is claimed by the manifest, which nobody can write twice; the history names it last.

        What a registration leaves that was cut off before that is in nobody's way, and its number is used up.
        """
        number = self._highest(name)
        while True:
            number += 1
            manifest, files, entry = numbered(number)
            with suppress(FileExistsError):
                self._store_version(f"{name}/{number}", files)
                self.append(name, partial(_unless_taken, entry))
                return manifest

    @contextmanager
    def importing(self) -> Iterator[None]:
        raise ConfigInvalid(
            "models of MLflow cannot be mirrored into an object store",
            where=str(self.root),
            fix="let registry: be mlflow: and its tracking URI; the mirror is then below the project",
        )
        yield

    def _store_version(self, directory: str, files: Mapping[str, bytes]) -> None:
        """Raises: FileExistsError, when somebody has the number; StoreUnavailable."""
        with self._writing(directory):
            self._store.put_new(self._key(f"{directory}/{MANIFEST_FILE}"), files[MANIFEST_FILE])
            for name, data in files.items():
                self._store.put_new(self._key(f"{directory}/{name}"), data)

    def _highest(self, name: str) -> int:
        """Counts what lies there too: a registration cut off before its history line used up its number."""
        before, _ = self._history(f"{name}/{HISTORY_FILE}")
        recorded = pinned_manifests(decode_history(before, str(self.root / name)))
        return max([0, *(as_version(each) or 0 for each in self.names(name)), *recorded])

    def _history(self, path: str) -> tuple[bytes, str | None]:
        """(what it says, the ETag of that); (nothing, None) before there is one."""
        with self._told(path):
            try:
                got = self._store.get(self._key(path))
            except FileNotFoundError:
                return b"", None
        return got.data, got.stamp.etag

    def _replaced(self, path: str, data: bytes, etag: str | None) -> bool:
        """False: somebody was faster, and what was decided was decided on an old history."""
        key = self._key(path)
        with self._writing(path):
            try:
                if etag is None:
                    self._store.put_new(key, data)
                else:
                    self._store.put_over(key, data, etag=etag)
            except (FileExistsError, ObjectChanged):
                # Ours may be in it all the same, with more behind it: the answer to our request got lost.
                return self._history(path)[0].startswith(data)
        return True

    @property
    def _store(self) -> ObjectStore:
        return ObjectStore(bucket=self.root.bucket, options=self.stores)

    def _key(self, path: str) -> str:
        return (self.root / path).key

    @contextmanager
    def _writing(self, path: str) -> Iterator[None]:
        """Raises: StoreUnavailable, also when the bucket itself is not there."""
        try:
            with self._told(path):
                yield
        except FileNotFoundError as error:
            raise StoreUnavailable(
                f"the model registry cannot be written: {error.strerror}",
                where=str(self.root / path),
                fix="correct the address of the registry, or make the bucket",
            ) from None

    @contextmanager
    def _told(self, path: str) -> Iterator[None]:
        """What is no answer about a file. Raises: StoreUnavailable."""
        try:
            yield
        except (FileNotFoundError, FileExistsError, ObjectChanged):
            raise
        except OSError as error:
            raise StoreUnavailable(
                f"the model registry cannot be reached: {error.strerror or error}",
                where=str(self.root / path),
                fix="let these credentials list, read and write there",
            ) from error


def _unless_taken(entry: HistoryEntry, entries: tuple[HistoryEntry, ...]) -> HistoryEntry:
    """Raises: FileExistsError, when a twin of this registration, equal to the last byte, has the number."""
    if entry.version in pinned_manifests(entries):
        raise FileExistsError(entry.version)
    return entry
