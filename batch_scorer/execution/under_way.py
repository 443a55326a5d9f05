"""A run under way: what it works with, what was asked of it, and what has become of its partitions so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from batch_scorer.core.outcomes import PartitionOutcome
from batch_scorer.core.plans import Plan
from batch_scorer.core.records import RunRecord
from batch_scorer.core.runs import RunListener, RunOptions
from batch_scorer.execution.parts import JobParts
from batch_scorer.execution.publishing.leases import Leases
from batch_scorer.execution.stop import StopRequest

# What a manifest and the ledger say about the suites of a partition.
VerdictEntries = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunUnderWay:
    """record: as it began. outcomes: appended to as partitions end, so that a stop loses none."""

    record: RunRecord
    parts: JobParts
    plan: Plan
    options: RunOptions
    listener: RunListener
    stop: StopRequest
    leases: Leases
    outcomes: list[PartitionOutcome] = field(default_factory=list)

    @property
    def run_id(self) -> str:
        return self.record.run_id
