"""A version as it lies on disk, held against its manifest. Loads nothing, imports no data library."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from batch_scorer.core.errors import ModelRefused
from batch_scorer.models.registry.files import KEPT, FileRegistry
from batch_scorer.models.registry.manifests import MANIFEST_FILE
from batch_scorer.models.registry.names import as_version
from batch_scorer.models.registry.reading import open_plain, refused, told_when_unreadable


def check_version(registry: FileRegistry, name: str, version: int) -> tuple[ModelRefused, ...]:
    """Everything that is not as it was registered; empty when all is well.

    Raises: ModelNotFound, ModelRefused (the history itself), StoreUnavailable.
    """
    registry.history(name)  # before the rest: without it nothing can be said of a version
    try:
        manifest = registry.manifest(name, version)
    except ModelRefused as problem:
        return (problem,)
    directory = registry.directory(name, version)
    label = f"{name}@{version}"
    return (
        *_changed(directory, manifest.files.items(), label),
        *_strays(directory, {MANIFEST_FILE, *manifest.files}, label),
    )


def leftovers(registry: FileRegistry, name: str) -> tuple[Path, ...]:
    """What lies in a model's directory and belongs to no version: of killed registrations, or anybody's.

    Raises: ModelNotFound, ModelRefused, StoreUnavailable.
    """
    numbers = set(registry.versions(name))
    directory = registry.model_directory(name)
    with told_when_unreadable(directory):
        found = sorted(directory.iterdir())
    return tuple(path for path in found if path.name not in KEPT and as_version(path.name) not in numbers)


def _changed(directory: Path, files: Iterable[tuple[str, str]], label: str) -> Iterator[ModelRefused]:
    for name, sha256 in files:
        path = directory / name
        try:
            with open_plain(path) as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            yield refused(f"{name} of {label} is gone", path)
        except ModelRefused as problem:
            yield problem
        else:
            if found != sha256:
                yield refused(
                    f"{name} of {label} is not the file that was registered: its sha256 differs", path
                )


def _strays(directory: Path, known: set[str], label: str) -> Iterator[ModelRefused]:
    with told_when_unreadable(directory):
        found = sorted(entry.name for entry in directory.iterdir())
    for name in found:
        if name not in known:
            yield refused(
                f"{name} does not belong to {label}: its manifest does not name it", directory / name
            )
