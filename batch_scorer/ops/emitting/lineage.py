"""A run as OpenLineage events: one job, one input table, one output table, whatever the partitions.

Pure, in the client's own classes (https://openlineage.io/spec/2-0-2/OpenLineage.json).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ulid import ULID

from batch_scorer.config.job import Job as JobFile
from batch_scorer.core.errors import Interrupted, RunTimedOut, Terminated
from batch_scorer.core.expressions.trees import names_in
from batch_scorer.core.models import ModelPin
from batch_scorer.core.outcomes import Blocked, Failed, PartitionOutcome, Published, headline
from batch_scorer.core.partitions import KeyType
from batch_scorer.core.plans import Plan
from batch_scorer.core.records import RunRecord
from batch_scorer.core.stores import is_object_url, parse_object_url
from batch_scorer.ops.emitting.expectations import Checked, expectations

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
    from openlineage.client.generated.column_lineage_dataset import ColumnLineageDatasetFacet, InputField

# The client demands a URI, and a name is all that this software has.
PRODUCER = "urn:batch-scorer:events"
_NAME = "batch-scorer"
_KEY_TYPES = {KeyType.DATE: "date32", KeyType.STRING: "string", KeyType.INT: "int64"}
_SEVERITIES = {True: "error", False: "warn", None: None}
_NOT_READY = 75
_MAX_NAMED = 5
_STOPS = {stop.exit_code for stop in (Interrupted, Terminated, RunTimedOut)}

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What all events of a job are about. input_root, predictions: absolute paths, or URLs."""

    job: JobFile
    namespace: str
    input_root: str
    predictions: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedRun:
    """output_columns: (name, Arrow type), as readers know the table; None: nothing was ever published."""

    run: RunRecord
    plan: Plan | None
    outcomes: tuple[PartitionOutcome, ...]
    ended_at: dt.datetime
    exit_code: int
    output_columns: tuple[tuple[str, str], ...] | None = None

    @property
    def published(self) -> tuple[Published, ...]:
        return tuple(outcome for outcome in self.outcomes if isinstance(outcome, Published))

    @property
    def stopped(self) -> bool:
        """By a person, a signal or the clock."""
        return self.exit_code in _STOPS

    @property
    def failed(self) -> bool:
        """Nothing that waits for its input or for another run is a failure, whatever the exit code says."""
        if not self.outcomes and self.run.error is None:
            return False
        return not self.stopped and self.exit_code not in (0, _NOT_READY)


def start_event(subject: Subject, run: RunRecord) -> RunEvent:
    from openlineage.client.event_v2 import InputDataset, OutputDataset, RunState

    return _event(
        subject,
        run,
        RunState.START,
        run.started_at,
        InputDataset(*_named(subject.input_root)),
        OutputDataset(*_named(subject.predictions)),
    )


def end_event(subject: Subject, ended: EndedRun) -> RunEvent:
    """COMPLETE, FAIL, or ABORT for a run that was stopped."""
    from openlineage.client.event_v2 import RunState
    from openlineage.client.facet_v2 import error_message_run, test_run

    state = RunState.ABORT if ended.stopped else RunState.FAIL if ended.failed else RunState.COMPLETE
    checked = expectations(ended.outcomes)
    event = _event(
        subject, ended.run, state, ended.ended_at, _input(subject, ended, checked), _output(subject, ended)
    )
    facets = event.run.facets = event.run.facets or {}
    if state is not RunState.COMPLETE:
        facets["errorMessage"] = _made(
            error_message_run.ErrorMessageRunFacet, message=_why(ended), programmingLanguage="PYTHON"
        )
    if checked:
        facets["test"] = _made(test_run.TestRunFacet, tests=[_test(one) for one in checked])
    return event


def _event(
    subject: Subject,
    run: RunRecord,
    state: RunState,
    at: dt.datetime,
    read: InputDataset,
    written: OutputDataset,
) -> RunEvent:
    from openlineage.client.event_v2 import RunEvent

    return RunEvent(
        eventType=state,
        eventTime=at.astimezone(dt.UTC).isoformat(),
        run=_run(run),
        job=_job(subject),
        inputs=[read],
        outputs=[written],
        producer=PRODUCER,
    )


def _run(run: RunRecord) -> Run:
    """runId: the same 128 bits as ours, written as a UUID."""
    from openlineage.client.event_v2 import Run
    from openlineage.client.facet_v2 import processing_engine_run, tags_run

    tags = {"run_id": run.run_id, "model": run.model, "target": run.target, "reason": run.reason}
    return Run(
        runId=str(ULID.from_str(run.run_id).to_uuid()),
        facets={
            "processing_engine": _made(
                processing_engine_run.ProcessingEngineRunFacet, name=_NAME, version=run.code_version
            ),
            "tags": _made(
                tags_run.TagsRunFacet,
                tags=[tags_run.TagsRunFacetFields(key, value, _NAME) for key, value in tags.items() if value],
            ),
        },
    )


def _job(subject: Subject) -> Job:
    from openlineage.client.event_v2 import Job
    from openlineage.client.facet_v2 import JobFacet, documentation_job, job_type_job, ownership_job

    job = subject.job
    facets: dict[str, JobFacet] = {
        "jobType": _made(
            job_type_job.JobTypeJobFacet, processingType="BATCH", integration="BATCH_SCORER", jobType="JOB"
        )
    }
    if job.description:
        facets["documentation"] = _made(documentation_job.DocumentationJobFacet, description=job.description)
    owners = [
        ownership_job.Owner(name=f"{kind}:{name}", type="OWNER")
        for kind, name in (("team", job.owner.team), ("email", job.owner.email))
        if name
    ]
    if owners:
        facets["ownership"] = _made(ownership_job.OwnershipJobFacet, owners=owners)
    return Job(subject.namespace, job.name, facets)


def _input(subject: Subject, ended: EndedRun, checked: Sequence[Checked]) -> InputDataset:
    from openlineage.client.event_v2 import InputDataset
    from openlineage.client.facet_v2 import (
        DatasetFacet,
        InputDatasetFacet,
        data_quality_assertions_dataset,
        input_statistics_input_dataset,
    )

    facets: dict[str, DatasetFacet] = {}
    if columns := _input_columns(ended.plan):
        facets["schema"] = _schema(subject, columns)
    of_input: dict[str, InputDatasetFacet] = {}
    if ended.published:
        found = {entry.partition: entry.found for entry in ended.plan.to_score} if ended.plan else {}
        read = [found.get(outcome.partition) for outcome in ended.published]
        files = [file for partition in read if partition for file in partition.files]
        of_input["inputStatistics"] = _made(
            input_statistics_input_dataset.InputStatisticsInputDatasetFacet,
            rowCount=sum(outcome.rows.n_read for outcome in ended.published),
            size=sum(file.stamp.size for file in files),
            fileCount=len(files),
        )
    if assertions := [_assertion(one) for one in checked if one.stage == "input"]:
        of_input["dataQualityAssertions"] = _made(
            data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet, assertions=assertions
        )
    return InputDataset(*_named(subject.input_root), facets=facets, inputFacets=of_input)


def _output(subject: Subject, ended: EndedRun) -> OutputDataset:
    """What was published of it; a run that published nothing says no more than the table's name."""
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import (
        DatasetFacet,
        OutputDatasetFacet,
        dataset_version_dataset,
        output_statistics_output_dataset,
        storage_dataset,
    )

    if not ended.published:
        return OutputDataset(*_named(subject.predictions))
    facets: dict[str, DatasetFacet] = {
        "version": _made(dataset_version_dataset.DatasetVersionDatasetFacet, datasetVersion=ended.run.run_id),
    }
    if subject.job.output.format == "delta":
        facets["storage"] = _made(
            storage_dataset.StorageDatasetFacet, storageLayer="delta", fileFormat="parquet"
        )
    if ended.output_columns is not None:
        facets["schema"] = _schema(subject, ended.output_columns)
    if ended.plan is not None:
        facets["columnLineage"] = _column_lineage(subject, ended.plan.models)
    statistics: dict[str, OutputDatasetFacet] = {
        "outputStatistics": _made(
            output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
            rowCount=sum(outcome.rows.n_scored for outcome in ended.published),
            size=sum(outcome.n_bytes for outcome in ended.published),
            fileCount=sum(outcome.n_files for outcome in ended.published),
        )
    }
    return OutputDataset(*_named(subject.predictions), facets=facets, outputFacets=statistics)


def _named(root: str) -> tuple[str, str]:
    """Namespace and name of a table, as https://openlineage.io/docs/spec/naming has them."""
    if is_object_url(root):
        url = parse_object_url(root)
        return url.bucket, url.key
    return "file", root


def _input_columns(plan: Plan | None) -> tuple[tuple[str, str], ...]:
    """As the newest partition to be scored has them, in its first file."""
    entries = plan.to_score if plan else ()
    newest = max((e for e in entries if e.footers), key=lambda e: e.label, default=None)
    return newest.footers[0].columns if newest else ()


def _schema(subject: Subject, columns: Sequence[tuple[str, str]]) -> Any:
    """columns: of the files; readers see the partition keys as columns too."""
    from openlineage.client.facet_v2 import schema_dataset

    keys = [(key.name, _KEY_TYPES[key.type]) for key in subject.job.input.partition_by]
    fields = [schema_dataset.SchemaDatasetFacetFields(name=n, type=kind) for n, kind in (*columns, *keys)]
    return _made(schema_dataset.SchemaDatasetFacet, fields=fields)


def _column_lineage(subject: Subject, models: Sequence[ModelPin]) -> ColumnLineageDatasetFacet:
    """Carried columns and partition keys are as they were; an output is made of all that the model takes."""
    from openlineage.client.facet_v2 import column_lineage_dataset as lineage

    def field(name: str, kind: str, subtype: str, description: str | None = None) -> InputField:
        how = lineage.Transformation(type=kind, subtype=subtype, description=description)
        return lineage.InputField(*_named(subject.input_root), name, [how])

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
    return _made(
        lineage.ColumnLineageDatasetFacet,
        fields=fields,
        dataset=[field(name, "INDIRECT", "FILTER") for name in filtered],
    )


def _assertion(one: Checked) -> Any:
    from openlineage.client.facet_v2 import data_quality_assertions_dataset

    return data_quality_assertions_dataset.Assertion(
        assertion=one.type,
        success=one.success,
        column=one.column,
        severity=_SEVERITIES[one.stops],
        name=one.suite,
        actual=one.found,
    )


def _test(one: Checked) -> Any:
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


def _why(ended: EndedRun) -> str:
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


def _made(facet: Callable[..., T], **fields: Any) -> T:
    """By us, not by the client, whose name is a global default."""
    return facet(producer=PRODUCER, **fields)
