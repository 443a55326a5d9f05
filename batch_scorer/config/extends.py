"""A job file and everything it extends, read and merged."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from batch_scorer.config.layers import merge
from batch_scorer.config.mistakes import JobInvalid, Mistake, Place, mistake_at
from batch_scorer.config.project import Project
from batch_scorer.config.yaml_source import YamlFile, YamlMap, YamlScalar, read_yaml

MAX_DEPTH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """root: of the merged tree. lines: of every file that took part, by the name messages use.

    hidden: (file, line) of lines that are not shown, for there may be a secret in them.
    """

    root: YamlMap
    lines: dict[str, tuple[str, ...]] = field(repr=False)
    hidden: frozenset[tuple[str, int]] = frozenset()

    def mistake(self, place: Place, message: str) -> Mistake:
        shown = (place.file, place.line) not in self.hidden
        return mistake_at(place, message, self.lines.get(place.file) if shown else None)


def read_extended(project: Project, path: Path) -> Sources:
    """Raises: JobInvalid, for a file that is no YAML of ours, or extends what it may not."""
    chain = [_read(project, path)]
    seen = [path.resolve()]
    while (parent := _parent(project, chain[-1], seen)) is not None:
        chain.append(_read(project, parent))
        seen.append(parent)
    root = chain[-1].root
    for over in reversed(chain[:-1]):
        root = merge(root, over.root)
    return Sources(root=root, lines={file.file: file.lines for file in chain})


def _parent(project: Project, file: YamlFile, seen: list[Path]) -> Path | None:
    """The file that `extends` names, None when there is no such key."""
    node = file.root.get("extends")
    if node is None or (isinstance(node, YamlScalar) and node.value is None):
        return None

    def refused(what: str) -> JobInvalid:
        return JobInvalid([mistake_at(node.place, f"extends: {what}", file.lines)])

    if not isinstance(node, YamlScalar) or not isinstance(node.value, str):
        raise refused("must be the name of one file in jobs/")
    jobs = project.jobs.resolve()
    parent = Path(os.path.realpath(jobs / node.value))
    if not parent.is_relative_to(jobs):
        raise refused(f'"{node.value}" is outside of jobs/')
    if parent in seen:
        raise refused(f'"{node.value}" extends this file again, in a circle')
    if len(seen) >= MAX_DEPTH:
        raise refused(f"more than {MAX_DEPTH} files extend each other")
    if not parent.is_file():
        raise refused(f'there is no file "{node.value}" in jobs/')
    return parent


def _read(project: Project, path: Path) -> YamlFile:
    jobs = project.jobs.resolve()
    resolved = path.resolve()
    name = resolved.relative_to(jobs).as_posix() if resolved.is_relative_to(jobs) else path.name
    return read_yaml(path, f"jobs/{name}")
