"""Names in a job file against what is there already: columns of the table, what the model gives.

Only what is certain: a column that neither the first nor the last partition has, an output that the
registered model cannot give. Where there is no table or no model yet, there is nothing to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from batch_scorer.config.job import Job
from batch_scorer.config.mistakes import suggestion
from batch_scorer.config.mlflow import is_of_mlflow
from batch_scorer.core.errors import BatchScorerError, SignatureInvalid
from batch_scorer.core.expressions import names_in
from batch_scorer.execution.parts import BoundSuite
from batch_scorer.lake.storage import LakeStorage
from batch_scorer.models.registry.files import FileRegistry

Finding = tuple[tuple[str | int, ...], str]  # the path of a key, and what is wrong with its value


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
    from batch_scorer.lake.edges import edge_columns

    return tuple(dict.fromkeys(name for names in edge_columns(storage, root, n_keys) for name in names))


def _unknown_columns(job: Job, suites: Sequence[BoundSuite], columns: Sequence[str]) -> Iterator[Finding]:
    from batch_scorer.validation.suites.check import check_columns

    named: list[tuple[tuple[str | int, ...], str]] = [
        *((("input", "key", at), name) for at, name in enumerate(job.input.key)),
        *((("output", "keep_columns", at), name) for at, name in enumerate(job.output.keep_columns)),
        *(
            (("input", "where"), name)
            for name in sorted(names_in(job.input.where) if job.input.where else ())
        ),
    ]
    for path, name in named:
        if name not in columns:
            yield path, f'the table has no column "{name}"{suggestion(name, columns)}'
    for at, use in enumerate(use for use in suites if use.stage == "input"):
        for problem in check_columns(use.suite, columns):
            yield ("validate", "input", at, "suite"), problem


def _unfit_outputs(job: Job, registry: FileRegistry) -> Iterator[Finding]:
    from batch_scorer.models.scoring.outputs import check_outputs

    if is_of_mlflow(job.model_reference):
        return  # asking MLflow, and importing what is new there, is for `doctor` and runs
    try:
        pin = registry.resolve(job.model.uri)
    except BatchScorerError:
        return  # not registered yet, or damaged: a run and `doctor` say so
    for output in job.model.output:
        try:
            check_outputs([output], job.model.method, pin.signature)
        except SignatureInvalid as error:
            if job.model.method not in pin.signature.outputs:
                yield ("model", "method"), f"{error.what}; {error.fix}"
                return
            yield ("model", "output", output.name), error.what.partition(f"{output.name}: ")[2] or error.what
