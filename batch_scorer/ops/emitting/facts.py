"""What is known about a job when a run of it has ended: the run itself, and what the ledger holds by then."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from zoneinfo import ZoneInfo

from batch_scorer.core.chunks import NO_ROWS, Accounting
from batch_scorer.core.outcomes import Blocked, Failed, Held, Overtaken, PartitionOutcome, Published
from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import Plan
from batch_scorer.core.records import AttemptState, PartitionPast, RunRecord
from batch_scorer.core.validation import OnFail, SuiteVerdict

_DAY = dt.timedelta(days=1)
_OUTCOMES = {
    Published: "published",
    Blocked: "blocked",
    Failed: "failed",
    Held: "held",
    Overtaken: "overtaken",
}
_RESULTS = ("passed", "warned", "quarantined", "failed")


class Remembers(Protocol):
    """What emitters ask of a ledger, as ledger/ledger.py has it. Raises: StoreUnavailable, DamageFound."""

    def pasts(self, job: str) -> dict[Partition, PartitionPast]: ...

    def last_success(self, job: str) -> dt.datetime | None: ...

    def output_columns(self, job: str) -> tuple[tuple[str, str], ...] | None: ...

    def close(self) -> None: ...


OpenLedger = Callable[[], Remembers]  # for reading, by whoever it is given to: an emitter runs in a thread


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What the ledger holds of a job. last_success: the end of the newest run that counts as one."""

    partitions: Mapping[Partition, PartitionPast]
    last_success: dt.datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFacts:
    """suites: (name, stage) of the job's. run, plan: None when it ended before it was a run.

    history: None when the ledger cannot be read. Times are aware.
    """

    timezone: str
    suites: tuple[tuple[str, str], ...]
    ended_at: dt.datetime
    exit_code: int
    run: RunRecord | None = None
    plan: Plan | None = None
    outcomes: tuple[PartitionOutcome, ...] = field(default=())
    history: History | None = None

    @property
    def rows(self) -> Accounting:
        """Of what the run published."""
        return sum((each.rows for each in self.outcomes if isinstance(each, Published)), NO_ROWS)

    @property
    def partitions_by_outcome(self) -> dict[str, int]:
        """Of the run; every outcome is in it."""
        found = Counter(_OUTCOMES[type(outcome)] for outcome in self.outcomes)
        return {name: found[name] for name in _OUTCOMES.values()}

    @property
    def partitions_by_state(self) -> dict[str, int]:
        """Of all that the ledger knows, each once: failed and blocked are those whose newest try was, be
        there older predictions or not.
        """
        found: Counter[str] = Counter()
        for past in self.history.partitions.values() if self.history else ():
            newest = past.attempts[0].state if past.attempts else None
            if newest in (AttemptState.FAILED, AttemptState.BLOCKED):
                found[newest.value] += 1
            elif past.current is not None:
                found[AttemptState.PUBLISHED.value] += 1
        return {state.value: found[state.value] for state in AttemptState}

    @property
    def suite_results(self) -> dict[tuple[str, str, str], int]:
        """(suite, stage, result) → partitions of the run; every suite of the job is in it."""
        found = Counter(
            (verdict.suite, verdict.stage, result_of(verdict))
            for outcome in self.outcomes
            if isinstance(outcome, Published | Blocked)
            for verdict in outcome.verdicts
        )
        known = dict.fromkeys((*self.suites, *((suite, stage) for suite, stage, _ in found)))
        return {(*suite, result): found[(*suite, result)] for suite in known for result in _RESULTS}

    @property
    def newest_day_end(self) -> dt.datetime | None:
        """When the newest published day ended in the job's time zone; no later than today's end.

        None: nothing is published, partitions have no date, or the ledger cannot be read.
        """
        zone = ZoneInfo(self.timezone)
        today = self.ended_at.astimezone(zone).date()
        days = [
            day
            for past in (self.history.partitions.values() if self.history else ())
            if past.current is not None and (day := past.partition.date) is not None and day <= today
        ]
        if not days:
            return None
        # In UTC: within one zone Python subtracts what clocks on the wall show, an hour off twice a year.
        return dt.datetime.combine(max(days) + _DAY, dt.time(), zone).astimezone(dt.UTC)

    @property
    def lag(self) -> dt.timedelta | None:
        """How long ago the newest published day ended, seen from the run's end; never below 0."""
        end = self.newest_day_end
        return None if end is None else max(self.ended_at - end, dt.timedelta(0))


def result_of(verdict: SuiteVerdict) -> str:
    """passed; failed: it stops the partition; quarantined: rows were set aside; warned: it only told."""
    if verdict.success:
        return "passed"
    if verdict.blocks:
        return "failed"
    sets_aside = any(failure.sets_aside for failure in verdict.failed)
    return "quarantined" if verdict.on_fail is OnFail.QUARANTINE and sets_aside else "warned"
