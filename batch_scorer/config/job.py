"""A job, as the other rooms see it: validated, frozen, with every default filled in."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from batch_scorer.config.fields import FormatVersion, JobName, PathText, Registry, Text
from batch_scorer.config.mlflow import DEFAULT_MIRROR, MLFLOW, is_of_mlflow
from batch_scorer.config.sections import (
    STRICT,
    Compute,
    Emit,
    Input,
    ModelUse,
    Notify,
    Output,
    Owner,
    Schedule,
    Storage,
    Validation,
)


class Job(BaseModel):
    """One job file, its targets and defaults merged."""

    model_config = STRICT

    version: FormatVersion
    name: JobName = Field(description="the same as the file's")
    description: str = ""
    owner: Owner = Owner()
    extends: Text | None = Field(None, description="a file in jobs/ that this one is merged over")
    registry: Registry = Field(DEFAULT_MIRROR, description="a directory, or mlflow: and a tracking URI")
    code: tuple[PathText, ...] = Field((), description="directories for sys.path, in driver and workers")
    schedule: Schedule
    input: Input
    validation: Validation = Field(Validation(), alias="validate")
    model: ModelUse
    output: Output
    storage: Storage = Storage()
    compute: Compute = Compute()
    notify: tuple[Notify, ...] = ()
    emit: Emit = Emit()
    targets: dict[str, dict[str, Any]] = Field(
        {}, exclude=True, description="named changes, merged over the job by --target"
    )

    @property
    def carried_columns(self) -> tuple[str, ...]:
        """Input columns that the output repeats: the key, then what is kept, each once."""
        return tuple(dict.fromkeys((*self.input.key, *self.output.keep_columns)))

    @property
    def registry_directory(self) -> str:
        """Where model versions lie; of MLflow, where they are mirrored."""
        return DEFAULT_MIRROR if is_of_mlflow(self.registry) else self.registry

    @property
    def tracking_uri(self) -> str | None:
        """Of the MLflow that `registry` names."""
        return self.registry.removeprefix(MLFLOW) if is_of_mlflow(self.registry) else None

    @property
    def model_reference(self) -> str:
        """`model.uri` in full: `name@alias`, or `mlflow:models:/name@alias` where MLflow is asked."""
        if self.tracking_uri is None or is_of_mlflow(self.model.uri):
            return self.model.uri
        name, _, which = self.model.uri.partition("@")
        return f"{MLFLOW}models:/{name}" + (f"@{which}" if self.model.alias else f"/{which}")

    def as_written(self) -> dict[str, Any]:
        """Every key as a user would write it, defaults included: plain JSON values."""
        return self.model_dump(mode="json", by_alias=True)
