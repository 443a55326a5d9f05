"""Writing registry files so that a crash or a full disk leaves the old state or the new one."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from batch_scorer.core.errors import DiskFull, OutputUnwritable


def write_new(path: Path, data: bytes) -> None:
    """Write a file that must not exist yet, and fsync it."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace_whole(path: Path, data: bytes) -> None:
    """A reader sees the old content or the new one, after a crash too."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        write_new(aside, data)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make renames and new names in a directory survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def told_as_errors(where: Path) -> Iterator[None]:
    """Turn the operating system's refusals while writing into errors a person understands."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                "no space left in the model registry; nothing was registered or moved",
                where=str(where),
                fix="free some space and repeat the command",
            ) from error
        raise OutputUnwritable(
            f"the model registry cannot be written: {error.strerror}",
            where=str(where),
            fix="check the directory's owner and permissions",
        ) from error
