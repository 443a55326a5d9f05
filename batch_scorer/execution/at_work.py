"""Which runs go on, as far as anybody can tell: the ledger knows who began one, and not how it fares."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from batch_scorer.core.leases import Holder
from batch_scorer.core.processes import fate_of
from batch_scorer.core.records import RunRecord, RunState
from batch_scorer.execution.publishing.leases import silence
from batch_scorer.ledger.ledger import Ledger


def living_holders(ledger: Ledger, job: str) -> tuple[Holder, ...]:
    """The processes that work on a job."""
    now = datetime.now(UTC)
    return tuple(h for h in ledger.holders(job) if not h.is_gone(fate_of(h.process), now, silence()))


def living_holder(ledger: Ledger, run: RunRecord) -> Holder | None:
    """The process that works on a run still."""
    return next((h for h in living_holders(ledger, run.job) if h.run_id == run.run_id), None)


def as_it_stands(ledger: Ledger, run: RunRecord) -> RunRecord:
    """A run whose process is gone has died, though the ledger will learn of it only from the next one."""
    if run.state is not RunState.RUNNING or living_holder(ledger, run) is not None:
        return run
    now = ledger.run(run.run_id)  # it may have ended between the two looks
    return replace(now, state=RunState.DIED) if now.state is RunState.RUNNING else now
