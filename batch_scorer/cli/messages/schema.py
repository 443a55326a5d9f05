"""The JSON Schema that is published of our JSON lines.

One class is one message type (of `summary`, one class for each verb). A line with a field that is not there,
or without one that is there, fails the tests: they hold every line they see against `messages_schema()`.
So a new field or type is added to a class beside this file and to `docs/cli.md`, then `scripts/docs` writes
the published copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from batch_scorer.cli.messages.fields import of
from batch_scorer.cli.messages.mending import Garbage, Holder, Rebuilt, Repaired
from batch_scorer.cli.messages.models import Consequence, Differs, Gate, Meaning, ModelEvent
from batch_scorer.cli.messages.past import (
    Attempt,
    Audit,
    Day,
    Finding,
    PartitionHistory,
    Quarantine,
    QuarantinedRow,
    Released,
    Status,
)
from batch_scorer.cli.messages.projects import (
    CardPage,
    Check,
    Choice,
    Coverage,
    Difference,
    DraftedExpectation,
    Ended,
    LeftOut,
    ListedModel,
    ListedSuite,
    Log,
    Mistake,
    Page,
    QuarantineRule,
    Schema,
    ShownModel,
    SuiteResult,
    Text,
    Value,
    VerifiedModel,
    Warned,
)
from batch_scorer.cli.messages.summaries import (
    AliasSummary,
    AuditSummary,
    BareSummary,
    CancelSummary,
    GcSummary,
    InitSummary,
    LedgerRebuildSummary,
    ModelsAtSummary,
    ModelsDiffSummary,
    ModelsHistorySummary,
    ModelsKeygenSummary,
    ModelsListSummary,
    ModelsSignSummary,
    ModelSummary,
    ModelsVerifySummary,
    PlanSummary,
    QuarantineListSummary,
    QuarantineReleaseSummary,
    QuarantineShowSummary,
    RepairSummary,
    RollbackSummary,
    RunsSummary,
    RunSummary,
    SchemaSummary,
    ShowSummary,
    StatusSummary,
    SuitesCheckSummary,
    SuitesCoverageSummary,
    SuitesDiffSummary,
    SuitesListSummary,
    SuitesNewSummary,
    UnlockSummary,
    UnpinSummary,
    ValidateConfigSummary,
    VerifySummary,
)
from batch_scorer.cli.messages.work import PartitionDone, PartitionPlan, RowsRead, RunStarted
from batch_scorer.cli.output import SCHEMA_VERSION
from batch_scorer.core.records import RunRecord

MESSAGES: Mapping[str, tuple[Any, ...]] = {
    "partition_plan": (PartitionPlan,),
    "run_started": (RunStarted,),
    "rows_read": (RowsRead,),
    "partition_done": (PartitionDone,),
    "warning": (Warned,),
    "status": (Status,),
    "day": (Day,),
    "run": (of(RunRecord), of(RunRecord, attempt=int, retried_by=list[str])),
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
    "model_version": (ListedModel, ShownModel),
    "verified": (VerifiedModel,),
    "model_event": (ModelEvent,),
    "model_difference": (Differs,),
    "gate": (Gate,),
    "consequence": (Consequence,),
    "meaning": (Meaning,),
    "suite": (ListedSuite,),
    "expectation": (DraftedExpectation,),
    "choice": (Choice,),
    "left_out": (LeftOut,),
    "difference": (Difference,),
    "coverage": (Coverage,),
    "suite_result": (SuiteResult,),
    "page": (Page, CardPage),
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
        AliasSummary,
        ModelsAtSummary,
        ModelsHistorySummary,
        ModelsDiffSummary,
        ModelsListSummary,
        ModelsKeygenSummary,
        ModelsSignSummary,
        ModelsVerifySummary,
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
