"""The seam between the lake and where its bytes are: local paths, and object stores by the same methods.

The declared root may be a symlink; below it nothing that is a symlink is followed, neither when listing nor
when opening. `pyarrow.fs` follows them and knows neither ctime nor inode: local paths use system calls.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import BinaryIO, ClassVar, Protocol, cast

from batch_scorer.core.errors import InputMoved
from batch_scorer.core.lakefiles import FileStamp, LakeFile
from batch_scorer.lake.storage.failures import as_input_error


class Kind(Enum):
    FILE = "file"
    DIRECTORY = "directory"
    LINK = "symlink"
    OTHER = "special file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One name in a directory. stamp: of files only; a listing knows it without asking again."""

    name: str
    kind: Kind
    stamp: FileStamp | None = None


class LakeStorage(Protocol):
    """Paths are relative to the root, with forward slashes; "" is the root itself. Errors are OSErrors.

    A store that does not answer is StoreUnavailable. at_once: how many files to ask for at the same time.
    """

    at_once: ClassVar[int]

    def list(self, root: str, directory: str) -> tuple[Entry, ...]:
        """What lies directly in a directory, in no particular order."""

    def list_each(self, root: str, directories: Sequence[str]) -> Iterator[tuple[Entry, ...] | OSError]:
        """The same of many, in their order; for one that cannot be listed, why."""

    def stamp(self, root: str, path: str) -> FileStamp:
        """What is at this path now."""

    def open(self, root: str, path: str) -> tuple[BinaryIO, FileStamp]:
        """A seekable file, and the stamp of exactly the file that was opened."""

    def will_need(self, file: BinaryIO, ranges: Iterable[tuple[int, int]]) -> None:
        """Told of an open file: which bytes (start, end) are read next, each range from its start on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStorage:
    """A local or mounted file system."""

    at_once: ClassVar[int] = 4

    def list(self, root: str, directory: str) -> tuple[Entry, ...]:
        with os.scandir(f"{root}/{directory}") as found:
            return tuple(_entries(found))

    def list_each(self, root: str, directories: Sequence[str]) -> Iterator[tuple[Entry, ...] | OSError]:
        for directory in directories:
            try:
                yield self.list(root, directory)
            except OSError as error:
                yield error

    def stamp(self, root: str, path: str) -> FileStamp:
        return _stamp(os.lstat(f"{root}/{path}"))

    def open(self, root: str, path: str) -> tuple[BinaryIO, FileStamp]:
        # Unbuffered: Parquet readers ask for whole column chunks and would only copy twice.
        file = cast("BinaryIO", os.fdopen(_open_beneath(root, path), "rb", buffering=0))
        return file, _stamp(os.fstat(file.fileno()))

    def will_need(self, file: BinaryIO, ranges: Iterable[tuple[int, int]]) -> None:
        """The kernel reads ahead by itself."""


def check_still(storage: LakeStorage, root: str, file: LakeFile) -> None:
    """The file is still the one that was planned. Raises: InputMoved."""
    try:
        check_unmoved(storage.stamp(root, file.path), file)
    except OSError as error:
        raise as_input_error(error, where=file.path) from error


def check_unmoved(now: FileStamp, file: LakeFile) -> None:
    """now: what the file is at this moment. Raises: InputMoved, when it is not what was planned."""
    if now != file.stamp:
        how = f"{file.stamp.size:,} bytes then, {now.size:,} bytes now"
        raise InputMoved(
            f"the file changed since the plan was made ({how})",
            where=file.path,
            fix="run again once its writer has finished; input.ready can wait for it",
        )


def _entries(found: Iterator[os.DirEntry[str]]) -> list[Entry]:
    entries = []
    for entry in found:
        try:
            entries.append(_entry(entry))
        except FileNotFoundError:
            continue  # renamed or removed while we listed: a writer's temporary file
    return entries


def _entry(entry: os.DirEntry[str]) -> Entry:
    """What most entries are is asked first."""
    if entry.is_file(follow_symlinks=False):
        return Entry(name=entry.name, kind=Kind.FILE, stamp=_stamp(entry.stat(follow_symlinks=False)))
    if entry.is_dir(follow_symlinks=False):
        return Entry(name=entry.name, kind=Kind.DIRECTORY)
    if entry.is_symlink():
        return Entry(name=entry.name, kind=Kind.LINK)
    return Entry(name=entry.name, kind=Kind.OTHER)


def _stamp(found: os.stat_result) -> FileStamp:
    return FileStamp(
        size=found.st_size, mtime_ns=found.st_mtime_ns, ctime_ns=found.st_ctime_ns, inode=found.st_ino
    )


# Non-blocking, or a FIFO named like a file would hang the worker for ever.
_BENEATH = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def _open_beneath(root: str, path: str) -> int:
    """Open component by component, each relative to the one before: a link swapped in anywhere is ELOOP."""
    *directories, name = path.split("/")
    at = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for directory in directories:
            below = os.open(directory, _BENEATH, dir_fd=at)
            os.close(at)
            at = below
        fd = os.open(name, _BENEATH, dir_fd=at)
    finally:
        os.close(at)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise FileNotFoundError(2, "not a regular file", path)
    return fd
