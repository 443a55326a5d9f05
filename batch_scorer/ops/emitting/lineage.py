"""A run as OpenLineage events: one job, one input table, one output table, whatever the partitions.

Pure, in the client's own classes (https://openlineage.io/spec/2-0-2/OpenLineage.json).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ulid import ULID

from batch_scorer.core.plans import Plan
from batch_scorer.core.records import RunRecord
from batch_scorer.ops.emitting.ended import EndedRun, Subject
from batch_scorer.ops.emitting.expectations import Checked, expectations
from batch_scorer.ops.emitting.facets import (
    PRODUCER,
    assertion,
    column_lineage_facet,
    made,
    schema_facet,
    table_name,
    test_execution,
    why,
)

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState

_NAME = "batch-scorer"


def start_event(subject: Subject, run: RunRecord) -> RunEvent:
    from openlineage.client.event_v2 import InputDataset, OutputDataset, RunState

    return _event(
        subject,
        run,
        RunState.START,
        run.started_at,
        InputDataset(*table_name(subject.input_root)),
        OutputDataset(*table_name(subject.predictions)),
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
        facets["errorMessage"] = made(
            error_message_run.ErrorMessageRunFacet, message=why(ended), programmingLanguage="PYTHON"
        )
    if checked:
        facets["test"] = made(test_run.TestRunFacet, tests=[test_execution(one) for one in checked])
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
            "processing_engine": made(
                processing_engine_run.ProcessingEngineRunFacet, name=_NAME, version=run.code_version
            ),
            "tags": made(
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
        "jobType": made(
            job_type_job.JobTypeJobFacet, processingType="BATCH", integration="BATCH_SCORER", jobType="JOB"
        )
    }
    if job.description:
        facets["documentation"] = made(documentation_job.DocumentationJobFacet, description=job.description)
    owners = [
        ownership_job.Owner(name=f"{kind}:{name}", type="OWNER")
        for kind, name in (("team", job.owner.team), ("email", job.owner.email))
        if name
    ]
    if owners:
        facets["ownership"] = made(ownership_job.OwnershipJobFacet, owners=owners)
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
        facets["schema"] = schema_facet(subject, columns)
    of_input: dict[str, InputDatasetFacet] = {}
    if ended.published:
        found = {entry.partition: entry.found for entry in ended.plan.to_score} if ended.plan else {}
        read = [found.get(outcome.partition) for outcome in ended.published]
        files = [file for partition in read if partition for file in partition.files]
        of_input["inputStatistics"] = made(
            input_statistics_input_dataset.InputStatisticsInputDatasetFacet,
            rowCount=sum(outcome.rows.n_read for outcome in ended.published),
            size=sum(file.stamp.size for file in files),
            fileCount=len(files),
        )
    if assertions := [assertion(one) for one in checked if one.stage == "input"]:
        of_input["dataQualityAssertions"] = made(
            data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet, assertions=assertions
        )
    return InputDataset(*table_name(subject.input_root), facets=facets, inputFacets=of_input)


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
        return OutputDataset(*table_name(subject.predictions))
    facets: dict[str, DatasetFacet] = {
        "version": made(dataset_version_dataset.DatasetVersionDatasetFacet, datasetVersion=ended.run.run_id),
    }
    if subject.job.output.format == "delta":
        facets["storage"] = made(
            storage_dataset.StorageDatasetFacet, storageLayer="delta", fileFormat="parquet"
        )
    if ended.output_columns is not None:
        facets["schema"] = schema_facet(subject, ended.output_columns)
    if ended.plan is not None:
        facets["columnLineage"] = column_lineage_facet(subject, ended.plan.models)
    statistics: dict[str, OutputDatasetFacet] = {
        "outputStatistics": made(
            output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
            rowCount=sum(outcome.rows.n_scored for outcome in ended.published),
            size=sum(outcome.n_bytes for outcome in ended.published),
            fileCount=sum(outcome.n_files for outcome in ended.published),
        )
    }
    return OutputDataset(*table_name(subject.predictions), facets=facets, outputFacets=statistics)


def _input_columns(plan: Plan | None) -> tuple[tuple[str, str], ...]:
    """As the newest partition to be scored has them, in its first file."""
    entries = plan.to_score if plan else ()
    newest = max((e for e in entries if e.footers), key=lambda e: e.label, default=None)
    return newest.footers[0].columns if newest else ()
