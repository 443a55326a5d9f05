"""The mirror: which version of the file registry holds a version of MLflow, and under what name.

A version is imported once. What MLflow says afterwards about that number is not asked again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from batch_scorer.core.durable import writing
from batch_scorer.core.errors import LockHeld, ModelError, UsageError
from batch_scorer.core.models import ModelManifest
from batch_scorer.core.urls import without_userinfo
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.registry.names import is_name

_OTHERS = re.compile(r"[^a-z0-9_.-]+")
_SQLITE = "sqlite:///"
_LOCK = ".import.lock"  # no name of a model
_LOCK_WAIT_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteVersion:
    """address: the tracking URI without a password; a SQLite file by its absolute path."""

    address: str
    name: str
    version: str


def address_of(tracking_uri: str) -> str:
    """As an origin keeps it: without a password, however it was written."""
    shown = without_userinfo(tracking_uri).rstrip("/")
    if shown.startswith(_SQLITE):
        return _SQLITE + str(Path(shown.removeprefix(_SQLITE)).absolute())
    return shown


def local_name(name: str) -> str:
    """MLflow's name as a registry can have it: `Taxi Tips` → `taxi_tips`. Raises: UsageError."""
    slug = _slug(name)
    if not is_name(slug):
        raise UsageError(
            f'MLflow\'s name "{name}" gives no name of a model here',
            fix="choose one with --name NAME",
            next_command=f"batch-scorer models import 'models:/{name}@ALIAS' --name NAME",
        )
    return slug


def _slug(name: str) -> str:
    return _OTHERS.sub("_", name.lower()).strip("_.-")[:64]


def mirrored(registry: FileRegistry, remote: RemoteVersion) -> ModelManifest | None:
    """The version that was imported from there, if one was. Raises: ModelRefused, StoreUnavailable."""
    likely, names = _slug(remote.name), registry.names()
    if likely in names and (found := _imported(registry, likely, remote)):
        return found
    for name in names:
        if name != likely:
            with suppress(ModelError):  # a damaged model of another name is no reason to stop here
                if found := _imported(registry, name, remote):
                    return found
    return None


def require_own_name(registry: FileRegistry, name: str, remote: RemoteVersion) -> None:
    """Two names of MLflow must not become one of ours unseen. Raises: UsageError."""
    if name == remote.name or name not in registry.names():
        return
    for version in registry.versions(name):
        origin = registry.manifest(name, version).origin
        if origin is None or origin.name != remote.name:
            other = f'"{origin.name}" of MLflow' if origin else "no import"
            raise UsageError(
                f'"{remote.name}" of MLflow would become "{name}", and {name}@{version} is {other}',
                fix="choose another name with --name NAME",
            )


@contextmanager
def importing(registry: FileRegistry) -> Iterator[None]:
    """One import at a time, so that two runs of one night do not mirror a version twice. Raises: LockHeld."""
    from filelock import FileLock, Timeout

    with writing(registry.root):
        registry.root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(registry.root / _LOCK, timeout=_LOCK_WAIT_S)
    try:
        lock.acquire()
    except Timeout:
        raise LockHeld(
            f"somebody else has been importing a model for {_LOCK_WAIT_S:.0f} s",
            where=str(registry.root / _LOCK),
            fix="wait for the other import, then repeat the command",
        ) from None
    try:
        yield
    finally:
        lock.release()


def _imported(registry: FileRegistry, name: str, remote: RemoteVersion) -> ModelManifest | None:
    for version in reversed(registry.versions(name)):
        manifest = registry.manifest(name, version)
        origin = manifest.origin
        if origin is not None and remote == RemoteVersion(
            address=origin.tracking_uri, name=origin.name, version=origin.version
        ):
            return manifest
    return None
