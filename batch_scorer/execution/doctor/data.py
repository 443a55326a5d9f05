"""Tonight's partitions against the job, the model and the suites: columns and types, from footers alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from batch_scorer.core.checks import Check
from batch_scorer.core.chunks import AUDIT_COLUMNS
from batch_scorer.core.errors import ColumnMissing, ConfigInvalid, InputError
from batch_scorer.core.expressions.trees import names_in
from batch_scorer.core.lakefiles import Footer, PartitionFiles
from batch_scorer.core.models import ModelPin
from batch_scorer.core.nearest import suggestion
from batch_scorer.core.plans import Action, Plan
from batch_scorer.execution.doctor.asking import answer
from batch_scorer.execution.newest import footers_of, newest_partitions
from batch_scorer.execution.parts import JobParts

_MOST_LOOKED_AT = 3  # of the newest partitions: what changed upstream shows there first


def plan_in_words(plan: Plan) -> str:
    """Raises: InputError, when a directory is refused."""
    if refused := plan.with_action(Action.REFUSED):
        raise InputError(
            f"{len(refused)} directories are not read, such as {refused[0].label}: {refused[0].why}",
            fix="rename or remove them, or correct input.partition_by",
        )
    n_each = Counter(entry.action for entry in plan.entries)
    given_up = plan.with_action(Action.GAVE_UP)
    counts = ", ".join(f"{n_each[action]} {action}" for action in Action if n_each[action])
    return (counts or "nothing there") + (f"; given up: {given_up[0].label}" if given_up else "")


def fits(parts: JobParts, plan: Plan | None, model: ModelPin | None) -> Iterator[Check]:
    """The newest partitions that are to be scored; when there are none, the newest of all."""
    try:
        looked_at = _newest(parts, plan)
    except InputError as error:
        yield Check.bad("input", error)
        return
    if not looked_at:
        yield Check(name="input", found=f"{parts.input_root} has no partition yet", exit_code=75)
        return
    for found in looked_at:
        label = f"columns of {found.partition.label}"
        try:
            footers = footers_of(parts.storage, parts.input_root, found)
        except InputError as error:
            yield Check.bad(label, error)
            continue
        yield answer(label, partial(_columns, parts, found, footers, model))
        yield answer(f"suite columns of {found.partition.label}", partial(_of_suites, parts, footers))


def _newest(parts: JobParts, plan: Plan | None) -> list[PartitionFiles]:
    """Raises: InputError, StoreUnavailable."""
    if plan is not None:
        due = [entry.found for entry in plan.to_score if entry.found is not None and entry.found.files]
        there = [entry.found for entry in plan.entries if entry.found is not None and entry.found.files]
        if due:
            return sorted(due, key=_path, reverse=True)[:_MOST_LOOKED_AT]
        return sorted(there, key=_path)[-1:]
    found, refused = newest_partitions(parts.storage, parts.input_root, parts.job, 1)
    if refused:
        raise refused[0].error
    return found


def _path(found: PartitionFiles) -> str:
    return found.partition.path


def _columns(
    parts: JobParts, found: PartitionFiles, footers: Sequence[Footer], model: ModelPin | None
) -> str:
    from batch_scorer.lake.reading.schema import carried_types, check_features

    try:
        carried_types(found.files, footers, tuple(_wanted_by_keys(parts)))
    except ColumnMissing as error:
        raise _with_key(parts, footers, error) from None
    if model is not None:
        check_features(found.files, footers, model.signature.columns, model=model.reference)
    return f"{len(footers[0].columns)} in the files, all that are needed among them"


def _wanted_by_keys(parts: JobParts) -> Mapping[str, str]:
    """Columns that the job file names itself, and the key that does."""
    job = parts.job
    wanted = dict.fromkeys(names_in(job.input.where), "input.where") if job.input.where else {}
    wanted |= dict.fromkeys(job.output.keep_columns, "output.keep_columns")
    return wanted | dict.fromkeys(job.input.key, "input.key")


def _with_key(parts: JobParts, footers: Sequence[Footer], error: ColumnMissing) -> ColumnMissing:
    """The same, saying where in the job file the name stands: there it may be mistyped."""
    for name, key in _wanted_by_keys(parts).items():
        if f'column "{name}"' in error.what and not any(name in dict(each.columns) for each in footers):
            near = suggestion(name, [column for column, _type in footers[0].columns])
            where = f"jobs/{parts.job.name}.yml, {key}"
            error.fix = f"correct {where}{near}; or write the column again upstream"
    return error


def _of_suites(parts: JobParts, footers: Sequence[Footer]) -> str:
    """Raises: ConfigInvalid, with every column that a suite names and that will not be there."""
    from batch_scorer.validation.suites.check import check_columns

    job = parts.job
    given = [[name for name, _type in footer.columns] for footer in footers]
    published = [
        *job.carried_columns,
        *(out.name for out in job.model.output),
        *(n for n, _ in AUDIT_COLUMNS),
    ]
    problems: list[str] = []
    where: str | None = None
    for use in parts.suites:
        for available in given if use.stage == "input" else [published]:
            if found := check_columns(use.suite, available):
                problems, where = [*problems, *found], where or str(use.suite.path)
    if problems:
        raise ConfigInvalid(
            "; ".join(dict.fromkeys(problems)), where=where, fix=f"correct {where}, or the data upstream"
        )
    names = ", ".join(use.suite.name for use in parts.suites) or "no suite"
    return f"{names}: every column it names exists" if len(parts.suites) < 2 else f"{names}: all are there"
