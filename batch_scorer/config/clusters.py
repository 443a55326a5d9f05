"""The key `compute.cluster`: a word, the address of a scheduler, or a Dask cluster class to start."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator

from batch_scorer.config.addresses import check_cluster
from batch_scorer.config.fields import Count, Positive, TimeLimit

# As written until the cluster is started: a variable in them may hold a secret.
CLUSTER_KWARGS = ("compute", "cluster", "kwargs")

_STRICT = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+", re.ASCII)
_SAID_ELSEWHERE = {
    "n_workers": "say it as compute.workers, which `run --workers` can change, or as adapt",
    "asynchronous": "batch-scorer decides that",
    "loop": "batch-scorer decides that",
}


def _dotted(text: str) -> str:
    if not _DOTTED.fullmatch(text):
        raise ValueError(f'"{text}" is no dotted name of a class, such as dask_jobqueue.SLURMCluster')
    return text


def _arguments(values: dict[str, Any]) -> dict[str, Any]:
    for name in values:
        if not name.isidentifier():
            raise ValueError(f'"{name}" is no name of a parameter')
        if name in _SAID_ELSEWHERE:
            raise ValueError(f"{name}: {_SAID_ELSEWHERE[name]}")
    return values


class Adapt(BaseModel):
    """As many workers as there is work for, between two numbers."""

    model_config = _STRICT

    minimum: Count = 0
    maximum: Positive

    @property
    def words(self) -> str:
        return f"{self.minimum} to {self.maximum} workers"


class ClusterClass(BaseModel):  # type: ignore[no-redef]  # pydantic's plugin makes a **kwargs of its own
    """A cluster that a run starts, and closes at its end. arguments: `${VAR}` in them is as written."""

    model_config = _STRICT

    class_path: Annotated[str, AfterValidator(_dotted)] = Field(
        alias="class", description="dotted path of a Dask cluster class, such as dask_jobqueue.SLURMCluster"
    )
    arguments: Annotated[dict[str, Any], AfterValidator(_arguments)] = Field(
        {},
        alias="kwargs",
        repr=False,
        description="what the class is called with; ${VAR} is filled in when it starts, and never shown",
    )
    adapt: Adapt | None = Field(None, description="as many workers as there is work for, instead of a number")
    start_within: TimeLimit = Field(
        timedelta(minutes=10), description="until the first worker answers, or the cluster is away (exit 69)"
    )

    def __str__(self) -> str:
        return self.class_path


def _cluster(value: object) -> str | ClusterClass:
    if isinstance(value, ClusterClass):
        return value
    if isinstance(value, Mapping):
        return ClusterClass.model_validate(value)
    if isinstance(value, str):
        return check_cluster(value)
    raise ValueError("must be auto, inline, local, tcp://host:port or {class: …, kwargs: {…}}")


def _as_written(cluster: str | ClusterClass) -> Any:
    return cluster if isinstance(cluster, str) else cluster.model_dump(mode="json", by_alias=True)


ClusterSpec = Annotated[
    str | ClusterClass,
    PlainValidator(_cluster, json_schema_input_type=str | ClusterClass),
    PlainSerializer(_as_written, return_type=Any),
]
