"""A file that Arrow writes to, hashed on its way."""

from __future__ import annotations

import hashlib
from typing import BinaryIO


class HashedFile:
    """Takes the sha256 as bytes pass; a file for Arrow to write to.

    file: open for writing. Whoever opened it flushes, syncs and closes it.
    """

    closed = False  # Arrow asks

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._n_bytes = 0
        self._is_discarded = False

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def write(self, data: bytes | memoryview) -> int:
        n_bytes = memoryview(data).nbytes
        if not self._is_discarded:
            self._digest.update(data)
            self._file.write(data)
        self._n_bytes += n_bytes
        return n_bytes

    def tell(self) -> int:
        return self._n_bytes

    def discard(self) -> None:
        """From now on bytes go nowhere: what Arrow writes when it closes may find a full disk."""
        self._is_discarded = True

    def flush(self) -> None:
        """Arrow's wish; once is enough."""

    def close(self) -> None:
        """Arrow's wish; it is not the last that writes."""
