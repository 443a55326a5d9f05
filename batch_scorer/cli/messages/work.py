"""What a run or a plan tells."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from batch_scorer.core.plans import Action, Cause
from batch_scorer.core.volume import VolumeBaseline
from batch_scorer.planning.explaining import Explanation


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
    """What became of one partition; generation and rows of a published one, error of a failed or held one.

    scored_by: rows by how they were scored, compiled or why not.
    """

    partition: str
    state: Literal["published", "blocked", "failed", "held", "overtaken"]
    headline: str
    warnings: list[str]
    scored_by: dict[str, int]
    generation: NotRequired[int]
    rows: NotRequired[Rows]
    error: NotRequired[Error]
