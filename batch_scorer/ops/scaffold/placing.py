"""Writing a scaffold's files so that a user's own are never touched and a killed scaffold can go on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from batch_scorer.core.errors import UsageError

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
