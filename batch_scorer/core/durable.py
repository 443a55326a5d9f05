"""The one way small files and directories are written: whole or not at all, after a power cut too.

Standard library only: manifests, suite results, registry and scaffold all write through here, so that
a full disk is told in the same words everywhere.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from batch_scorer.core.errors import DiskFull, OutputError, OutputUnwritable

_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
# Of a directory that others let us pass through, or of a file system that has no such thing.
_NOT_OURS = frozenset({errno.EACCES, errno.EPERM, errno.EINVAL, errno.ENOTSUP, errno.EROFS})
# Directories that others are in, by inode, whose names this process knows to last, and all those above. One
# that is forgotten costs an fsync.
_lasting: dict[str, int] = {}
_MOST_LASTING = 10_000


def write_whole(path: Path, content: bytes) -> None:
    """Write a file durably, its directories made; a reader sees the old content or the new one.

    Raises: DiskFull, OutputUnwritable.
    """
    write_pieces(path, (content,))


def write_pieces(path: Path, pieces: Iterable[bytes]) -> None:
    """The same for what is too long to be in memory at once. Raises: also what making a piece raises."""
    with writing(path):
        make_directories(path.parent)
    _replace(path, pieces)


def write_beside(path: Path, content: bytes, *, mode: int | None = None) -> None:
    """The same into a directory that must exist. mode: None: as the umask has it.

    Raises: DiskFull, OutputUnwritable.
    """
    _replace(path, (content,), mode)


def write_named_later(path: Path, content: bytes, names: NewNames, *, below: Path | None = None) -> None:
    """The same as `write_whole`, but a power cut may take the name away until `names` are synced.

    below: as of `NewNames.make_directories`. Raises: DiskFull, OutputUnwritable.
    """
    with writing(path):
        names.make_directories(path.parent, below=below)
    _put(path, (content,))
    names.add(path.parent)


def write_unsynced(path: Path, content: bytes) -> None:
    """Into a directory that must exist. Other processes see it whole or not at all; a power cut may leave
    nothing, or anything, under its name, so who reads it must be able to tell, and to do without.

    Raises: DiskFull, OutputUnwritable.
    """
    with writing(path):
        beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
        try:
            beside.write_bytes(content)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


def write_new(path: Path, content: bytes) -> None:
    """Write a file that must not exist yet, and fsync it. Raises: OSError."""
    _write_new(path, (content,))


def move_without_replacing(source: Path, target: Path) -> None:
    """Give a file another name, which must be free. Raises: FileExistsError, OSError."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        source.rename(target)
    else:
        source.unlink()


def second_name(source: Path, target: Path) -> None:
    """Give a file a second name, or a durable copy where there are no hard links; a name that is there
    already is taken for it. Raises: FileNotFoundError, OSError.
    """
    try:
        os.link(source, target)
    except FileExistsError:
        return  # of a try that was broken off, and goes on
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        beside = target.with_name(f".{target.name}")
        shutil.copyfile(source, beside)
        with beside.open("rb") as copied:
            os.fsync(copied.fileno())
        beside.rename(target)


def make_directories(path: Path, *, below: Path | None = None) -> None:
    """Create a directory and its parents, each new name fsynced into its parent.

    below: of this directory of ours, and of what is there below it, a process that was killed, or whose disk
    refused it, may have made each name and never synced it: so it is, by each process once, where it may be.
    Raises: OSError; none is left then, which the next try would find, and take for one that lasts.
    """
    made: list[Path] = []
    try:
        unsure = _unsure(path, below)
        for directory, is_new in unsure:
            if is_new:
                directory.mkdir(exist_ok=True)
                made.append(directory)
            _sync_names(directory.parent, must=is_new)
        _remember(directory for directory, _ in unsure)
    except OSError:
        for directory in reversed(made):
            with suppress(OSError):  # somebody else has begun to fill it
                directory.rmdir()
        raise


class NewNames:
    """Directories that got new names, which a power cut may take away until `sync`: one fsync for each
    directory, however many of the names are in it.
    """

    def __init__(self) -> None:
        self._directories: dict[Path, bool] = {}  # whether what it has is new for certain
        self._above: set[Path] = set()  # the last ones

    def add(self, directory: Path) -> None:
        self._directories[directory] = True

    def make_directories(self, path: Path, *, below: Path | None = None) -> None:
        """Create a directory and its parents. below: as of the function of this name; `path` itself is synced
        each time, as there are as many of it as of partitions. Raises: OSError.
        """
        for directory, is_new in _unsure(path, below):
            if is_new:
                directory.mkdir(exist_ok=True)
                self.add(directory.parent)
            else:
                self._directories.setdefault(directory.parent, False)
            if directory != path:
                self._above.add(directory)

    def sync(self) -> None:
        """From now on they last. Raises: DiskFull, OutputUnwritable."""
        while self._directories:
            directory = next(reversed(self._directories))
            with writing(directory):
                _sync_names(directory, must=self._directories[directory])
            del self._directories[directory]
        _remember(self._above)
        self._above.clear()


def remove_empty(directory: Path, *, below: Path) -> None:
    """A directory and those above it, up to `below`, as far as nothing is in them."""
    while directory not in (below, below.parent):
        try:
            directory.rmdir()
        except OSError:
            return
        directory = directory.parent


def fsync_directory(path: Path) -> None:
    """Make the names in a directory survive a power cut. Raises: OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_names(path: Path, *, must: bool) -> None:
    """must: something in it is new. Of what was found there nobody knows, and the one it lies in, above all
    that is ours, may be closed to us. Raises: OSError.
    """
    try:
        fsync_directory(path)
    except OSError as error:
        if must or error.errno not in _NOT_OURS:
            raise


@contextmanager
def writing(where: Path | str) -> Iterator[None]:
    """What the system refuses while we write, in our words. Raises: DiskFull, OutputUnwritable."""
    try:
        yield
    except OSError as error:
        raise as_output_error(error, where) from error


def as_output_error(error: OSError, where: Path | str) -> OutputError:
    """What an operating system's refusal to write means to the person who reads it."""
    if error.errno in _FULL:
        return DiskFull(
            "no space left on the device" if error.errno == errno.ENOSPC else "disk quota exceeded",
            where=str(where),
            fix="free some space, then repeat the command: what was there before is untouched",
        )
    return OutputUnwritable(
        f"cannot write: {error.strerror or error}",
        where=str(where),
        fix="check the owner, the permissions and the mount; what was there before is untouched",
    )


def _unsure(path: Path, below: Path | None) -> list[tuple[Path, bool]]:
    """A directory and those above it whose names may not last, outermost first, and whether each has yet to
    be made. below: of what is there, it and what is below it only.
    """
    found: list[tuple[Path, bool]] = []
    is_ours = below is not None and (path == below or below in path.parents)
    while True:
        inode = _inode(path)
        if inode is not None and (not is_ours or _lasting.get(str(path)) == inode):
            return found[::-1]
        found.append((path, inode is None))
        is_ours = is_ours and path != below
        path = path.parent


def _inode(path: Path) -> int | None:
    """None: it is not there."""
    try:
        return path.stat().st_ino
    except (FileNotFoundError, NotADirectoryError):
        return None


def _remember(lasting: Iterable[Path]) -> None:
    for directory in lasting:
        inode = _inode(directory)
        if len(_lasting) >= _MOST_LASTING:
            _lasting.clear()
        if inode is not None:
            _lasting[str(directory)] = inode


def _replace(path: Path, pieces: Iterable[bytes], mode: int | None = None) -> None:
    _put(path, pieces, mode)
    with writing(path):
        fsync_directory(path.parent)


def _put(path: Path, pieces: Iterable[bytes], mode: int | None = None) -> None:
    """Its content is durable then, its name is not yet."""
    with writing(path):
        if path.exists() and not path.is_file():  # a device such as /dev/null would be gone afterwards
            raise OSError(errno.EINVAL, "it is there, and no plain file")
        # Hidden: no reader of a lake takes a half-written file for data.
        beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
        try:
            _write_new(beside, pieces, mode)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


def _write_new(path: Path, pieces: Iterable[bytes], mode: int | None = None) -> None:
    with path.open("xb") as file:
        if mode is not None:
            os.fchmod(file.fileno(), mode)
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())
