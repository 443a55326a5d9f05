"""What the events of a run tell of: the job and its tables, and the run as it ended."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from batch_scorer.config.job import Job
from batch_scorer.core.errors import Interrupted, RunTimedOut, Terminated
from batch_scorer.core.outcomes import PartitionOutcome, Published
from batch_scorer.core.plans import Plan
from batch_scorer.core.records import RunRecord

_NOT_READY = 75
_STOPS = {stop.exit_code for stop in (Interrupted, Terminated, RunTimedOut)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What all events of a job are about. input_root, predictions: absolute paths, or URLs."""

    job: Job
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
