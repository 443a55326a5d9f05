"""`MLmodel`, the file in which MLflow says what the other files of a model are. Only read, never obeyed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from batch_scorer.core.errors import ModelRefused
from batch_scorer.core.models import ModelFormat

MLMODEL_FILE = "MLmodel"
_MAX_ALIASES = 20

_FORMATS = {
    "skops": ModelFormat.SKOPS,
    "cloudpickle": ModelFormat.JOBLIB,
    "pickle": ModelFormat.JOBLIB,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredColumn:
    """An input column of MLflow's signature. type: MLflow's word for it: long, double, string, datetime …"""

    name: str
    type: str
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedModel:
    """artefact: the file of the estimator. serialization: skops, cloudpickle or pickle.

    columns: of the signature; empty where there is none, or none with names. example: the file with the
    input example, where that is a table.
    """

    artefact: str
    format: ModelFormat
    serialization: str
    columns: tuple[DeclaredColumn, ...] = ()
    example: str | None = None


def read_mlmodel(data: bytes, uri: str) -> LoggedModel:
    """uri: for messages. Raises: ModelRefused, also for a model that is none of scikit-learn's."""
    try:
        _require_bounded(data)
        document = yaml.safe_load(data)
        flavors = document["flavors"]
        flavor = flavors.get("sklearn")
        if flavor is None:
            raise _no_sklearn(uri, list(map(str, flavors)))
        serialization = flavor.get("serialization_format", "pickle")
        if serialization not in _FORMATS:
            raise ValueError(f"its serialization_format is {serialization!r}")
        return LoggedModel(
            artefact=_plain_name(flavor["pickled_model"]),
            format=_FORMATS[serialization],
            serialization=serialization,
            columns=_columns(document.get("signature")),
            example=_example(document.get("saved_input_example_info")),
        )
    except (yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ModelRefused(
            f"{MLMODEL_FILE} of {uri} cannot be read: {' '.join(str(error).split())[:200]}",
            fix="log the model to MLflow again: mlflow.sklearn.log_model(…)",
        ) from None


def _require_bounded(data: bytes) -> None:
    """Aliases of aliases make gigabytes out of a few lines. Raises: ValueError, yaml.YAMLError."""
    n_aliases = sum(isinstance(event, yaml.AliasEvent) for event in yaml.parse(data, Loader=yaml.SafeLoader))
    if n_aliases > _MAX_ALIASES:
        raise ValueError(f"it has {n_aliases} aliases, and MLflow writes hardly any")


def _no_sklearn(uri: str, flavors: list[str]) -> ModelRefused:
    return ModelRefused(
        f"{uri} is no model of scikit-learn; its flavors: {', '.join(sorted(flavors)[:6]) or 'none'}",
        fix="log the estimator with mlflow.sklearn.log_model(…)",
    )


def _plain_name(name: object) -> str:
    if not isinstance(name, str) or "/" in name or "\\" in name or name in ("", ".", ".."):
        raise ValueError(f"pickled_model is {name!r}, no plain file name")
    return name


def _columns(signature: Mapping[str, Any] | None) -> tuple[DeclaredColumn, ...]:
    """MLflow keeps a JSON text in the YAML. Tensors have no column names."""
    inputs = json.loads((signature or {}).get("inputs") or "[]")
    if any("name" not in column for column in inputs):
        return ()
    return tuple(
        DeclaredColumn(
            name=str(column["name"]), type=str(column["type"]), required=bool(column.get("required", True))
        )
        for column in inputs
    )


def _example(info: Mapping[str, Any] | None) -> str | None:
    if not info or info.get("type") != "dataframe" or info.get("pandas_orient") != "split":
        return None
    return _plain_name(info["artifact_path"])
