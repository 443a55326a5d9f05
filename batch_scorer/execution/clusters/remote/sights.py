"""What driver and worker must see alike, and how each of them finds out. An object store is the same from
everywhere, but not everybody may write there.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from batch_scorer.core.errors import BatchScorerError, OutputUnwritable
from batch_scorer.core.stores import StoreOptions
from batch_scorer.stores.objects import store_at

_TAIL_BYTES = 64 << 10  # of Parquet the footer, which has the sizes and places of everything
_FORGOTTEN_S = 86_400.0  # a meeting place of a run that was killed


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFile:
    """A file that is there already. what: as `a file of the input`. tail_sha256: of its last 64 KiB."""

    what: str
    path: str
    n_bytes: int
    tail_sha256: str

    @classmethod
    def at(cls, what: str, path: str) -> KnownFile:
        """Raises: OSError."""
        n_bytes, tail_sha256 = _facts(path)
        return cls(what=what, path=path, n_bytes=n_bytes, tail_sha256=tail_sha256)

    def differs(self) -> str | None:
        """On a worker: why this is not what the driver sees."""
        try:
            found = _facts(self.path)
        except OSError as error:
            return f"{self.what} cannot be read: {self.path}: {error.strerror or error}"
        if found != (self.n_bytes, self.tail_sha256):
            return f"{self.what} has other bytes than here, so it is another disk: {self.path}"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingPlace:
    """A directory in which driver and workers leave each other a file. nonce: what is in them."""

    directory: str
    nonce: str

    @classmethod
    def below(cls, root: Path) -> MeetingPlace:
        """A new one. Raises: OutputUnwritable."""
        nonce = secrets.token_hex(16)
        directory = root / nonce
        try:
            directory.mkdir(parents=True)
            (directory / "driver").write_text(nonce)
        except OSError as error:
            raise OutputUnwritable(
                f"cannot leave a file for the workers: {error.strerror or error}",
                where=str(root),
                fix="make output.state writable",
            ) from None
        _sweep(root)
        return cls(directory=str(directory), nonce=nonce)

    def sign(self) -> tuple[str | None, str]:
        """On a worker. Returns: why it cannot (None when it can), and the name of the file it left."""
        name = f"worker-{secrets.token_hex(8)}"
        try:
            seen = Path(self.directory, "driver").read_text()
            Path(self.directory, name).write_text(self.nonce)
        except FileNotFoundError:
            return f"what the driver writes is not there, so it is another disk: {self._root}", name
        except OSError as error:
            return f"staging cannot be written: {self._root}: {error.strerror or error}", name
        if seen != self.nonce:
            return f"what the driver writes reads otherwise: {self._root}", name
        return None, name

    def misses(self, name: str) -> str | None:
        """On the driver: why what a worker left here is not seen."""
        try:
            seen = Path(self.directory, name).read_text()
        except OSError:
            seen = None
        if seen != self.nonce:
            return f"what it writes is not seen here, so it is another disk: {self._root}"
        return None

    def close(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)
        try:
            Path(self._root).rmdir()
        except OSError:
            return  # another run meets its workers there

    @property
    def _root(self) -> str:
        return str(Path(self.directory).parent)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateStore:
    """The state, where it is in an object store: workers stage there with credentials of their own."""

    url: str
    options: StoreOptions

    def refuses(self) -> str | None:
        """On a worker: why it cannot write there. Tried with an empty object, which is taken away again."""
        try:
            store, prefix = store_at(self.url, self.options)
            key = f"{prefix}/meetings/worker-{secrets.token_hex(8)}".lstrip("/")
            store.put(key, b"")
            with suppress(OSError):  # it needs no other right than to write
                store.delete(key)
        except OSError as error:
            return f"the state cannot be written: {self.url}: {error.strerror or error}"
        except BatchScorerError as error:
            return f"the state cannot be written: {self.url}: {error.what}"
        return None


def _facts(path: str) -> tuple[int, str]:
    with open(path, "rb") as file:
        n_bytes = os.fstat(file.fileno()).st_size
        file.seek(max(0, n_bytes - _TAIL_BYTES))
        return n_bytes, hashlib.sha256(file.read()).hexdigest()


def _sweep(root: Path) -> None:
    for each in root.iterdir():
        try:
            is_old = time.time() - each.stat().st_mtime > _FORGOTTEN_S
        except OSError:
            continue
        if is_old:
            shutil.rmtree(each, ignore_errors=True)
