"""The concrete parts that one job runs with. wiring.py chooses them; nothing else does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from batch_scorer.config.job import Job
from batch_scorer.core.plans import Plan
from batch_scorer.core.records import PartitionOutcome, RunRecord
from batch_scorer.core.validation import OnFail, Suite
from batch_scorer.execution.places import Places
from batch_scorer.lake.sinks import Sink
from batch_scorer.lake.storage import LakeStorage
from batch_scorer.ledger.ledger import Ledger
from batch_scorer.ledger.manifests import ManifestStore
from batch_scorer.models.registry import FileRegistry
from batch_scorer.validation.store import ValidationStore


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundSuite:
    """A suite of the job: when it is checked (input, output) and what its failure does."""

    suite: Suite
    on_fail: OnFail
    stage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobParts:
    """input_root: absolute. code: absolute directories for sys.path. config: the job file as resolved."""

    job: Job
    places: Places
    input_root: str
    code: tuple[str, ...]
    suites: tuple[BoundSuite, ...]
    suite_fingerprint: str
    config_fingerprint: str
    storage: LakeStorage
    registry: FileRegistry
    ledger: Ledger
    manifests: ManifestStore
    validations: ValidationStore
    sink: Sink
    code_version: str
    environment: Mapping[str, str]
    config: Mapping[str, Any] = field(default_factory=dict)
    target: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the command line adds to the job file for one run. None: as the job file says."""

    cluster: str | None = None
    workers: int | None = None
    timeout: timedelta | None = None
    wait_lock: timedelta = timedelta(0)
    fail_fast: bool = False
    empty_exit_code: int = 0
    error_on_warning: bool = False
    allow_schema_change: bool = False
    command: tuple[str, ...] = ()
    reason: str | None = None


class RunListener(Protocol):
    """Who wants to know how a run goes: a progress bar, a log, JSON Lines, nobody."""

    def run_started(self, run: RunRecord, plan: Plan) -> None: ...

    def rows_read(self, label: str, n_rows: int) -> None: ...

    def partition_done(self, outcome: PartitionOutcome) -> None: ...

    def warned(self, text: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """A finished run. warnings: of the run as a whole; a partition's are in its outcome."""

    run: RunRecord
    outcomes: tuple[PartitionOutcome, ...]
    exit_code: int
    warnings: tuple[str, ...] = ()
