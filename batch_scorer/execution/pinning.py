"""The model of a run: resolved once, before planning, and held against what the job asks of it."""

from __future__ import annotations

from batch_scorer.config.job import Job
from batch_scorer.core.errors import ConfigInvalid, ModelNotFound, SignatureInvalid, UsageError
from batch_scorer.core.expressions import OutputColumn
from batch_scorer.core.models import Method, ModelPin, Signature
from batch_scorer.execution.parts import JobParts


def pin_model(parts: JobParts, override: str | None = None) -> ModelPin:
    """The model version for this run, resolved once. A name that the job file has wrong is exit 78.

    override: `name@version` from the command line. Raises: UsageError, ConfigInvalid, ModelError.
    """
    try:
        pin = parts.registry.resolve(override or parts.job.model.uri)
    except ModelNotFound as error:
        kind = UsageError if override else ConfigInvalid
        registry = f"registry {parts.registry.root}"
        where = registry if override else f"jobs/{parts.job.name}.yml, model.uri; {registry}"
        raise kind(error.what, where=where, fix=error.fix, next_command=error.next_command) from None
    _check_outputs(parts.job, pin)
    return pin


def _check_outputs(job: Job, pin: ModelPin) -> None:
    """Raises: SignatureInvalid, with the keys of the job file that do not fit the model."""
    from batch_scorer.models.outputs import check_outputs

    method, signature = job.model.method, pin.signature
    if method not in signature.outputs:
        keys = ["method"]
    else:
        keys = [f"output.{each.name}" for each in job.model.output if not _fits(each, method, signature)]
    try:
        check_outputs(job.model.output, method, signature)
    except SignatureInvalid as error:
        error.where = f"jobs/{job.name}.yml, {', '.join(f'model.{key}' for key in keys)}; {pin.label}"
        if method in signature.outputs:
            error.fix = "correct the expression, or let model.uri name a version that gives what it asks for"
        raise


def _fits(output: OutputColumn, method: Method, signature: Signature) -> bool:
    from batch_scorer.models.outputs import check_outputs

    try:
        check_outputs([output], method, signature)
    except SignatureInvalid:
        return False
    return True
