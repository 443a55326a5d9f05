"""A version as it lies there, held against its manifest. Loads nothing, imports no data library."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from batch_scorer.core.errors import ModelRefused
from batch_scorer.core.models import ModelManifest
from batch_scorer.models.registry.files import KEPT, FileRegistry
from batch_scorer.models.registry.manifests import MANIFEST_FILE
from batch_scorer.models.registry.names import as_version
from batch_scorer.models.registry.reading import refused
from batch_scorer.models.registry.shelf import Place


def check_version(registry: FileRegistry, name: str, version: int) -> tuple[ModelRefused, ...]:
    """Everything that is not as it was registered; empty when all is well.

    Raises: ModelNotFound, ModelRefused (the history itself), StoreUnavailable.
    """
    registry.history(name)  # before the rest: without it nothing can be said of a version
    try:
        manifest = registry.manifest(name, version)
    except ModelRefused as problem:
        return (problem,)
    return (
        *_changed(registry, manifest),
        *_strays(registry, manifest),
    )


def leftovers(registry: FileRegistry, name: str) -> tuple[Place, ...]:
    """What lies in a model's directory and belongs to no version: of killed registrations, or anybody's.

    Raises: ModelNotFound, ModelRefused, StoreUnavailable.
    """
    numbers = set(registry.versions(name))
    directory = registry.model_directory(name)
    found = registry.shelf.names(name)
    return tuple(directory / each for each in found if each not in KEPT and as_version(each) not in numbers)


def _changed(registry: FileRegistry, manifest: ModelManifest) -> Iterator[ModelRefused]:
    directory, label = (
        registry.directory(manifest.name, manifest.version),
        f"{manifest.name}@{manifest.version}",
    )
    for name, sha256 in manifest.files.items():
        try:
            data = registry.read(manifest.name, manifest.version, name)
        except FileNotFoundError:
            yield refused(f"{name} of {label} is gone", directory / name)
        except ModelRefused as problem:
            yield problem
        else:
            if hashlib.sha256(data).hexdigest() != sha256:
                yield refused(
                    f"{name} of {label} is not the file that was registered: its sha256 differs",
                    directory / name,
                )


def _strays(registry: FileRegistry, manifest: ModelManifest) -> Iterator[ModelRefused]:
    known, label = {MANIFEST_FILE, *manifest.files}, f"{manifest.name}@{manifest.version}"
    for name in registry.shelf.names(f"{manifest.name}/{manifest.version}"):
        if name not in known:
            yield refused(
                f"{name} does not belong to {label}: its manifest does not name it",
                registry.directory(manifest.name, manifest.version) / name,
            )
