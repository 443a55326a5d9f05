"""An object as a file: Arrow seeks and reads, and few requests fetch just what it was said to need."""

from __future__ import annotations

import io
import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from batch_scorer.core.stores import ObjectStamp
from batch_scorer.stores.objects import ObjectStore

TAIL_BYTES = 64 << 10  # holds the footer of most files, so that one request opens them
GAP_BYTES = 256 << 10  # bytes nobody needs that cost less than another request
PIECE_BYTES = 8 << 20  # of one request
HELD_BYTES = 32 << 20  # fetched at once and held; what needs more is fetched as it is read
_AT_ONCE = 4


class Range(NamedTuple):
    """Bytes start … end - 1."""

    start: int
    end: int


@dataclass(slots=True)
class _Piece:
    range: Range
    data: bytes | None = None


class RangedFile(io.RawIOBase):
    """Read-only, of exactly one version of an object: once another is there, reading is ObjectChanged.

    tail: the last bytes of it, which came with the answer that said which version it is.
    Raises, when read: ObjectChanged, FileNotFoundError, PermissionError, StoreUnavailable.
    """

    def __init__(self, store: ObjectStore, key: str, stamp: ObjectStamp, tail: bytes) -> None:
        super().__init__()
        self._store, self._key, self._stamp = store, key, stamp
        self._tail = _Piece(Range(stamp.size - len(tail), stamp.size), tail)
        self._pieces: list[_Piece] = []
        self._holds_all = True
        self._at = 0

    def will_need(self, ranges: Iterable[Range]) -> None:
        """What is read next, and that nothing else of what was fetched before is.

        Fetched here, several at once, when it is little; else piece by piece when it is read, each given up
        at its end: then every range is taken to be read from its start to its end.
        """
        before = self._tail.range.start
        needed = [Range(each.start, min(each.end, before)) for each in sorted(ranges) if each.start < before]
        merged = merge(needed, GAP_BYTES)
        self._holds_all = sum(each.end - each.start for each in merged) <= HELD_BYTES
        if self._holds_all:
            self._pieces = [_Piece(each) for each in _cut(merged, PIECE_BYTES)]
            self._fetch_all()
        else:
            self._pieces = [_Piece(each) for each in _cut(needed, max(1 << 20, HELD_BYTES // len(needed)))]

    def read(self, size: int = -1, /) -> bytes:
        end = self._stamp.size if size is None or size < 0 else min(self._at + size, self._stamp.size)
        data = self._bytes(self._at, end) if end > self._at else b""
        self._at += len(data)
        return data

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        return self.read()

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._stamp.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._pieces = []
        super().close()

    def _bytes(self, start: int, end: int) -> bytes:
        """From what is there, piece after piece; what nobody spoke of by a request of its own."""
        found: list[bytes] = []
        while start < end:
            piece = self._piece_at(start)
            if piece is None:
                until = min([end, *(each.range.start for each in self._after(start))])
                found.append(self._ask(Range(start, until)))
            else:
                until = min(end, piece.range.end)
                found.append(self._of(piece)[start - piece.range.start : until - piece.range.start])
                if until == piece.range.end and not self._holds_all and piece is not self._tail:
                    piece.data = None
            start = until
        return found[0] if len(found) == 1 else b"".join(found)

    def _piece_at(self, start: int) -> _Piece | None:
        if start >= self._tail.range.start:
            return self._tail
        place = bisect_right(self._pieces, start, key=lambda piece: piece.range.start) - 1
        if place >= 0 and start < self._pieces[place].range.end:
            return self._pieces[place]
        return None

    def _after(self, start: int) -> Iterator[_Piece]:
        place = bisect_right(self._pieces, start, key=lambda piece: piece.range.start)
        yield from self._pieces[place : place + 1]
        yield self._tail

    def _of(self, piece: _Piece) -> bytes:
        if piece.data is None:
            piece.data = self._ask(piece.range)
        return piece.data

    def _fetch_all(self) -> None:
        if len(self._pieces) < 2:
            for piece in self._pieces:
                self._of(piece)
            return
        with ThreadPoolExecutor(min(_AT_ONCE, len(self._pieces))) as pool:
            for _ in pool.map(self._of, self._pieces):
                pass

    def _ask(self, wanted: Range) -> bytes:
        return self._store.get_range(self._key, wanted.start, wanted.end, etag=self._stamp.etag)


def merge(ranges: Sequence[Range], gap: int) -> list[Range]:
    """Sorted ranges, those together that overlap or are at most `gap` bytes apart."""
    merged: list[Range] = []
    for each in ranges:
        if merged and each.start - merged[-1].end <= gap:
            merged[-1] = Range(merged[-1].start, max(merged[-1].end, each.end))
        else:
            merged.append(each)
    return merged


def _cut(ranges: Iterable[Range], at_most: int) -> Iterator[Range]:
    for each in merge(list(ranges), -1):
        edges = [*range(each.start, each.end, at_most), each.end]
        yield from (Range(start, end) for start, end in pairwise(edges))
