"""`mlflow:` in a job file: which MLflow, and which of its model versions."""

from __future__ import annotations

import re
from dataclasses import dataclass

from batch_scorer.core.urls import without_userinfo

MLFLOW = "mlflow:"
DEFAULT_MIRROR = "data/models"

_MODELS = "models:/"
_EXAMPLES = "models:/name@alias or models:/name/3"
_NAME = re.compile(r"[^/:@\\]+")  # what MLflow allows, less what a URI would read otherwise
_ALIAS = re.compile(r"[A-Za-z0-9_.-]+")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
_HTTP = re.compile(r"https?://[^\s/?#]+(?:/[^\s?#]*)?")
_SQLITE = re.compile(r"sqlite:///[^\s?#]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class MlflowRef:
    """A model version as MLflow names it: exactly one of alias and version is set. version: a number."""

    name: str
    alias: str | None = None
    version: str | None = None

    @property
    def uri(self) -> str:
        """`models:/taxi_tips@champion` or `models:/taxi_tips/3`."""
        return f"{_MODELS}{self.name}" + (f"@{self.alias}" if self.alias else f"/{self.version}")


def is_of_mlflow(text: str) -> bool:
    return text.startswith(MLFLOW)


def parse_mlflow_ref(text: str) -> MlflowRef:
    """`models:/name@alias` or `models:/name/3`, with or without `mlflow:` before it. Raises: ValueError."""
    rest = text.removeprefix(MLFLOW)
    if not rest.startswith(_MODELS) or not text.isprintable():
        raise ValueError(f'"{text}" is no model version of MLflow; write {_EXAMPLES}')
    name, at, alias = rest.removeprefix(_MODELS).partition("@")
    if at:
        if not _NAME.fullmatch(name) or not _ALIAS.fullmatch(alias):
            raise ValueError(f'"{text}" is no model version of MLflow; write {_EXAMPLES}')
        return MlflowRef(name=name, alias=alias)
    name, slash, version = name.partition("/")
    if not slash or not _NAME.fullmatch(name):
        raise ValueError(f'"{text}" names a model, but no alias or version of it; write {_EXAMPLES}')
    if not _VERSION.fullmatch(version):
        raise ValueError(
            f'"{version}" is no version; write models:/{name}/3, or an alias: stages and "latest" mean '
            "another version every day, without a word of who changed them"
        )
    return MlflowRef(name=name, version=version)


def check_registry(text: str) -> str:
    """A directory, or `mlflow:` and the tracking URI. No message repeats the URI. Raises: ValueError."""
    if not text.startswith(MLFLOW):
        return text
    uri = text.removeprefix(MLFLOW)
    if without_userinfo(uri) != uri:
        raise ValueError(
            "a tracking URI in a job file holds no password; "
            "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        )
    if not _HTTP.fullmatch(uri) and not _SQLITE.fullmatch(uri):
        raise ValueError("is no tracking URI; write mlflow:http://host:5000 or mlflow:sqlite:///mlflow.db")
    return text
