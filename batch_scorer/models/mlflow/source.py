"""MLflow as a source of model versions: which version is meant is asked there, what it is comes from the
mirror.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from batch_scorer.config.mlflow import MlflowRef, is_of_mlflow, parse_mlflow_ref
from batch_scorer.core.errors import ConfigInvalid, UsageError
from batch_scorer.core.models import ModelManifest, ModelPin
from batch_scorer.models.mlflow.mirror import RemoteVersion, address_of, mirrored
from batch_scorer.models.mlflow.wishes import ImportWishes
from batch_scorer.models.registry.files import FileRegistry

if TYPE_CHECKING:
    from batch_scorer.models.mlflow.client import MlflowClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """is_new: it was imported just now."""

    manifest: ModelManifest
    is_new: bool


class MlflowSource:
    """registry: where versions are mirrored. tracking_uri: with its password, if it has one; None: nobody
    says it, which is no mistake before somebody asks.

    An alias is asked for once in the life of this object: all that one command does means the same version.
    """

    def __init__(self, registry: FileRegistry, tracking_uri: str | None, *, who: str) -> None:
        self._registry, self._uri, self._who = registry, tracking_uri, who
        self._opened: MlflowClient | None = None
        self._aliases: dict[MlflowRef, RemoteVersion] = {}

    def resolve(self, reference: str) -> ModelPin:
        """`mlflow:models:/taxi_tips@champion` or `…/3` → its mirrored version, imported when it is new;
        `taxi_tips@2` → a version of the registry, without asking MLflow.

        Raises: ModelNotFound, ModelRefused (also a pickle that is new), ModelUnloadable, SignatureInvalid,
        GoldenRowsDiffer, StoreUnavailable, ConfigInvalid (mlflow is not installed), UsageError, LockHeld.
        """
        if not is_of_mlflow(reference):
            return self._registry.resolve(reference)
        asked = _parsed(reference)
        manifest = self.mirror(asked, ImportWishes(who=self._who)).manifest
        pin = self._registry.resolve(f"{manifest.name}@{manifest.version}")
        return replace(pin, alias=asked.alias)

    def mirror(self, asked: MlflowRef, wishes: ImportWishes) -> Mirrored:
        """The version that is mirrored already, or else imported now. Raises: as resolve."""
        remote = self._remote(asked)
        if known := mirrored(self._registry, remote):
            return Mirrored(manifest=known, is_new=False)
        from batch_scorer.models.mlflow.importing import import_version

        client = self._client()
        with self._registry.shelf.importing():
            if known := mirrored(self._registry, remote):  # by another command, meanwhile
                return Mirrored(manifest=known, is_new=False)
            imported = import_version(client, remote, registry=self._registry, wishes=wishes)
            return Mirrored(manifest=imported, is_new=True)

    def _remote(self, asked: MlflowRef) -> RemoteVersion:
        if asked.version is not None:
            address = address_of(self._tracking_uri())
            return RemoteVersion(address=address, name=asked.name, version=asked.version)
        if asked not in self._aliases:
            self._aliases[asked] = self._client().version_of_alias(asked.name, asked.alias or "")
        return self._aliases[asked]

    def _client(self) -> MlflowClient:
        if self._opened is None:
            from batch_scorer.models.mlflow.client import MlflowClient

            self._opened = MlflowClient(self._tracking_uri())
        return self._opened

    def _tracking_uri(self) -> str:
        if self._uri is None:
            raise ConfigInvalid(
                "model.uri names a model of MLflow, and nobody says which MLflow",
                fix="write registry: mlflow:http://host:5000 in the job file, or set MLFLOW_TRACKING_URI",
            )
        return self._uri


def _parsed(reference: str) -> MlflowRef:
    try:
        return parse_mlflow_ref(reference)
    except ValueError as error:
        raise UsageError(str(error)) from None
