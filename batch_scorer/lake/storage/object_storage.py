"""A lake in an object store: directories are what keys have in common, and nothing is a link."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import BinaryIO, ClassVar, cast

from batch_scorer.core.lakefiles import FileStamp
from batch_scorer.core.stores import ObjectStamp, StoreOptions
from batch_scorer.lake.storage.ranged_file import TAIL_BYTES, Range, RangedFile
from batch_scorer.lake.storage.storage import Entry, Kind
from batch_scorer.stores.objects import ObjectStore, store_at

_FEW = 8  # directories: each is asked for by itself
_AT_ONCE = 8
_LEAST_TOGETHER = 500  # directories that one thread lists


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectStorage:
    """A directory exists while a key is below it; an empty object that only marks one is not seen."""

    options: StoreOptions
    at_once: ClassVar[int] = 16

    def list(self, root: str, directory: str) -> tuple[Entry, ...]:
        store, base = store_at(root, self.options)
        return _entries(store, _joined(base, directory))

    def list_each(self, root: str, directories: Sequence[str]) -> Iterator[tuple[Entry, ...] | OSError]:
        """A few by a request each; many by one listing of all that is between the first and the last.

        Where most of what lies between is not wanted, the listing goes on at the next that is.
        """
        if len(directories) <= _FEW:
            return self._one_by_one(root, directories)
        return self._together(root, directories)

    def stamp(self, root: str, path: str) -> FileStamp:
        store, base = store_at(root, self.options)
        return _stamp(store.head(_joined(base, path)))

    def open(self, root: str, path: str) -> tuple[BinaryIO, FileStamp]:
        """One request: the end of the object, where the footer is, says which version it is, too."""
        store, base = store_at(root, self.options)
        key = _joined(base, path)
        tail = store.tail(key, TAIL_BYTES)
        file = RangedFile(store, key, tail.stamp, tail.data)
        return cast("BinaryIO", file), _stamp(tail.stamp)

    def will_need(self, file: BinaryIO, ranges: Iterable[tuple[int, int]]) -> None:
        cast("RangedFile", file).will_need(Range(start, end) for start, end in ranges)

    def _one_by_one(self, root: str, directories: Sequence[str]) -> Iterator[tuple[Entry, ...] | OSError]:
        store, base = store_at(root, self.options)
        with ThreadPoolExecutor(_FEW) as pool:
            yield from pool.map(lambda each: _alone(store, _joined(base, each)), directories)

    def _together(self, root: str, directories: Sequence[str]) -> Iterator[tuple[Entry, ...] | OSError]:
        store, base = store_at(root, self.options)
        prefixes = [_joined(base, directory) for directory in directories]
        ordered = sorted(prefixes, key=_place)
        size = max(_LEAST_TOGETHER, -(-len(ordered) // _AT_ONCE))
        shares = [ordered[start : start + size] for start in range(0, len(ordered), size)]
        found: dict[str, tuple[Entry, ...] | OSError] = {}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for share in pool.map(lambda share: _listed_or_why_not(store, base, share), shares):
                found.update(share)
        for prefix in prefixes:
            yield found.get(prefix) or _nothing_at(store, prefix)


def _entries(store: ObjectStore, prefix: str) -> tuple[Entry, ...]:
    """Directly below a prefix. Raises: FileNotFoundError, when nothing is; OSError, StoreUnavailable."""
    level = store.level(prefix)
    directories = {each.rpartition("/")[2] for each in level.prefixes}
    files = [
        _file(each.key, each.stamp)
        for each in level.objects
        if each.key != prefix and not _is_mark(each.key, each.stamp, directories)
    ]
    if not files and not directories:
        raise _nothing_at(store, prefix)
    return (*files, *(Entry(name=name, kind=Kind.DIRECTORY) for name in directories))


def _listed_or_why_not(
    store: ObjectStore, base: str, wanted: Sequence[str]
) -> dict[str, tuple[Entry, ...] | OSError]:
    """As _listed. Where one key, or the place above all of them, spoils the listing, each by a request."""
    try:
        return dict(_listed(store, base, wanted))
    except OSError:
        return {prefix: _alone(store, prefix) for prefix in wanted}


def _alone(store: ObjectStore, prefix: str) -> tuple[Entry, ...] | OSError:
    try:
        return _entries(store, prefix)
    except OSError as error:
        return error


def _listed(store: ObjectStore, base: str, wanted: Sequence[str]) -> dict[str, tuple[Entry, ...]]:
    """wanted: prefixes, in the order in which their keys are listed. What has no key is left out."""
    found: dict[str, dict[str, Entry]] = {prefix: {} for prefix in wanted}
    at = 0
    while at < len(wanted):
        at = _take_pages(store, base, wanted, at, found)
    return {prefix: tuple(entries.values()) for prefix, entries in found.items() if entries}


def _take_pages(
    store: ObjectStore, base: str, wanted: Sequence[str], at: int, found: dict[str, dict[str, Entry]]
) -> int:
    """From wanted[at] on. Returns: where to go on, because a page held nothing that is wanted."""
    began = at
    for page in store.pages(base, after=wanted[at]):
        n_taken = sum(_take(each.key, each.stamp, base, found) for each in page)
        last = page[-1].key.encode()
        while at < len(wanted) and _is_behind(last, wanted[at]):
            at += 1
        if at == len(wanted) or (at > began and not n_taken):
            return at
    return len(wanted)


def _take(key: str, stamp: ObjectStamp, base: str, found: dict[str, dict[str, Entry]]) -> bool:
    """Is the key below one that is wanted? Then it is a file there, or lies in a directory there."""
    above, _, name = key.rpartition("/")
    is_file = True
    while above not in found:
        if len(above) <= len(base):
            return False
        above, _, name = above.rpartition("/")
        is_file = False
    if not is_file:
        found[above][name] = Entry(name=name, kind=Kind.DIRECTORY)
    elif not _is_mark(key, stamp, found[above]):
        found[above].setdefault(name, _file(key, stamp))
    return True


def _is_behind(key: bytes, prefix: str) -> bool:
    """Is everything below the prefix listed, when the listing has come to this key?"""
    place = _place(prefix)
    return key > place and not key.startswith(place)


def _place(prefix: str) -> bytes:
    return f"{prefix}/".encode()


def _is_mark(key: str, stamp: ObjectStamp, directories: Iterable[str]) -> bool:
    """`day=1/`, an empty object that consoles make so that a folder is seen."""
    return not stamp.size and key.rpartition("/")[2] in directories


def _joined(base: str, path: str) -> str:
    return f"{base}/{path}".strip("/")


def _file(key: str, stamp: ObjectStamp) -> Entry:
    return Entry(name=key.rpartition("/")[2], kind=Kind.FILE, stamp=_stamp(stamp))


def _stamp(found: ObjectStamp) -> FileStamp:
    return FileStamp(size=found.size, mtime_ns=found.modified_ns, ctime_ns=0, inode=0, etag=found.etag)


def _nothing_at(store: ObjectStore, prefix: str) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, "no object is below it", store.url(prefix))
