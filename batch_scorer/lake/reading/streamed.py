"""A file as Parquet's reader should see it: a column's pages stream through one buffer that does not grow.

Before each page the reader peeks 16 KiB ahead for the page's header. Where its buffer has less left, it
makes the buffer longer instead of emptying it: of a column with small pages (few distinct values) it keeps
every byte until the row group ends, and comes for it in small pieces. Here such a peek is told that there is
no more for now: the header is in what the buffer has left, or the reader asks for twice as much and gets it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import BinaryIO

_PEEK_BYTES = 1 << 14
# Where columns of old writers end is not known better than this; the reader asks for so much more.
_PADDING_BYTES = 100


class Streamed:
    """Reads of `file`, in one thread. stream: which ranges (start, end) of it are columns to be read next."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._columns: list[tuple[int, int]] = []
        self.closed = False

    def stream(self, columns: Iterable[tuple[int, int]]) -> None:
        self._columns = sorted(columns)

    def read(self, n_bytes: int = -1) -> bytes:
        return b"" if self._is_peek(n_bytes) else self._file.read(n_bytes)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        """Arrow's wish; who opened the file closes it."""

    def _is_peek(self, n_bytes: int) -> bool:
        """Anything else that is so short is the end of a column."""
        if not 0 < n_bytes < _PEEK_BYTES:
            return False
        at = self._file.tell()
        # The column that begins last before here: there may be thousands, where row groups are tiny.
        before = bisect_left(self._columns, (at,)) - 1
        end = self._columns[before][1] if before >= 0 else at
        return at < end and not end <= at + n_bytes <= end + _PADDING_BYTES
