"""A run's end, made by hand: three days, one of them blocked, one failed."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from batch_scorer.config.job import Job
from batch_scorer.core.chunks import Accounting
from batch_scorer.core.errors import FileUnreadable
from batch_scorer.core.lakefiles import FileStamp, Footer, LakeFile, PartitionFiles, RowGroup
from batch_scorer.core.models import ColumnSpec, Method, ModelFormat, ModelPin, Signature
from batch_scorer.core.outcomes import Blocked, Failed, PartitionOutcome, Published
from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import Action, Cause, PartitionPlan, Plan, Reason, Selection
from batch_scorer.core.records import RunRecord, RunState
from batch_scorer.core.validation import FailedExpectation, OnFail, Severity, SuiteVerdict

START = dt.datetime(2024, 3, 11, 4, 30, tzinfo=dt.UTC)
END = START + dt.timedelta(seconds=90)
NOT_NULL: dict[str, Any] = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "ride_id"}}
FARE: dict[str, Any] = {
    "type": "expect_column_values_to_be_between",
    "kwargs": {"column": "fare", "min_value": 0, "max_value": 500},
}


def job(**changes: Any) -> Job:
    document: dict[str, Any] = {
        "version": 1,
        "name": "tips",
        "description": "Which rides end with a big tip",
        "owner": {"team": "earnings", "email": "earnings@example.com"},
        "schedule": {"timezone": "America/New_York"},
        "input": {
            "path": "data/lake/rides",
            "partition_by": {"ride_date": "date"},
            "key": ["ride_id"],
            "where": "trip_miles > 0",
        },
        "validate": {"input": [{"suite": "rides"}], "output": [{"suite": "scores", "on_fail": "warn"}]},
        "model": {"uri": "tips@champion", "output": {"score": "float64 = prediction"}},
        "output": {"path": "data/predictions/tips"},
    }
    return Job.model_validate(document | changes)


def day(number: int) -> Partition:
    return Partition(names=("ride_date",), values=(dt.date(2024, 3, number),))


def verdict(*expectations: tuple[dict[str, Any], bool], **changes: Any) -> SuiteVerdict:
    """As GX answers it: (expectation, holds)."""
    failed = tuple(
        FailedExpectation(
            type=config["type"],
            severity=Severity(config.get("severity", "critical")),
            summary="fare between 0 and 500 fails for 8.1 %",
            sets_aside=changes.get("on_fail") is OnFail.QUARANTINE,
        )
        for config, holds in expectations
        if not holds
    )
    return SuiteVerdict(
        **{
            "suite": "rides",
            "fingerprint": "f",
            "on_fail": OnFail.BLOCK,
            "stage": "input",
            "success": not failed,
            "failed": failed,
            "result": {
                "success": not failed,
                "results": [
                    {"expectation_config": config, "success": holds} for config, holds in expectations
                ],
            },
            **changes,
        }
    )


def published(number: int, **changes: Any) -> Published:
    outcome = Published(
        partition=day(number),
        label=str(day(number).date),
        generation=1,
        rows=Accounting(n_read=10, n_scored=7, n_quarantined=2, n_dropped=1),
        n_files=2,
        n_bytes=500,
        verdicts=(verdict((NOT_NULL, True), (FARE, True)),),
    )
    return replace(outcome, **changes)


def blocked(number: int) -> Blocked:
    return Blocked(
        partition=day(number),
        label=str(day(number).date),
        why="rides: fare between 0 and 500 fails for 8.1 %",
        verdicts=(verdict((NOT_NULL, True), (FARE, False)),),
    )


def failed(number: int) -> Failed:
    error = FileUnreadable("part-0.parquet is truncated")
    return Failed(partition=day(number), label=str(day(number).date), error=error)


def run(**changes: Any) -> RunRecord:
    record = RunRecord(
        run_id="01JQ8ZT0000000000000000000",
        job="tips",
        state=RunState.FINISHED,
        started_at=START,
        finished_at=END,
        exit_code=0,
        model="tips@7",
        model_sha256="a91c" * 16,
        command=("batch-scorer", "run", "tips"),
        host="box",
        pid=4711,
        user="cron",
        code_version="0.1.0",
    )
    return replace(record, **changes)


def plan(*numbers: int, **actions: Action) -> Plan:
    """Days to be scored; others by label with what is done with them instead."""
    entries = [
        PartitionPlan(
            label=str(day(number).date),
            action=Action.SCORE,
            reasons=(Reason(cause=Cause.MISSING, text="missing"),),
            partition=day(number),
            found=_files(number),
            footers=(
                Footer(
                    columns=(("ride_id", "int64"), ("fare", "double")),
                    row_groups=(RowGroup(n_rows=10, n_bytes=80),),
                ),
            ),
        )
        for number in numbers
    ]
    entries += [PartitionPlan(label=label, action=action, reasons=()) for label, action in actions.items()]
    return Plan(
        job="tips",
        today=dt.date(2024, 3, 11),
        timezone="America/New_York",
        selection=Selection(),
        model=_MODEL,
        suite_fingerprint="s",
        config_fingerprint="c",
        entries=tuple(entries),
        order=tuple(day(number) for number in numbers),
    )


def outcomes() -> tuple[PartitionOutcome, ...]:
    return (published(8), blocked(9), failed(10))


def _files(number: int) -> PartitionFiles:
    directory = day(number).path
    stamp = FileStamp(size=100, mtime_ns=1, ctime_ns=1, inode=1)
    files = tuple(LakeFile(path=f"{directory}/part-{n}.parquet", stamp=stamp) for n in range(3))
    return PartitionFiles(partition=day(number), directory=directory, files=files)


_MODEL = ModelPin(
    name="tips",
    version=7,
    alias="champion",
    directory="data/models/tips/7",
    artefact="model.joblib",
    format=ModelFormat.JOBLIB,
    sha256="a91c" * 16,
    manifest_sha256="beef" * 16,
    signature=Signature(
        columns=tuple(
            ColumnSpec(name=name, type="float64", nullable=True, pandas_dtype="float64")
            for name in ("fare", "trip_miles")
        ),
        outputs={Method.PREDICT: ()},
    ),
    files={},
    n_golden_rows=0,
)
