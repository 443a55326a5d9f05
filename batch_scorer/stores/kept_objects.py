"""Small files that are written once and then stay, in an object store. See core/kept_files.py."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from batch_scorer.core.durable import NewNames, writing
from batch_scorer.core.errors import StoreUnavailable
from batch_scorer.stores.objects import ObjectStore

_WAITING = re.compile(r"\..+\.[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptInStore:
    """prefix: where the root is in the store. What a store has taken it keeps: no name is to be synced."""

    store: ObjectStore
    prefix: str

    @property
    def is_remote(self) -> bool:
        return True

    def at(self, path: str) -> str:
        return self.store.url(self._key(path))

    def read(self, path: str) -> bytes:
        return self.store.get(self._key(path)).data

    def write(self, path: str, content: bytes, names: NewNames) -> None:  # noqa: ARG002 (a disk's)
        """Repeating it does no harm, so a name must belong to one run or attempt: no other writes it."""
        with writing(self.at(path)):
            self.store.put(self._key(path), content)

    def waiting(self, staged: str, path: str, sha256: str) -> str:  # noqa: ARG002 (a disk's)
        """Beside its place and hidden: whoever finishes the work of a dead machine finds it by its hash."""
        directory, _, name = path.rpartition("/")
        return f"{directory}/.{name}.{sha256}"

    def put_in_place(self, waiting: str, path: str, names: NewNames) -> None:  # noqa: ARG002 (a disk's)
        """A name that holds these very bytes is not taken: the answer to our own request got lost.

        Nothing keeps a writer away who comes late, or whose request does: the name decides, and who comes
        second is refused. So a name that somebody may still want is not to be used for other bytes.
        """
        self.store.put_new(self._key(path), self.read(waiting))
        with suppress(OSError, StoreUnavailable):  # it is hidden, and small
            self.store.delete(self._key(waiting))

    def remove(self, path: str) -> None:
        self.store.delete(self._key(path))

    def names(self, directory: str) -> tuple[str, ...]:
        prefix = self._key(directory)
        with self._listing(directory):
            level = self.store.level(prefix)
        names = [each.key.rpartition("/")[2] for each in level.objects if each.key != prefix]
        return tuple(name for name in names if not name.startswith("."))

    def left_waiting(self, above: str) -> Mapping[str, datetime]:
        top = self._key(above)
        with self._listing(above):
            return {
                f"{above}/{each.key.removeprefix(f'{top}/')}": datetime.fromtimestamp(
                    each.stamp.modified_ns / 1e9, UTC
                )
                for page in self.store.pages(top)
                for each in page
                if _WAITING.fullmatch(each.key.rpartition("/")[2])
            }

    def directories(self, above: str) -> Iterator[str]:
        """As they are listed, a page at a time: who needs to know only whether there is one asks once."""
        top, seen = self._key(above), set()
        with self._listing(above):
            for page in self.store.pages(top):
                for each in page:
                    directory, _, name = each.key.removeprefix(f"{top}/").rpartition("/")
                    if directory and directory not in seen and name and not name.startswith("."):
                        seen.add(directory)
                        yield directory

    def _key(self, path: str) -> str:
        return f"{self.prefix}/{path}".strip("/")

    @contextmanager
    def _listing(self, directory: str) -> Iterator[None]:
        """A prefix that is not there lists as nothing; a bucket that is not there must not."""
        try:
            yield
        except FileNotFoundError as error:
            raise StoreUnavailable(
                f"the state cannot be listed: {error.strerror}",
                where=self.at(directory),
                fix="correct the address in output.state, or make the bucket",
            ) from None
