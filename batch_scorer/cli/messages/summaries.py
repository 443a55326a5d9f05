"""The last line of a verb that worked as asked."""

from __future__ import annotations

import datetime as dt
from typing import NotRequired

from typing_extensions import TypedDict

from batch_scorer.cli.messages.fields import typed
from batch_scorer.cli.messages.work import Error
from batch_scorer.core.plans import Action
from batch_scorer.planning.estimates import Estimate


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
PlanSummary = typed(
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
    """Of `models register`."""

    name: str
    version: int
    alias: str | None


class AliasSummary(TypedDict):
    """Of `models promote` and `models rollback`. was: null where the alias pointed nowhere."""

    name: str
    alias: str
    was: int | None
    version: int
    moved: bool
    dry_run: bool


class ModelsAtSummary(TypedDict):
    at: str
    timezone: str
    timezone_from: str
    n_aliases: int


class ModelsHistorySummary(TypedDict):
    name: str
    n_events: int


class ModelsDiffSummary(TypedDict):
    old: str
    new: str
    n_differences: int


class ModelsListSummary(TypedDict):
    n_versions: int


class ModelsKeygenSummary(TypedDict):
    private_key: str
    public_key: str
    fingerprint: str


class ModelsSignSummary(TypedDict):
    name: str
    version: int
    key: str
    signed_at: str


class ModelsVerifySummary(TypedDict):
    n_versions: int
    n_refused: int


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
