"""Every JSON line that `--json` writes, by its type, and the JSON Schema that is published of them.

One class is one message type (of `summary`, one class for each verb). A line with a field that is not here,
or without one that is here, fails the tests: they hold every line they see against `messages_schema()`.
So a new field or type is added here and in `docs/cli.md`, then `scripts/docs` writes the published copy.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal, NotRequired, get_type_hints

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

# Python 3.11's own is refused by pydantic: it cannot tell which fields may be absent.
from typing_extensions import TypedDict

from batch_scorer.cli.calendar import DayState
from batch_scorer.cli.output import SCHEMA_VERSION
from batch_scorer.core.chunks import Accounting, StagedFile
from batch_scorer.core.findings import FindingKind
from batch_scorer.core.models import ModelManifest
from batch_scorer.core.plans import Action, Cause
from batch_scorer.core.records import AttemptRecord, AttemptState, GenerationRecord, Pin, RunRecord
from batch_scorer.core.volume import VolumeBaseline
from batch_scorer.core.waivers import Waived
from batch_scorer.planning.estimates import Estimate
from batch_scorer.planning.explaining import Explanation

Json = Any  # a document of somebody else: Great Expectations' own, a job file's, a row's values


class _Exactly(GenerateJsonSchema):
    """No fields but those named, all of them there: a record that gains one changes the published schema."""

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> dict[str, Any]:
        found = super().dataclass_schema(schema)
        return {**found, "required": list(found.get("properties", ())), "additionalProperties": False}

    def typed_dict_schema(self, schema: core_schema.TypedDictSchema) -> dict[str, Any]:
        return {**super().typed_dict_schema(schema), "additionalProperties": False}

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])  # nobody but us fills in what is left out

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False  # they only repeat the names


def _of(record: type, **others: Any) -> Any:
    """The fields of one of our records, as `asdict` tells them. others: added, or told otherwise."""
    hints = get_type_hints(record)
    return _typed(record.__name__, {one.name: hints[one.name] for one in fields(record)} | others)


def _typed(name: str, told: Mapping[str, Any]) -> Any:
    return TypedDict(name, dict(told))  # type: ignore[operator]


# What a run or a plan tells


class Reason(TypedDict):
    cause: Cause
    text: str


class Error(TypedDict):
    """A failure as errors tell it: its class, what, where, fix, the next command."""

    error: str
    what: str
    where: NotRequired[str]
    fix: NotRequired[str]
    next: NotRequired[str]


class Rows(TypedDict):
    """read = scored + quarantined + dropped."""

    read: int
    scored: int
    quarantined: int
    dropped: int


class PartitionPlan(TypedDict):
    """What would be done with one partition, and why."""

    partition: str
    action: Action
    reasons: list[Reason]
    model: str
    warnings: list[str]
    n_rows: int | None
    n_bytes: int | None
    problem: Error | None
    volume_baseline: VolumeBaseline | None
    explain: NotRequired[Explanation]


class RunStarted(TypedDict):
    """There is something to do, and it begins."""

    run_id: str
    job: str
    model: str
    n_partitions: int


class RowsRead(TypedDict):
    """One unit of work of a partition is read."""

    label: str
    n_rows: int


class PartitionDone(TypedDict):
    """What became of one partition; generation and rows of a published one, error of a failed or held one."""

    partition: str
    state: Literal["published", "blocked", "failed", "held", "overtaken"]
    headline: str
    warnings: list[str]
    generation: NotRequired[int]
    rows: NotRequired[Rows]
    error: NotRequired[Error]


# What the ledger and the manifests tell


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
    Attempt = _of(AttemptRecord, partition=str)
    Generation = _of(GenerationRecord, partition=str)


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


class AuditedInput(TypedDict):
    path: str
    n_bytes: int
    sha256: str | None


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


# What mending tells


class Rebuilt(TypedDict):
    """A partition whose history was told again."""

    partition: str
    generation: int | None
    n_generations: int


class Repaired(TypedDict):
    """One thing that a run that died left behind, and what was done about it."""

    text: str


class Holder(TypedDict):
    """A run that holds leases, and whether it lives."""

    run_id: str
    verb: str
    user: str
    host: str
    pid: int
    since: dt.datetime
    heartbeat_at: dt.datetime
    state: Literal["alive", "dead", "silent", "unknown"]
    partitions: list[str]


class Garbage(TypedDict):
    """Something that nothing needs any more."""

    job: str
    partition: str | None
    kind: Literal["replaced", "unfinished", "quarantine", "log"]
    name: str
    age_s: int


# What is there before a run


class ListedModel(TypedDict):
    """A model version, in short."""

    name: str
    version: int
    aliases: list[str]
    format: str
    estimator: str
    registered_at: str


class ListedSuite(TypedDict):
    name: str
    n_expectations: int
    fingerprint: str


class DraftedExpectation(TypedDict):
    """An expectation as the suite's file has it, and its rule in words."""

    rule: str
    type: str
    kwargs: dict[str, Json]
    severity: str
    notes: NotRequired[Json]
    meta: NotRequired[Json]


class Choice(TypedDict):
    """What was chosen for a drafted job, and why."""

    about: str
    chosen: str
    why: str


class LeftOut(TypedDict):
    """A column about whose values nothing was drafted."""

    column: str
    why: str


class ChangedArgument(TypedDict):
    name: str
    old: Json
    new: Json


class Difference(TypedDict):
    """What a suite checks otherwise than another."""

    change: Literal["added", "removed", "changed"]
    rule: str
    type: str
    kwargs: dict[str, Json]
    severity: str
    changes: list[ChangedArgument]


class Coverage(TypedDict):
    """How one expectation is evaluated, and what its failure does."""

    suite: str
    stage: str
    rule: str
    type: str
    path: Literal["streamed", "gx", "not evaluated"]
    why: str
    does: str


class SuiteResult(TypedDict):
    """Great Expectations' own result; null with a problem where a stored one is gone."""

    suite: str
    partition: str
    result: Json
    stage: NotRequired[str]
    problem: NotRequired[str | None]


class Page(TypedDict):
    """An HTML page that was written."""

    path: str
    job: str
    run_id: str
    n_partitions: int


class Check(TypedDict):
    """One thing that `doctor` looked at."""

    job: str
    check: str
    ok: bool
    found: str
    fix: str | None


class QuarantineRule(TypedDict):
    """What the failure of one expectation does."""

    job: str
    suite: str
    rule: str
    does: str


class Value(TypedDict):
    """A value of a job file, and where it came from."""

    job: str
    key: str
    value: Json
    source: str


class Mistake(TypedDict):
    """One of the mistakes of a job file; an error follows."""

    file: str
    line: int | None
    column: int | None
    text: str


class Schema(TypedDict):
    schema: dict[str, Json]


class Log(TypedDict):
    """A line that a run logged; worker of one that a worker said, exception with its traceback."""

    time: dt.datetime
    level: str
    logger: str
    message: str
    run_id: str | None
    worker: NotRequired[str]
    exception: NotRequired[str]


class Text(TypedDict):
    """Text for another program, as it is."""

    kind: str
    text: str
    file: NotRequired[str]


class Warned(TypedDict):
    text: str


class Ended(Error):
    """The last line of a verb that did not work."""

    exit_code: int


# The last line of a verb that worked as asked


class InitSummary(TypedDict):
    """Of `init` and `schedule render -o`; the rest of a job that was drafted from a table."""

    written: list[str]
    job: NotRequired[str]
    looked_at: NotRequired[str]
    next: NotRequired[list[str]]


class SchemaSummary(TypedDict):
    file: str | None


class ValidateConfigSummary(TypedDict):
    n_jobs: int


# With how many partitions, for each action that occurs.
PlanSummary = _typed(
    "PlanSummary",
    {"job": str, "model": str, "today": dt.date, "estimate": Estimate}
    | {f"n_{action.value.lower()}": NotRequired[int] for action in Action},
)


class RunSummary(TypedDict):
    """Of `run`, `backfill`, `retry`. error: what stopped the run as a whole."""

    run_id: str | None
    parent_run_id: NotRequired[str]
    n_published: int
    n_blocked: int
    n_failed: int
    error: Error | None


class StatusSummary(TypedDict):
    n_late: int


class RunsSummary(TypedDict):
    n_runs: int


class ShowSummary(TypedDict):
    run_id: str


class VerifySummary(TypedDict):
    job: str
    n_partitions: int
    n_damaged: int
    n_findings: int
    n_rescored: int


class AuditSummary(TypedDict):
    job: str


class QuarantineListSummary(TypedDict):
    n_generations: int
    n_rows: int


class QuarantineShowSummary(TypedDict):
    job: str
    n_rows: int
    n_shown: int


class QuarantineReleaseSummary(TypedDict):
    job: str
    n_released: int
    dry_run: bool


class LedgerRebuildSummary(TypedDict):
    job: str
    n_partitions: int
    n_runs: int
    n_generations: int


class RollbackSummary(TypedDict):
    job: str
    partition: str
    was: int
    shows: int
    generation: int | None
    run_id: str | None
    dry_run: bool


class UnpinSummary(TypedDict):
    job: str
    partition: str
    generation: int
    dry_run: bool


class RepairSummary(TypedDict):
    job: str
    n_repaired: int
    dry_run: bool


class UnlockSummary(TypedDict):
    job: str
    n_holders: int
    dry_run: bool


class CancelSummary(TypedDict):
    run_id: str
    host: str
    pid: int
    dry_run: bool


class GcSummary(TypedDict):
    n_removed: int
    dry_run: bool


class ModelSummary(TypedDict):
    """Of `models register` and `models promote`."""

    name: str
    version: int
    alias: str | None


class ModelsListSummary(TypedDict):
    n_versions: int


class SuitesListSummary(TypedDict):
    n_suites: int


class SuitesNewSummary(TypedDict):
    suite: str
    file: str
    n_expectations: int
    n_rows: int
    n_files: int
    n_partitions: int
    looked_at: str


class SuitesCoverageSummary(TypedDict):
    job: str
    partition: str
    n_streamed: int
    n: int


class SuitesDiffSummary(TypedDict):
    n_differences: int


class SuitesCheckSummary(TypedDict):
    success: bool
    failed: list[str]
    not_evaluated: str | None


class BareSummary(TypedDict):
    """Of verbs with nothing to count."""


MESSAGES: Mapping[str, tuple[Any, ...]] = {
    "partition_plan": (PartitionPlan,),
    "run_started": (RunStarted,),
    "rows_read": (RowsRead,),
    "partition_done": (PartitionDone,),
    "warning": (Warned,),
    "status": (Status,),
    "day": (Day,),
    "run": (_of(RunRecord), _of(RunRecord, attempt=int, retried_by=list[str])),
    "attempt": (Attempt,),
    "partition": (PartitionHistory,),
    "finding": (Finding,),
    "audit": (Audit,),
    "quarantine": (Quarantine,),
    "quarantined_row": (QuarantinedRow,),
    "released": (Released,),
    "rebuilt": (Rebuilt,),
    "repaired": (Repaired,),
    "holder": (Holder,),
    "garbage": (Garbage,),
    "model_version": (ListedModel, _of(ModelManifest, aliases=list[str])),
    "suite": (ListedSuite,),
    "expectation": (DraftedExpectation,),
    "choice": (Choice,),
    "left_out": (LeftOut,),
    "difference": (Difference,),
    "coverage": (Coverage,),
    "suite_result": (SuiteResult,),
    "page": (Page,),
    "check": (Check,),
    "quarantine_rule": (QuarantineRule,),
    "value": (Value,),
    "mistake": (Mistake,),
    "schema": (Schema,),
    "log": (Log,),
    "text": (Text,),
    "error": (Ended,),
    "summary": (
        BareSummary,
        InitSummary,
        SchemaSummary,
        ValidateConfigSummary,
        PlanSummary,
        RunSummary,
        StatusSummary,
        RunsSummary,
        ShowSummary,
        VerifySummary,
        AuditSummary,
        QuarantineListSummary,
        QuarantineShowSummary,
        QuarantineReleaseSummary,
        LedgerRebuildSummary,
        RollbackSummary,
        UnpinSummary,
        RepairSummary,
        UnlockSummary,
        CancelSummary,
        GcSummary,
        ModelSummary,
        ModelsListSummary,
        SuitesListSummary,
        SuitesNewSummary,
        SuitesCoverageSummary,
        SuitesDiffSummary,
        SuitesCheckSummary,
    ),
}


def messages_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12, of one line. `$defs` has each message type by its name."""
    definitions: dict[str, Any] = {}
    for message_type, kinds in MESSAGES.items():
        variants = [_line(message_type, kind, definitions) for kind in kinds]
        definitions[message_type] = variants[0] if len(variants) == 1 else {"anyOf": variants}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A line that batch-scorer --json writes, schema_version {SCHEMA_VERSION}",
        "type": "object",
        "required": ["schema_version", "message_type"],
        "properties": {"message_type": {"enum": list(MESSAGES)}},
        "allOf": [_when(message_type) for message_type in MESSAGES],
        "$defs": dict(sorted(definitions.items())),
    }


def _when(message_type: str) -> dict[str, Any]:
    """A choice by `if`, not by `anyOf`: a validator then names the field that is wrong."""
    is_it = {"properties": {"message_type": {"const": message_type}}, "required": ["message_type"]}
    return {"if": is_it, "then": {"$ref": f"#/$defs/{message_type}"}}


def _line(message_type: str, kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """What `emit` makes of these fields. definitions: gains what they refer to."""
    found = TypeAdapter(kind).json_schema(mode="serialization", schema_generator=_Exactly)
    definitions.update(found.pop("$defs", {}))
    first = {"schema_version": {"const": SCHEMA_VERSION}, "message_type": {"const": message_type}}
    last = {"exit_code": {"type": "integer"}} if message_type == "summary" else {}
    return {
        **found,
        "properties": {**first, **found.get("properties", {}), **last},
        "required": [*first, *found.get("required", []), *last],
    }
