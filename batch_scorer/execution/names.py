"""Names in a job file against what is there already: columns of the table, what the model gives.

Only what is certain: a column that neither the first nor the last partition has, an output that the
registered model cannot give. Where there is no table or no model yet, there is nothing to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from batch_scorer.config.job import Job
from batch_scorer.config.mlflow import is_of_mlflow
from batch_scorer.core.errors import BatchScorerError, SignatureInvalid
from batch_scorer.core.expressions.tokens import names_at
from batch_scorer.core.nearest import suggestion
from batch_scorer.execution.parts import BoundSuite
from batch_scorer.lake.storage.storage import LakeStorage
from batch_scorer.models.registry.files import FileRegistry


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """path: of the key whose value is wrong. offset: of the wrong character in it, 0-based, where one is."""

    path: tuple[str | int, ...]
    what: str
    offset: int | None = None


def check_names(
    job: Job, suites: Sequence[BoundSuite], storage: LakeStorage, input_root: str, registry: FileRegistry
) -> Iterator[Finding]:
    """Reads two footers and the model's manifest. What cannot be read is for `doctor` to tell."""
    columns: tuple[str, ...] = ()
    with suppress(BatchScorerError, OSError):
        columns = _columns(storage, input_root, len(job.input.partition_by))
    if columns:
        yield from _unknown_columns(job, suites, columns)
    yield from _unfit_outputs(job, registry)


def _columns(storage: LakeStorage, root: str, n_keys: int) -> tuple[str, ...]:
    from batch_scorer.lake.reading.edges import edge_columns

    return tuple(dict.fromkeys(name for names in edge_columns(storage, root, n_keys) for name in names))


def _unknown_columns(job: Job, suites: Sequence[BoundSuite], columns: Sequence[str]) -> Iterator[Finding]:
    from batch_scorer.validation.suites.check import check_columns

    named: list[tuple[tuple[str | int, ...], str, int | None]] = [
        *((("input", "key", at), name, None) for at, name in enumerate(job.input.key)),
        *((("output", "keep_columns", at), name, None) for at, name in enumerate(job.output.keep_columns)),
        *((("input", "where"), name, offset) for name, offset in names_at(job.input.where_source or "")),
    ]
    for path, name, offset in named:
        if name not in columns:
            what = f'the table has no column "{name}"{suggestion(name, columns)}'
            yield Finding(path=path, what=what, offset=offset)
    for at, use in enumerate(use for use in suites if use.stage == "input"):
        for problem in check_columns(use.suite, columns):
            yield Finding(path=("validate", "input", at, "suite"), what=problem)


def _unfit_outputs(job: Job, registry: FileRegistry) -> Iterator[Finding]:
    from batch_scorer.models.scoring.outputs import unfit_outputs

    if is_of_mlflow(job.model_reference):
        return  # asking MLflow, and importing what is new there, is for `doctor` and runs
    try:
        pin = registry.resolve(job.model.uri)
    except BatchScorerError:
        return  # not registered yet, or damaged: a run and `doctor` say so
    try:
        for unfit in unfit_outputs(job.model.output, job.model.method, pin.signature):
            path = ("model", "output", unfit.name)
            yield Finding(path=path, what=f"{unfit.what} ({pin.reference})", offset=unfit.offset)
    except SignatureInvalid as error:
        yield Finding(path=("model", "method"), what=f"{error.what}; {error.fix}")
