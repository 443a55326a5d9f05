"""Long files of the state in an object store: see `state_files`. Copies are made by the store itself."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from batch_scorer.lake.storage.fetching import fetch
from batch_scorer.lake.storage.object_storage import ObjectStorage
from batch_scorer.lake.storage.stored_files import StoredFiles
from batch_scorer.lake.storage.uploading import at_once
from batch_scorer.stores.objects import ObjectStore


@dataclass(frozen=True, slots=True)
class StateInStore:
    """See StateFiles. prefix: where the root is in the store, without a slash at its ends.

    Whoever writes into a directory that was removed, or goes on with one that another took over, leaves
    objects under names of its own: nobody counts them, and they go with the next `remove`.
    """

    store: ObjectStore
    prefix: str

    @property
    def is_remote(self) -> bool:
        return True

    def at(self, path: str) -> str:
        return self.store.url(self._key(path))

    def below(self, directory: str) -> StoredFiles:
        return StoredFiles(ObjectStorage(options=self.store.options), self.at(directory))

    def directories(self, above: str, depth: int) -> Iterator[str]:
        top, seen = self._key(above), dict[str, None]()
        for page in self.store.pages(top):
            for each in page:
                *found, _name = each.key.removeprefix(f"{top}/").split("/")
                if len(found) >= depth:
                    seen["/".join(found[:depth])] = None
        yield from sorted(seen)

    def make(self, directory: str) -> None:
        """It is there once something is in it."""

    def rename(self, directory: str, name: str) -> None:
        raise NotImplementedError("nothing in a store can be renamed")

    def link(self, source: str, names: Sequence[str], target: str) -> None:
        self._copy(self._key(source), names, self._key(target))

    def send(self, source: str, names: Sequence[str], store: ObjectStore, prefix: str) -> None:
        if store.bucket == self.store.bucket:
            self._copy(self._key(source), names, prefix)
        else:
            _through_us(self.store, self._key(source), names, store, prefix)

    def mark(self, path: str) -> None:
        self.store.put(self._key(path), b"")

    def remove(self, directory: str, *, but: str | None = None) -> int:
        top, n_bytes = self._key(directory), 0
        kept = None if but is None else f"{top}/{but}/"
        for page in self.store.pages(top):
            gone = [each for each in page if kept is None or not each.key.startswith(kept)]
            self.store.delete(*(each.key for each in gone))
            n_bytes += sum(each.stamp.size for each in gone if "/" not in each.key.removeprefix(f"{top}/"))
        return n_bytes

    def remove_files(self, directory: str, names: Sequence[str]) -> None:
        self.store.delete(*(f"{self._key(directory)}/{name}" for name in names))

    def _copy(self, source: str, names: Sequence[str], target: str) -> None:
        at_once([partial(self.store.copy, f"{source}/{name}", f"{target}/{name}") for name in names])

    def _key(self, path: str) -> str:
        return f"{self.prefix}/{path}".strip("/")


def _through_us(
    source: ObjectStore, above: str, names: Sequence[str], target: ObjectStore, prefix: str
) -> None:
    """From one bucket to another: no store copies from where its credentials may not reach."""
    files = StoredFiles(ObjectStorage(options=source.options), source.url(above))
    for name in names:
        with tempfile.TemporaryDirectory(prefix="batch-scorer-") as here:
            target.put(f"{prefix}/{name}", fetch(files, name, Path(here)))
