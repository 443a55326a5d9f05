"""The columns readers know stay as they are: who is odd, the partition or the job file?"""

from __future__ import annotations

from batch_scorer.core.errors import ColumnTypeMismatch, OutputSchemaChanged
from batch_scorer.core.lakefiles import PartitionFiles
from batch_scorer.core.plans import Plan
from batch_scorer.execution.parts import JobParts

Columns = tuple[tuple[str, str], ...]


def check_output_columns(
    parts: JobParts,
    plan: Plan,
    found: PartitionFiles,
    carried: Columns,
    columns: Columns,
    published: Columns | None,
) -> None:
    """carried: (name, Arrow type) as this partition's files have them. columns: of the output it would give.

    published: of the output as readers know it, None before anything was published.
    Before anything was published, what most due partitions agree on is what readers will know.
    Raises: ColumnTypeMismatch (this partition is odd), OutputSchemaChanged (the job file is).
    """
    known = dict(plan.agreed_columns if published is None else published)
    for name, kind in carried:
        if known.get(name, kind) not in (kind, "null"):
            raise _odd_column(found, name, kind, known[name], parts.job.name)
    if published is not None and published != columns:
        raise _changed(parts, published, columns)


def _odd_column(found: PartitionFiles, name: str, kind: str, known: str, job: str) -> ColumnTypeMismatch:
    return ColumnTypeMismatch(
        f'column "{name}" is {kind} in {found.partition} but {known} in the published table',
        where=f"{found.directory}/{found.files[0].path.rsplit('/', 1)[-1]}",
        fix=f"write it as {known} upstream (nulls turn integers into float64); "
        "if the whole table has changed, tell its readers and allow it once",
        next_command=f"batch-scorer run {job} --allow-schema-change",
    )


def _changed(parts: JobParts, published: Columns, columns: Columns) -> OutputSchemaChanged:
    was, now = dict(published), dict(columns)
    changes = [f"{name} is gone" for name in was if name not in now]
    changes += [f"{name} ({now[name]}) is new" for name in now if name not in was]
    changes += [
        f"{name} was {was[name]}, would be {now[name]}"
        for name in was
        if name in now and was[name] != now[name]
    ]
    return OutputSchemaChanged(
        "the output would have other columns than what is published: "
        + ("; ".join(changes) or "their order changed"),
        where=parts.places.predictions,
        fix="tell the readers first, then run once with --allow-schema-change",
        next_command=f"batch-scorer run {parts.job.name} --allow-schema-change",
    )
