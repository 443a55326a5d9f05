"""The mirror: which version of the file registry holds a version of MLflow, and under what name.

A version is imported once. What MLflow says afterwards about that number is not asked again.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from batch_scorer.config.mlflow import MlflowRef
from batch_scorer.core.errors import ModelError, UsageError
from batch_scorer.core.models import ModelManifest, ModelOrigin
from batch_scorer.core.urls import without_userinfo
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.registry.names import is_name

_OTHERS = re.compile(r"[^a-z0-9_.-]+")
_SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteVersion:
    """address: the tracking URI without a password; a SQLite file by its absolute path.

    run_id: of its training, where MLflow was asked. A model that was deleted there and made again counts from
    1 again: only this tells its versions from the old ones.
    """

    address: str
    name: str
    version: str
    run_id: str | None = None

    @property
    def uri(self) -> str:
        return MlflowRef(name=self.name, version=self.version).uri


def address_of(tracking_uri: str) -> str:
    """As an origin keeps it: without a password, however it was written."""
    shown = without_userinfo(tracking_uri).replace("://***@", "://").rstrip("/")
    if shown.startswith(_SQLITE):
        return _SQLITE + str(Path(shown.removeprefix(_SQLITE)).absolute())
    return shown


def mirrored(registry: FileRegistry, remote: RemoteVersion) -> ModelManifest | None:
    """The version that was imported from there, if one was. Raises: ModelRefused, StoreUnavailable."""
    found = _imports_from(registry, remote)
    return next((each for each in found if each.origin and _is_of(each.origin, remote)), None)


def local_name(registry: FileRegistry, remote: RemoteVersion) -> str:
    """What MLflow's model is called here: as its versions before, else as there, in our letters:
    `Taxi Tips` → `taxi_tips`.

    Raises: UsageError, where that gives no name, or the name of a model that is not MLflow's.
    """
    if before := next(_imports_from(registry, remote), None):
        return before.name
    slug = _slug(remote.name)
    if is_name(slug) and (slug not in registry.names() or _is_free_for(registry, slug, remote)):
        return slug
    what = (
        f'would become "{slug}" here, and there is such a model' if slug else "gives no name of a model here"
    )
    raise UsageError(
        f'"{remote.name}" of MLflow {what}',
        fix="choose another name, which its later versions will have too",
        next_command=f"batch-scorer models import {shlex.quote(remote.uri)} --name NAME",
    )


def _is_of(origin: ModelOrigin, remote: RemoteVersion) -> bool:
    known = origin.run_id is not None and remote.run_id is not None
    return origin.version == remote.version and (not known or origin.run_id == remote.run_id)


def _is_free_for(registry: FileRegistry, slug: str, remote: RemoteVersion) -> bool:
    """The model here is called as the one there, and is not the mirror of one that is called otherwise."""
    origins = (each.origin for each in registry.manifests(slug, registry.versions(slug)))
    return slug == remote.name and all(each is None or each.name == slug for each in origins)


def _imports_from(registry: FileRegistry, remote: RemoteVersion) -> Iterator[ModelManifest]:
    """Of the same model of the same MLflow, newest first within a name; the likely name first."""
    likely, names = _slug(remote.name), registry.names()
    for name in sorted(names, key=lambda name: name != likely):
        # A damaged model of another name is no reason to stop here.
        with suppress(*() if name == likely else (ModelError,)):
            for manifest in registry.manifests(name, reversed(registry.versions(name))):
                origin = manifest.origin
                if origin and (origin.tracking_uri, origin.name) == (remote.address, remote.name):
                    yield manifest


def _slug(name: str) -> str:
    return _OTHERS.sub("_", name.lower()).strip("_.-")[:64]
