"""Writing a scaffold's files so that a user's own are never touched and a killed scaffold can go on."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from batch_scorer.core.errors import DiskFull, OutputUnwritable, UsageError

_MOST_NAMED = 5


def missing_from(directory: Path, contents: Mapping[str, bytes]) -> tuple[str, ...]:
    """The names (relative paths) that are still to be written; the others are there already, equal.

    Raises: UsageError when something else has one of the names.
    """
    there = [name for name in contents if os.path.lexists(directory / name)]
    different = [name for name in there if not _holds(directory / name, contents[name])]
    if different:
        raise _refused(directory, different)
    return tuple(name for name in contents if name not in there)


def place(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all; its directories are made.

    Raises: OutputUnwritable, DiskFull.
    """
    # Hidden, so that no reader of the lake takes a half-written file for data.
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.write_bytes(content)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def _refused(directory: Path, different: list[str]) -> UsageError:
    named = ", ".join(sorted(different)[:_MOST_NAMED])
    rest = len(different) - _MOST_NAMED
    files = "1 file is" if len(different) == 1 else f"{len(different)} files are"
    return UsageError(
        f"{files} already here with other content; nothing was written",
        where=f"{directory}: {named}" + (f" and {rest} more" if rest > 0 else ""),
        fix="choose another directory, or move these files away",
        next_command="batch-scorer init ANOTHER_DIRECTORY",
    )


def _unwritable(path: Path, error: OSError) -> OutputUnwritable | DiskFull:
    kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else OutputUnwritable
    return kind(
        f"cannot write {path.name}: {error.strerror}",
        where=str(path.parent),
        fix="choose a directory you may write to, on a disk with some space left",
    )
