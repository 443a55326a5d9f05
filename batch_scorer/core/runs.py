"""A run from outside: what was asked on the command line, who listens, what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Protocol

from batch_scorer.core.errors import BatchScorerError
from batch_scorer.core.outcomes import PartitionOutcome
from batch_scorer.core.plans import Plan
from batch_scorer.core.records import RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the command line adds to the job file for one run. None: as the job file says."""

    cluster: str | None = None
    workers: int | None = None
    timeout: timedelta | None = None
    wait_lock: timedelta = timedelta(0)
    fail_fast: bool = False
    empty_exit_code: int = 0
    error_on: Literal["warning", "quarantine"] | None = None
    allow_schema_change: bool = False
    command: tuple[str, ...] = ()
    reason: str | None = None
    max_parallel: int | None = None  # partitions in hand at once
    parent_run_id: str | None = None  # of the run that is retried


# Called with the exit code that the ledger has now, and what tells whether a signal has come to the run.
Recorded = Callable[[int, Callable[[], bool]], None]


class RunListener(Protocol):
    """Who wants to know how a run goes: a progress bar, a log, JSON Lines, nobody."""

    def run_started(self, run: RunRecord, plan: Plan) -> None: ...

    def rows_read(self, label: str, n_rows: int) -> None: ...

    def partition_done(self, outcome: PartitionOutcome) -> None: ...

    def warned(self, text: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHead:
    """What the records of other things ask of a run: no more than a few words, however much it did.

    model_sha256, parent_run_id: as in RunRecord.
    """

    job: str
    model_sha256: str
    parent_run_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast a run was, all in: n_rows it read, in so many seconds from its start to its end."""

    n_rows: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """A finished run. warnings: of the run as a whole; a partition's are in its outcome."""

    run: RunRecord
    outcomes: tuple[PartitionOutcome, ...]
    exit_code: int
    warnings: tuple[str, ...] = ()


class RunObserver(Protocol):
    """Who is told outside of this process how runs go: people, monitors, a catalogue of lineage.

    Each call comes in a thread of its own and is given a few seconds, after which the run goes on without
    it: `ended` may come while a `started` that hangs is still under way. What it raises becomes a warning of
    the run, so what it raises must not tell a secret.
    """

    @property
    def name(self) -> str:
        """Stands before its warnings: `webhook ALERT_WEBHOOK`."""

    def started(self, run: RunRecord, plan: Plan) -> None:
        """The plan is made and the ledger knows the run; nothing is done yet. Also when nothing is due."""

    def ended(self, report: RunReport, plan: Plan) -> None:
        """However it ended, stopped by a signal included. Not when the process is killed."""

    def refused(self, error: BatchScorerError) -> None:
        """It ended before it was a run, and the ledger knows nothing of it: a lock, a model, a suite."""
