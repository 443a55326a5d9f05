"""MLflow's own client, imported when somebody asks MLflow for something and never before: it takes seconds.

Whatever goes wrong there becomes one of our errors, without the password that a tracking URI may hold.
"""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from batch_scorer.config.mlflow import MlflowRef
from batch_scorer.core.errors import (
    BatchScorerError,
    ConfigInvalid,
    ModelNotFound,
    ModelRefused,
    StoreUnavailable,
)
from batch_scorer.core.nearest import suggestion
from batch_scorer.core.urls import without_userinfo
from batch_scorer.models.mlflow.mirror import address_of

_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # MLflow itself goes on for four minutes; a night is better told at once, and tried again.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
}
_SQLITE = "sqlite:///"
_UNKNOWN = frozenset(
    {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND", "ENDPOINT_NOT_FOUND"}
)
_SYSTEM_SAYS = re.compile(r"\[Errno -?\d+\] ([^'\"()\\]+)")
_MAX_REASON = 300
_MAX_LISTED = 1_000
_COMMIT_TAG = "mlflow.source.git.commit"
_DESCRIPTION_TAG = "mlflow.note.content"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRun:
    """What a run tells of a training. metrics: by name, as logged, NaN included."""

    run_id: str
    user: str
    metrics: Mapping[str, float]
    params: Mapping[str, str]
    description: str
    git_commit: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MlflowVersion:
    """One version of a registered model, as MLflow tells it. run: None where it is gone or never was."""

    name: str
    version: str
    status: str
    description: str
    tags: Mapping[str, str]
    run: TrainingRun | None = field(default=None)

    @property
    def uri(self) -> str:
        return MlflowRef(name=self.name, version=self.version).uri


class MlflowClient:
    """One MLflow. tracking_uri: with its password, if it has one; it is never shown."""

    def __init__(self, tracking_uri: str) -> None:
        """Raises: ConfigInvalid (mlflow is not installed), StoreUnavailable."""
        require_installed()
        _require_database(tracking_uri)
        self._uri = tracking_uri
        self.address = address_of(tracking_uri)
        for name, value in _SETTINGS.items():
            os.environ.setdefault(name, value)
        with self.told():
            from mlflow import MlflowClient as Client

            _be_quiet()
            self._client: Any = Client(tracking_uri=tracking_uri, registry_uri=tracking_uri)

    def version_of_alias(self, name: str, alias: str) -> str:
        """The number that an alias means now. Raises: ModelNotFound, StoreUnavailable."""
        with self.told(MlflowRef(name=name, alias=alias)):
            return str(self._client.get_model_version_by_alias(name, alias).version)

    def version(self, name: str, version: str) -> MlflowVersion:
        """Raises: ModelNotFound, StoreUnavailable."""
        with self.told(MlflowRef(name=name, version=version)):
            found = self._client.get_model_version(name, version)
        return MlflowVersion(
            name=name,
            version=str(found.version),
            status=str(found.status),
            description=found.description or "",
            tags=dict(found.tags),
            run=self._run(found.run_id) if found.run_id else None,
        )

    @contextmanager
    def files(self, version: MlflowVersion) -> Iterator[ModelFiles]:
        """The version's files, for as long as the block lasts. Raises: StoreUnavailable."""
        with self.told():
            from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

            uri = self._client.get_model_version_download_uri(version.name, version.version)
            # Not mlflow.artifacts: what it is told about the registry, it forgets half-way.
            store = get_artifact_repository(uri, tracking_uri=self._uri, registry_uri=self._uri)
            sizes = {found.path: found.file_size for found in store.list_artifacts() if not found.is_dir}
        with TemporaryDirectory(prefix="batch-scorer-mlflow-") as directory:
            yield ModelFiles(store, sizes, Path(directory), version.uri, self)

    def _run(self, run_id: str) -> TrainingRun | None:
        try:
            with self.told(MlflowRef(name="", version="")):
                run = self._client.get_run(run_id)
        except ModelNotFound:
            return None  # deleted; the version has outlived it
        return TrainingRun(
            run_id=run_id,
            user=run.info.user_id or "",
            metrics=dict(run.data.metrics),
            params=dict(run.data.params),
            description=run.data.tags.get(_DESCRIPTION_TAG, ""),
            git_commit=run.data.tags.get(_COMMIT_TAG),
        )

    @contextmanager
    def told(self, asked: MlflowRef | None = None) -> Iterator[None]:
        """Whatever fails in the block is ModelNotFound or StoreUnavailable. asked: what may be unknown."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # MLflow's, about the libraries it stands on
                yield
        except BatchScorerError:
            raise
        except Exception as error:
            code = getattr(error, "error_code", "")
            if asked is not None and code in _UNKNOWN:
                raise self._unknown(asked) from None
            raise self._away(error) from None

    def _unknown(self, asked: MlflowRef) -> ModelNotFound:
        if not asked.name:
            return ModelNotFound("no such run", where=self.address)
        with self.told():
            found = self._client.search_registered_models(max_results=_MAX_LISTED)
            names = [model.name for model in found]
            aliases = dict(next((model.aliases for model in found if model.name == asked.name), {}))
        if asked.name not in names:
            return ModelNotFound(
                f'MLflow has no registered model "{asked.name}"{suggestion(asked.name, names)}',
                where=self.address,
                fix=f"known models: {', '.join(sorted(names)[:6])}"
                if names
                else "no model is registered there",
            )
        kind, which = ("alias", asked.alias) if asked.alias else ("version", asked.version or "")
        known = [f"models:/{asked.name}@{alias} (version {aliases[alias]})" for alias in sorted(aliases)]
        return ModelNotFound(
            f'MLflow\'s model "{asked.name}" has no {kind} "{which}"'
            + (suggestion(which, aliases) if asked.alias else ""),
            where=self.address,
            fix=f"its aliases: {', '.join(known[:6])}"
            if known
            else f"write a version: models:/{asked.name}/1",
        )

    def _away(self, error: Exception) -> StoreUnavailable:
        return StoreUnavailable(
            f"MLflow does not answer: {_reason(error)}",
            where=self.address,
            fix="see that the server or database is up and lets you in (MLFLOW_TRACKING_USERNAME, "
            "MLFLOW_TRACKING_PASSWORD, MLFLOW_TRACKING_TOKEN), then run again; versions that are mirrored "
            "already are scored with --model NAME@V",
        )


class ModelFiles:
    """The files of one version, read one by one, each with a bound."""

    def __init__(
        self, store: Any, sizes: Mapping[str, int | None], directory: Path, uri: str, client: MlflowClient
    ) -> None:
        self._store, self._sizes, self._directory = store, sizes, directory
        self._uri, self._client = uri, client

    def read(self, name: str, *, max_bytes: int) -> bytes:
        """Raises: ModelRefused (not there, or larger), StoreUnavailable."""
        if name not in self._sizes:
            raise self._refused(f'{self._uri} has no file "{name}"')
        if (self._sizes[name] or 0) > max_bytes:
            raise self._refused(
                f"{name} of {self._uri} has {self._sizes[name]:,} bytes, more than {max_bytes:,}"
            )
        with self._client.told():
            path = Path(self._store.download_artifacts(name, dst_path=str(self._directory)))
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
        path.unlink()
        if len(data) > max_bytes:
            raise self._refused(f"{name} of {self._uri} has more than {max_bytes:,} bytes")
        return data

    def _refused(self, what: str) -> ModelRefused:
        return ModelRefused(what, where=self._client.address, fix="log the model to MLflow again")


def require_installed() -> None:
    """Raises: ConfigInvalid."""
    if find_spec("mlflow") is None:
        raise ConfigInvalid(
            "model versions of MLflow need the package mlflow-skinny",
            fix='pip install "batch-scorer[mlflow]"; it is enough where the driver runs',
        )


def _require_database(tracking_uri: str) -> None:
    """MLflow would make an empty one."""
    path = Path(tracking_uri.removeprefix(_SQLITE).partition("?")[0])
    if tracking_uri.startswith(_SQLITE) and not path.is_file():
        raise StoreUnavailable(
            "there is no database of MLflow",
            where=str(path),
            fix="correct the tracking URI, or mount its disk",
        )


def _be_quiet() -> None:
    """What goes wrong there is told by our errors; a night on which it went well says nothing."""
    for name in ("mlflow", "alembic", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _reason(error: Exception) -> str:
    """Of a pile of exceptions about one connection, what the system said."""
    text = without_userinfo(" ".join(str(error).split())) or type(error).__name__
    if said := _SYSTEM_SAYS.search(text):
        return said[1].strip()
    return text if len(text) <= _MAX_REASON else f"{text[:_MAX_REASON]}…"
