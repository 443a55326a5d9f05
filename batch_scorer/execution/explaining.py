"""What `plan --explain` needs beyond the plan: who holds what, and which code made what is published."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache

from batch_scorer.core.errors import UsageError
from batch_scorer.core.leases import Lease
from batch_scorer.core.plans import PartitionPlan
from batch_scorer.core.processes import fate_of
from batch_scorer.execution.parts import JobParts
from batch_scorer.execution.publishing.leases import silence
from batch_scorer.execution.survey import Survey
from batch_scorer.planning.explaining import Explanation, explain


def explainer(parts: JobParts, seen: Survey) -> Callable[[PartitionPlan], Explanation]:
    """A function that explains one entry of the plan; nothing is asked of the ledger for the others."""
    leases = {lease.partition: lease for lease in parts.ledger.leases(parts.job.name)}

    @cache
    def code_of(run_id: str) -> str | None:
        try:
            return parts.ledger.run(run_id).code_version
        except UsageError:
            return None  # a ledger that was told anew does not know every run

    def of(entry: PartitionPlan) -> Explanation:
        record = seen.records.get(entry.partition) if entry.partition else None
        current = record.current if record else None
        lease = leases.get(entry.partition) if entry.partition else None
        return explain(
            parts.job,
            seen.plan,
            entry,
            record,
            now=seen.now,
            lease=_words(lease, seen.now) if lease else None,
            code_then=code_of(current.run_id) if current else None,
            code_now=parts.code_version,
        )

    return of


def _words(lease: Lease, now: datetime) -> str:
    holder = lease.holder
    if holder is None:
        return "a process that has left; the next run takes it"
    gone = holder.is_gone(fate_of(holder.process), now, silence())
    return holder.words(now) + ("; it is gone, and the next run takes over" if gone else "")
