"""A lake, a ledger and a clock as values: planning needs nothing else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from batch_scorer.config.job import Job
from batch_scorer.core.lakefiles import (
    FileStamp,
    Inventory,
    LakeFile,
    PartitionFiles,
    RefusedDirectory,
    content_fingerprint,
)
from batch_scorer.core.models import ModelFormat, ModelPin, Signature
from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import PartitionPlan, Plan, Selection
from batch_scorer.core.records import (
    AttemptRecord,
    AttemptState,
    CurrentGeneration,
    Ingredients,
    PartitionPast,
    Pin,
)
from batch_scorer.core.waivers import Waived, Waiver
from batch_scorer.planning.plan import build_plan

NOW = dt.datetime(2024, 4, 10, 15, 0, tzinfo=dt.UTC)  # ten in the morning of the 10th in Chicago
LONG_AGO = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
V6: Mapping[str, Any] = {"model_version": 6, "model_sha256": "beef" * 16}  # an older model, other bytes


def make_job(
    *,
    partition_by: dict[str, str] | None = None,
    ready: dict[str, Any] | None = None,
    volume: dict[str, Any] | None = None,
    **schedule: Any,
) -> Job:
    return Job.model_validate(
        {
            "version": 1,
            "name": "tips",
            "schedule": {"timezone": "America/Chicago", **schedule},
            "input": {
                "path": "data/lake/rides",
                "partition_by": partition_by or {"ds": "date"},
                "key": ["ride_id"],
                "ready": ready or {},
            },
            "validate": {"volume": volume or {}},
            "model": {"uri": "tips@champion", "output": {"score": "float64 = prediction"}},
            "output": {"path": "data/predictions/tips"},
        }
    )


def make_model(version: int = 7, sha256: str = "a91c" * 16, name: str = "tips") -> ModelPin:
    return ModelPin(
        name=name,
        version=version,
        alias="champion",
        directory=f"models/{name}/{version}",
        artefact="model.skops",
        format=ModelFormat.SKOPS,
        sha256=sha256,
        manifest_sha256="0" * 64,
        signature=Signature(columns=(), outputs={}),
        files={},
        n_golden_rows=0,
    )


def day(text: str) -> Partition:
    return Partition(names=("ds",), values=(dt.date.fromisoformat(text),))


def april(n: int) -> Partition:
    return day(f"2024-04-{n:02}")


def make_found(
    partition: Partition,
    *,
    n_files: int = 1,
    size: int = 100,
    written: dt.datetime = LONG_AGO,
    sha256: str | None = None,
    has_marker: bool = True,
) -> PartitionFiles:
    mtime_ns = int(written.timestamp()) * 10**9
    stamp = FileStamp(size=size, mtime_ns=mtime_ns, ctime_ns=mtime_ns, inode=5)
    return PartitionFiles(
        partition=partition,
        directory=partition.path,
        files=tuple(
            LakeFile(path=f"{partition.path}/part-{n}.parquet", stamp=stamp, sha256=sha256)
            for n in range(n_files)
        ),
        has_marker=has_marker,
    )


def make_ingredients(found: PartitionFiles, **changes: Any) -> Ingredients:
    """Of a run with make_model(), suites "s" and config "c"."""
    model = make_model()
    made = Ingredients(
        stamps=found.stamp_fingerprint,
        model_name=model.name,
        model_version=model.version,
        model_sha256=model.sha256,
        suite_fingerprint="s",
        config_fingerprint="c",
    )
    return replace(made, **changes)


def published(
    found: PartitionFiles, *, number: int = 1, pinned: bool = False, n_read: int = 10, **ingredients: Any
) -> PartitionPast:
    """found was scored; every file's content is `"5f2e…"`."""
    inputs = tuple(replace(file, sha256="5f2e" * 16) for file in found.files)
    current = CurrentGeneration(
        number=number,
        run_id="01JQ8Z",
        ingredients=make_ingredients(found, **ingredients),
        input_fingerprint=content_fingerprint(inputs),
        n_read=n_read,
        pin=Pin(by="ana", at=LONG_AGO, why="v6 is good") if pinned else None,
        inputs=inputs,
    )
    return PartitionPast(partition=found.partition, current=current)


def tried(
    record: PartitionPast | None, found: PartitionFiles, *states: AttemptState, **ingredients: Any
) -> PartitionPast:
    """The record with attempts since the current generation, newest first."""
    attempts = tuple(
        AttemptRecord(
            run_id="01JQ8Z",
            job="tips",
            partition_label=found.partition.label,
            partition_path=found.partition.path,
            state=state,
            ingredients=make_ingredients(found, **ingredients),
            reasons=("missing",),
            started_at=LONG_AGO,
            finished_at=LONG_AGO,
            headline="fare is negative",
            partition=found.partition,
        )
        for state in states
    )
    return replace(record or PartitionPast(partition=found.partition), attempts=attempts)


def released(
    record: PartitionPast,
    found: PartitionFiles,
    why: str = "fares are right",
    *,
    at: dt.datetime = LONG_AGO,
    after_generation: int | None = None,
    content: str | None = None,
) -> PartitionPast:
    """The record with a waiver for these files, whose content is `"5f2e…"`."""
    files = tuple(replace(file, sha256="5f2e" * 16) for file in found.files)
    current = record.current.number if record.current else 0
    waiver = Waiver(
        job="tips",
        partition=found.partition,
        input_fingerprint=content or content_fingerprint(files),
        stamps=found.stamp_fingerprint,
        after_generation=current if after_generation is None else after_generation,
        waived=Waived(rules=("rides: fare positive",), by="ana", at=at, why=why),
    )
    return replace(record, waivers=(*record.waivers, waiver))


PlanFor = Callable[..., Plan]


@pytest.fixture
def plan_for() -> PlanFor:
    """`plan_for(job, found…, records=[…], refused=[…], now=…, **selection)`, with make_model()'s champion."""

    def build(
        job: Job,
        *found: PartitionFiles,
        records: list[PartitionPast] | None = None,
        refused: tuple[RefusedDirectory, ...] = (),
        now: dt.datetime = NOW,
        **selection: Any,
    ) -> Plan:
        return build_plan(
            job,
            inventory=Inventory(partitions=found, refused=refused),
            model=make_model(),
            suite_fingerprint="s",
            config_fingerprint="c",
            records={record.partition: record for record in records or []},
            selection=Selection(**selection),
            now=now,
        )

    return build


def rows(plan: Plan) -> list[tuple[str, str, str]]:
    """(label, action, why) as a person reads them."""
    return [(entry.label, entry.action.value, entry.why) for entry in plan.entries]


def only(plan: Plan) -> PartitionPlan:
    (entry,) = plan.entries
    return entry
