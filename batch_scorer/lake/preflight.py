"""What to ask of a file system before writing to it: by doctor, and at the start of a run."""

from __future__ import annotations

import os
import shutil
import tempfile
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


def nearest_existing(path: Path) -> Path:
    """The path itself, or the nearest above it that exists."""
    path = path.absolute()
    while not os.path.lexists(path):
        path = path.parent
    return path
