"""The facets of a run's events, each from what we know: schema, column lineage, assertions, tests, errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from batch_scorer.core.expressions.trees import names_in
from batch_scorer.core.models import ModelPin
from batch_scorer.core.outcomes import Blocked, Failed, headline
from batch_scorer.core.partitions import KeyType
from batch_scorer.core.stores import is_object_url, parse_object_url
from batch_scorer.ops.emitting.ended import EndedRun, Subject
from batch_scorer.ops.emitting.expectations import Checked

if TYPE_CHECKING:
    from openlineage.client.generated.column_lineage_dataset import ColumnLineageDatasetFacet, InputField

# The client demands a URI, and a name is all that this software has.
PRODUCER = "urn:batch-scorer:events"

_KEY_TYPES = {KeyType.DATE: "date32", KeyType.STRING: "string", KeyType.INT: "int64"}
_SEVERITIES = {True: "error", False: "warn", None: None}
_MAX_NAMED = 5

T = TypeVar("T")


def made(facet: Callable[..., T], **fields: Any) -> T:
    """By us, not by the client, whose name is a global default."""
    return facet(producer=PRODUCER, **fields)


def table_name(root: str) -> tuple[str, str]:
    """Namespace and name of a table, as https://openlineage.io/docs/spec/naming has them."""
    if is_object_url(root):
        url = parse_object_url(root)
        return url.bucket, url.key
    return "file", root


def schema_facet(subject: Subject, columns: Sequence[tuple[str, str]]) -> Any:
    """columns: of the files; readers see the partition keys as columns too."""
    from openlineage.client.facet_v2 import schema_dataset

    keys = [(key.name, _KEY_TYPES[key.type]) for key in subject.job.input.partition_by]
    fields = [schema_dataset.SchemaDatasetFacetFields(name=n, type=kind) for n, kind in (*columns, *keys)]
    return made(schema_dataset.SchemaDatasetFacet, fields=fields)


def column_lineage_facet(subject: Subject, models: Sequence[ModelPin]) -> ColumnLineageDatasetFacet:
    """Carried columns and partition keys are as they were; an output is made of all that the model takes."""
    from openlineage.client.facet_v2 import column_lineage_dataset as lineage

    def field(name: str, kind: str, subtype: str, description: str | None = None) -> InputField:
        how = lineage.Transformation(type=kind, subtype=subtype, description=description)
        return lineage.InputField(*table_name(subject.input_root), name, [how])

    job = subject.job
    same = (*job.carried_columns, *(key.name for key in job.input.partition_by))
    fields = {name: lineage.Fields([field(name, "DIRECT", "IDENTITY")]) for name in same}
    for output in job.model.output:
        used = ", ".join(model.reference for model in models)
        how = f"{job.model.method.value} of {used}: {output.source}"
        taken = dict.fromkeys(name for model in models for name in model.signature.names)
        features = [field(name, "DIRECT", "TRANSFORMATION", how) for name in taken]
        fields[output.name] = lineage.Fields(features)
    filtered = sorted(names_in(job.input.where)) if job.input.where else ()
    return made(
        lineage.ColumnLineageDatasetFacet,
        fields=fields,
        dataset=[field(name, "INDIRECT", "FILTER") for name in filtered],
    )


def assertion(one: Checked) -> Any:
    from openlineage.client.facet_v2 import data_quality_assertions_dataset

    return data_quality_assertions_dataset.Assertion(
        assertion=one.type,
        success=one.success,
        column=one.column,
        severity=_SEVERITIES[one.stops],
        name=one.suite,
        actual=one.found,
    )


def test_execution(one: Checked) -> Any:
    from openlineage.client.facet_v2 import test_run

    column = f".{one.column}" if one.column else ""
    return test_run.TestExecution(
        name=f"{one.suite}.{one.type}{column}",
        status="pass" if one.success else "fail",
        severity=_SEVERITIES[one.stops],
        type=one.type,
        actual=one.found,
        params={"suite": one.suite, "stage": one.stage},
    )


def why(ended: EndedRun) -> str:
    """What ended the run as a whole, if anything did, then what became of partitions: a line each, a few."""
    lines = list(_reasons(ended))
    if not lines:
        return f"exit {ended.exit_code}"
    n_more = len(lines) - _MAX_NAMED
    return "\n".join([*lines[:_MAX_NAMED], *([f"and {n_more} more"] if n_more > 0 else [])])


def _reasons(ended: EndedRun) -> Iterator[str]:
    if ended.run.error:
        yield str(ended.run.error["what"])
    for outcome in ended.outcomes:
        if isinstance(outcome, Failed | Blocked):
            yield f"{outcome.label}: {headline(outcome)}"
        else:
            yield from (f"{outcome.label}: {warning}" for warning in outcome.warnings)
