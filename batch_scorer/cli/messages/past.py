"""What the ledger and the manifests tell."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from typing_extensions import TypedDict

from batch_scorer.cli.calendar import DayState
from batch_scorer.cli.messages.fields import Json, of
from batch_scorer.core.chunks import Accounting, StagedFile
from batch_scorer.core.findings import FindingKind
from batch_scorer.core.records import AttemptRecord, AttemptState, GenerationRecord, Pin
from batch_scorer.core.waivers import Waived


class Day(TypedDict):
    """A day of the calendar; of several partitions the worst counts."""

    job: str
    day: dt.date
    state: DayState


class OpenPartition(TypedDict):
    partition: str
    path: str
    state: str
    headline: str
    run_id: str


class Status(TypedDict):
    """One job's health."""

    job: str
    n_published: int
    newest_partition: str | None
    last_success: dt.datetime | None
    last_run: str | None
    open: list[OpenPartition]
    late: bool


if TYPE_CHECKING:
    Attempt = dict[str, Any]
    Generation = dict[str, Any]
else:
    Attempt = of(AttemptRecord, partition=str)
    Generation = of(GenerationRecord, partition=str)


class Tried(TypedDict):
    """An attempt in short."""

    run_id: str
    parent_run_id: str | None
    started_at: dt.datetime
    state: AttemptState
    generation: int | None
    headline: str


class PartitionHistory(TypedDict):
    """A partition's current generation, what was tried since, and the newest attempts of all."""

    partition: str
    generation: Generation | None
    attempts: list[Attempt]
    history: list[Tried]


class Finding(TypedDict):
    """One contradiction between what is on disk and what was recorded."""

    kind: FindingKind
    partition: str
    file: str
    what: str
    expected: str
    found: str


class AuditedRun(TypedDict):
    run_id: str
    started_at: dt.datetime
    user: str
    host: str
    command: list[str]
    reason: str | None


class AuditedModel(TypedDict):
    name: str
    version: int
    alias: str | None
    sha256: str
    manifest_sha256: str
    signed_by: str | None


class AuditedInput(TypedDict):
    path: str
    n_bytes: int
    sha256: str | None
    etag: str | None


class AuditedRow(TypedDict):
    file: str
    row: int
    values: dict[str, Json]


class Audit(TypedDict):
    """Who made a published partition or row, when, from what."""

    job: str
    partition: str
    generation: int
    published_at: dt.datetime | None
    run: AuditedRun
    model: AuditedModel
    code_version: str
    environment: dict[str, str]
    rows: Accounting
    verdicts: list[Json]
    inputs: list[AuditedInput]
    outputs: list[StagedFile]
    quarantine: list[StagedFile]
    waivers: list[Waived]
    pin: Pin | None
    warnings: list[str]
    directory: str
    manifest: str
    manifest_sha256: str
    row: AuditedRow | None


class Quarantine(TypedDict):
    """Rows that a generation, or a blocked attempt, set aside."""

    job: str
    partition: str
    generation: int | None
    is_current: bool
    run_id: str
    n_rows: int
    n_read: int
    by_rule: dict[str, int]


class QuarantinedRow(TypedDict):
    """One row that was set aside, and the rules it broke."""

    partition: str
    generation: int
    key: dict[str, Json]
    rules: list[str]
    file: str
    row: int
    run_id: str
    values: dict[str, Json]


class Released(TypedDict):
    """Rules of a partition that are waived now, and those that were before."""

    job: str
    partition: str
    by_rule: dict[str, int]
    before: list[Waived]
