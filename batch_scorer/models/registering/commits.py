"""The git commit of the code that trained a model, where there is one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

_TIMEOUT_S = 5.0
# No tags, only the hash; -dirty for changes of tracked files. A repository's fsmonitor is a program: not run.
_DESCRIBE = ["-c", "core.fsmonitor=false", "describe", "--always", "--dirty", "--abbrev=64", "--exclude=*"]


def commit_at(*places: Path) -> str | None:
    """HEAD of the first of the places that lies in a repository, as `5d1e7be…-dirty`.

    places: files or directories. None without a repository, without a commit, without git, or when git takes
    its time: a model can be registered all the same.
    """
    git = shutil.which("git")
    if git is None:
        return None
    for place in places:
        directory = place if place.is_dir() else place.absolute().parent
        found = _described(git, directory) if directory.is_dir() else None
        if found:
            return found
    return None


def _described(git: str, directory: Path) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 (git as found on the PATH, no shell)
            [git, "-C", str(directory), *_DESCRIBE],
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
