"""How a file of the registry is read: a plain file in a plain directory, or not at all."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from batch_scorer.core.errors import ModelRefused, StoreUnavailable


@contextmanager
def open_plain(path: Path) -> Iterator[BufferedReader]:
    """A file that is no link, no pipe and no device, in a directory that is no link.

    Raises: ModelRefused, FileNotFoundError, StoreUnavailable.
    """
    no_link(path.parent)
    with told_when_unreadable(path):
        # Not a look first and an open afterwards: who could swap the file in between would be followed.
        file = open(_descriptor(path), "rb")  # noqa: SIM115 (closed below, after what the caller raises)
    with file, told_when_unreadable(path):
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise refused("it is no plain file", path)
        yield file


def read_plain(path: Path) -> bytes:
    """Raises: as open_plain."""
    with open_plain(path) as file:
        return file.read()


def no_link(path: Path) -> Path:
    """Raises: ModelRefused."""
    if path.is_symlink():
        raise refused("a symlink in the model registry is not followed", path)
    return path


@contextmanager
def told_when_unreadable(path: Path) -> Iterator[None]:
    """Raises: StoreUnavailable."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreUnavailable(
            f"the model registry cannot be read: {error.strerror}",
            where=str(path),
            fix="check that its file system is mounted and readable",
        ) from error


def refused(what: str, path: object) -> ModelRefused:
    """path: where it is, as a person may see it."""
    return ModelRefused(
        what,
        where=str(path),
        fix="restore the registry from a backup, or register the model again as a new version",
        next_command="batch-scorer models list",
    )


def _descriptor(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise refused("a symlink in the model registry is not followed", path) from None
        raise
