"""A bucket: list, read, write, each by one request or few. The only place that talks to object stores.

What travels to workers is this value, its settings and never a connection; a process connects when it asks
for the first time. Errors are those of a file system where there is one (FileNotFoundError, PermissionError,
FileExistsError, ObjectChanged); a store that does not answer, or not in time, is StoreUnavailable.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from batch_scorer.core.errors import StoreUnavailable
from batch_scorer.core.stores import (
    Level,
    ObjectChanged,
    ObjectEntry,
    ObjectStamp,
    StoreOptions,
    parse_object_url,
)
from batch_scorer.stores.connecting import connect
from batch_scorer.stores.failures import asking

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta, PutMode

_PAGE = 1000  # keys that a store lists by one request
_PARTS_AT_ONCE = 4  # of 5 MB, of each long file that goes up
_BETWEEN_TRIES_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """Bytes of an object, and which version of it they are of."""

    data: bytes
    stamp: ObjectStamp


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectStore:
    """bucket: `s3://name`. Keys have no slash at their ends; a prefix ends where a part of a key does."""

    bucket: str
    options: StoreOptions = field(default_factory=StoreOptions)

    def pages(self, prefix: str, *, after: str | None = None) -> Iterator[tuple[ObjectEntry, ...]]:
        """All objects below a prefix, in the order of their keys' bytes: a request for each page of 1,000.

        after: begin behind this key.
        Raises: FileNotFoundError (no such bucket), PermissionError, StoreUnavailable.
        """
        began = time.monotonic()
        while True:
            try:
                for page in self._pages(prefix, after):
                    yield page
                    began, after = time.monotonic(), page[-1].key
            except StoreUnavailable:
                self._give_up_after(began)
            else:
                return

    def level(self, prefix: str) -> Level:
        """What lies directly below a prefix: a request for every 1,000 names. Raises: as pages."""
        began = time.monotonic()
        while True:
            try:
                return self._level(prefix)
            except StoreUnavailable:
                self._give_up_after(began)

    def head(self, key: str) -> ObjectStamp:
        """Raises: FileNotFoundError, PermissionError, StoreUnavailable."""
        with asking(self.url(key)):
            return _stamp(_client().head(self._connection, key))

    def get(self, key: str) -> Got:
        """A whole object. Raises: as head."""
        return self._get(key, {})

    def tail(self, key: str, n_bytes: int) -> Got:
        """The last n_bytes >= 1, or all there are of a shorter object: one request says what it is, too.

        Raises: as head.
        """
        try:
            return self._get(key, {"range": {"suffix": n_bytes}})
        except StoreUnavailable:
            # Of an empty object there is no last byte, and each store says so in its own way.
            stamp = self.head(key)
            if stamp.size:
                raise
            return Got(data=b"", stamp=stamp)

    def get_range(self, key: str, start: int, end: int, *, etag: str) -> bytes:
        """Bytes start … end - 1 of exactly one version. Raises: ObjectChanged, as head."""
        data = self._get(key, {"range": (start, end), "if_match": etag}).data
        if len(data) != end - start:
            raise StoreUnavailable(
                f"the object store sent {len(data):,} bytes where {end - start:,} were asked for",
                where=self.url(key),
                fix="run again; what is behind the endpoint does not keep to the protocol of S3",
            )
        return data

    def put(self, key: str, data: bytes | Path) -> str:
        """Write an object, whatever was there; a local file in several parts at once when it is long.

        Returns: its ETag, as the store answers it. Raises: PermissionError, StoreUnavailable.
        """
        return self._put(key, data, "overwrite")

    def put_new(self, key: str, data: bytes) -> None:
        """Write an object that must not be there yet; one that holds the same bytes is taken for ours.

        For a request that was carried out may look like one that failed, and is repeated: a claim must name
        its claimant. Raises: FileExistsError, PermissionError, StoreUnavailable (and then nobody knows).
        """
        try:
            self._put(key, data, "create")
        except FileExistsError:
            if not self._holds(key, data):
                raise
        except StoreUnavailable:
            if not self._surely_holds(key, data):
                raise

    def put_over(self, key: str, data: bytes, *, etag: str) -> None:
        """Write an object over exactly one version; when it holds these bytes afterwards, that was us.

        Raises: ObjectChanged (also when it is gone), PermissionError, StoreUnavailable (nobody knows).
        """
        try:
            self._put(key, data, {"e_tag": etag})
        except (ObjectChanged, FileNotFoundError):
            if not self._holds(key, data):
                raise ObjectChanged(self.url(key)) from None
        except StoreUnavailable:
            if not self._surely_holds(key, data):
                raise

    def copy(self, source: str, target: str) -> None:
        """By the store itself: no byte travels. Raises: as head."""
        with asking(self.url(source)):
            _client().copy(self._connection, source, target)

    def delete(self, *keys: str) -> None:
        """Those that are not there are not missed. Raises: PermissionError, StoreUnavailable."""
        if keys:
            with asking(self.url(keys[0])), suppress(FileNotFoundError):
                _client().delete(self._connection, list(keys))

    def url(self, key: str) -> str:
        """For people, and for those who connect by themselves."""
        return f"{self.bucket}/{key}"

    @property
    def _connection(self) -> Any:
        return connect(self.bucket, self.options)

    def _pages(self, prefix: str, after: str | None) -> Iterator[tuple[ObjectEntry, ...]]:
        with asking(self.url(prefix)):
            found = _client().list(self._connection, prefix or None, offset=after or None, chunk_size=_PAGE)
            for page in found:
                yield tuple(map(_entry, page))

    def _level(self, prefix: str) -> Level:
        with asking(self.url(prefix)):
            found = _client().list_with_delimiter(self._connection, prefix or None)
        return Level(
            objects=tuple(map(_entry, found["objects"])), prefixes=tuple(map(str, found["common_prefixes"]))
        )

    def _give_up_after(self, began: float) -> None:
        """The client repeats every request, but not a listing that broke off in the middle of its answer.

        Called while a StoreUnavailable is handled, which is raised again when its time is over.
        """
        if time.monotonic() - began >= self.options.retry_s:
            raise
        time.sleep(_BETWEEN_TRIES_S)

    def _get(self, key: str, options: GetOptions) -> Got:
        with asking(self.url(key)):
            answer = _client().get(self._connection, key, options=options)
            return Got(data=answer.bytes().to_bytes(), stamp=_stamp(answer.meta))

    def _put(self, key: str, data: bytes | Path, mode: PutMode) -> str:
        with asking(self.url(key)):
            found = _client().put(self._connection, key, data, mode=mode, max_concurrency=_PARTS_AT_ONCE)
            return str(found["e_tag"])

    def _holds(self, key: str, data: bytes) -> bool:
        try:
            return self.get(key).data == data
        except FileNotFoundError:
            return False

    def _surely_holds(self, key: str, data: bytes) -> bool:
        """The last look, after a write that seemed to fail."""
        try:
            return self._holds(key, data)
        except (StoreUnavailable, OSError):
            return False


def store_at(url: str, options: StoreOptions) -> tuple[ObjectStore, str]:
    """The bucket of an address, and the key in it. Raises: ConfigInvalid."""
    found = parse_object_url(url)
    return ObjectStore(bucket=found.bucket, options=options), found.key


def _client() -> ModuleType:
    """Imported where it is used: a night on local disks needs none."""
    import obstore

    return obstore


def _entry(found: ObjectMeta) -> ObjectEntry:
    return ObjectEntry(key=found["path"], stamp=_stamp(found))


def _stamp(found: ObjectMeta) -> ObjectStamp:
    if not found["e_tag"]:
        raise StoreUnavailable(
            "the object store gives no ETag: nothing could be told from what was there before",
            where=found["path"],
            fix="use a store that does",
        )
    return ObjectStamp(
        size=found["size"],
        etag=found["e_tag"],
        modified_ns=int(found["last_modified"].timestamp()) * 10**9,
        version=found["version"],
    )
