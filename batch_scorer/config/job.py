"""A job, as the other rooms see it: validated, frozen, with every default filled in."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from batch_scorer.config.fields import FormatVersion, JobName, PathText, Text
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
    registry: PathText = "data/models"
    code: tuple[PathText, ...] = Field((), description="directories for sys.path, in driver and workers")
    schedule: Schedule
    input: Input
    validation: Validation = Field(Validation(), alias="validate")
    model: ModelUse
    output: Output
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

    def as_written(self) -> dict[str, Any]:
        """Every key as a user would write it, defaults included: plain JSON values."""
        return self.model_dump(mode="json", by_alias=True)
