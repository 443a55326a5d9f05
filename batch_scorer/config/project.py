"""Where a project's files are: the nearest folder with `jobs/`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from batch_scorer.core.errors import UsageError
from batch_scorer.core.nearest import suggestion

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Project:
    """root: absolute."""

    root: Path

    @property
    def jobs(self) -> Path:
        return self.root / "jobs"

    @property
    def suites(self) -> Path:
        return self.jobs / "suites"

    @property
    def keys(self) -> Path:
        """The public keys whose signatures of models count."""
        return self.jobs / "keys"

    def job_names(self) -> tuple[str, ...]:
        """Every job, sorted. Files that begin with `_` are there to be extended."""
        return _stems(self.jobs, ".yml")

    def suite_names(self) -> tuple[str, ...]:
        return _stems(self.suites, ".json")

    def job_path(self, name: str) -> Path:
        """Raises: UsageError, with the nearest name."""
        known = self.job_names()
        if name in known:
            return self.jobs / f"{name}.yml"
        raise UsageError(
            f'there is no job "{name}"{suggestion(name, known)}',
            where=str(self.jobs),
            fix=f"use one of: {', '.join(known)}" if known else "write a job file there",
            next_command=None if known else "batch-scorer init --example",
        )

    def suite_path(self, name: str) -> Path:
        """Raises: UsageError, with the nearest name."""
        known = self.suite_names()
        if name in known:
            return self.suites / f"{name}.json"
        raise UsageError(
            f'there is no suite "{name}"{suggestion(name, known)}',
            where=str(self.suites),
            fix=f"use one of: {', '.join(known)}" if known else "put a GX suite there as JSON",
        )

    def resolve(self, path: str) -> str:
        """path relative to the project becomes absolute and tidy; a URI stays as it is."""
        if "://" in path:
            return path
        return os.path.normpath(self.root / path)


def find_project(start: Path) -> Project:
    """The nearest of start and its parents that has a `jobs` directory. Raises: UsageError."""
    start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / "jobs").is_dir():
            return Project(folder)
    raise UsageError(
        "this is no project: neither here nor in a parent is there a jobs/ directory",
        where=str(start),
        fix="go to your project, name it with --project DIR, or start one with batch-scorer init",
        next_command="batch-scorer init",
    )


def _stems(folder: Path, suffix: str) -> tuple[str, ...]:
    if not folder.is_dir():
        return ()
    stems = (path.stem for path in folder.iterdir() if path.suffix == suffix and path.is_file())
    return tuple(sorted(stem for stem in stems if NAME.fullmatch(stem)))
