"""What to ask of a file system before writing to it: by doctor, and at the start of a run."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from batch_scorer.core.durable import as_output_error
from batch_scorer.core.errors import OutputUnwritable


def free_bytes(path: Path) -> int:
    """Bytes this user may still write where path is, or will be. Raises: OutputUnwritable."""
    try:
        return shutil.disk_usage(nearest_existing(path)).free
    except OSError as error:
        raise as_output_error(error, path) from error


def check_writable(directory: Path) -> None:
    """A directory, or the nearest one above it that exists, takes bytes from this user.

    Tried with a file that has no name where the system can, so that no reader of a table ever sees it.
    Raises: OutputUnwritable, DiskFull.
    """
    nearest = nearest_existing(directory)
    if not nearest.is_dir():
        raise OutputUnwritable(
            "a file is where a directory belongs",
            where=str(nearest),
            fix="move it away, or correct output.path in the job file",
        )
    try:
        with tempfile.TemporaryFile(dir=nearest, prefix=".batch-scorer-") as file:
            file.write(bytes(4096))
            file.flush()
    except OSError as error:
        raise as_output_error(error, nearest) from error


def free_inodes(path: Path) -> int | None:
    """How many more files this user may make where path is, or will be; None where nobody counts.

    Raises: OutputUnwritable.
    """
    try:
        stats = os.statvfs(nearest_existing(path))
    except OSError as error:
        raise as_output_error(error, path) from error
    return stats.f_favail if stats.f_files else None


def check_rename(source: Path, target: Path) -> None:
    """A directory can be moved from one to the other, or to the nearest above each that exists.

    Tried with an empty one: two mounts of one disk have the same device, and yet no rename crosses them.
    Raises: OutputUnwritable, DiskFull.
    """
    here, there = nearest_existing(source), nearest_existing(target)
    try:
        scratch = Path(tempfile.mkdtemp(prefix=".probe-", dir=here))
        moved = there / scratch.name
        try:
            scratch.rename(moved)
        finally:
            for left in (scratch, moved):
                if left.is_dir():
                    left.rmdir()
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise OutputUnwritable(
                "nothing can be renamed from output.state to output.path, though it is one file system: a "
                "publish could not be atomic",
                where=f"{here} and {there}",
                fix="mount the directory above both of them once, instead of each by itself",
            ) from None
        raise as_output_error(error, here) from error


def written_at(directory: Path) -> datetime:
    """What the file system calls now, told by a file without a name. Raises: OutputUnwritable, DiskFull."""
    nearest = nearest_existing(directory)
    try:
        with tempfile.TemporaryFile(dir=nearest, prefix=".batch-scorer-") as file:
            file.write(b"0")
            file.flush()
            return datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
    except OSError as error:
        raise as_output_error(error, nearest) from error


def nearest_existing(path: Path) -> Path:
    """The path itself, or the nearest above it that exists."""
    path = path.absolute()
    while not os.path.lexists(path):
        path = path.parent
    return path
