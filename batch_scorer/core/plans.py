"""A plan: what would be done, and why, for every partition."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum

from batch_scorer.core.errors import InputError
from batch_scorer.core.lakefiles import Footer, LakeFile, PartitionFiles
from batch_scorer.core.models import ModelPin
from batch_scorer.core.partitions import Partition
from batch_scorer.core.volume import VolumeBaseline


class Action(StrEnum):
    SCORE = "SCORE"
    SKIP = "SKIP"  # up to date
    WAIT = "WAIT"  # not ready, or its day has not ended
    OUTDATED = "OUTDATED"  # stale, but not due without being asked
    KEEP = "KEEP"  # pinned
    GAVE_UP = "GAVE_UP"  # failed give_up_after times with the same ingredients
    REFUSED = "REFUSED"  # a directory that is no partition
    VANISHED = "VANISHED"  # published, but its input is gone: reported, never deleted
    LATER = "LATER"  # due, but beyond --limit or catchup.max_partitions


class Cause(StrEnum):
    UP_TO_DATE = "up to date"
    MISSING = "missing"
    FAILED_BEFORE = "failed before"
    BLOCKED_BEFORE = "blocked before"
    INPUT_CHANGED = "input changed"
    MODEL_CHANGED = "model changed"
    SUITE_CHANGED = "suite changed"
    CONFIG_CHANGED = "config changed"
    ASKED = "asked for"
    NOT_READY = "not ready"
    NO_DIRECTORY = "no directory yet"
    DAY_NOT_OVER = "its day is not over"
    PINNED = "pinned"
    TRIED_ENOUGH = "tried enough"
    RELEASED = "released from quarantine"
    BAD_DIRECTORY = "not a partition"
    INPUT_VANISHED = "input vanished"
    OVER_LIMIT = "over the limit"


STALE_CAUSES = frozenset(
    {Cause.INPUT_CHANGED, Cause.MODEL_CHANGED, Cause.SUITE_CHANGED, Cause.CONFIG_CHANGED}
)


class Reprocess(StrEnum):
    """A ladder: each step includes those before it."""

    MISSING = "missing"
    FAILED = "failed"
    STALE = "stale"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """cause: for machines. text: for people, `stale: scored with v6`."""

    cause: Cause
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What the command line asked for. first_day and last_day: both included."""

    first_day: dt.date | None = None
    last_day: dt.date | None = None
    partitions: tuple[tuple[str, str], ...] = ()  # --partition key=value, values as typed
    reprocess: Reprocess | None = None
    limit: int | None = None
    newest_first: bool = True

    @property
    def is_explicit(self) -> bool:
        """A range, a partition or --reprocess lifts the lookback limit."""
        return bool(self.first_day or self.last_day or self.partitions or self.reprocess)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionPlan:
    """found: None for a partition without a directory (WAIT, VANISHED) or a REFUSED one.

    footers: by file, only for SCORE, in the order of found.files. problem: a footer could not be read; the
    run will report it as this partition's failure.
    base_generation: the current one, None when never published.
    volume_baseline: only for SCORE, and only with validate.volume.against.
    """

    label: str
    action: Action
    reasons: tuple[Reason, ...]
    partition: Partition | None = None
    found: PartitionFiles | None = None
    footers: tuple[Footer, ...] = ()
    problem: InputError | None = None
    base_generation: int | None = None
    volume_baseline: VolumeBaseline | None = None

    @property
    def n_rows(self) -> int | None:
        return sum(footer.n_rows for footer in self.footers) if self.footers else None

    @property
    def why(self) -> str:
        return "; ".join(reason.text for reason in self.reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """entries: every partition in the range, in the order a person reads them (by path).

    order: the partitions to score, in the order they will be worked on. agreed_columns: (name, Arrow type)
    of the carried columns as most of them have it, so that one odd partition does not speak for the table.
    """

    job: str
    today: dt.date  # in the job's time zone
    timezone: str
    selection: Selection
    model: ModelPin
    suite_fingerprint: str  # over all suites of the job and what their failure does
    config_fingerprint: str
    entries: tuple[PartitionPlan, ...]
    order: tuple[Partition, ...] = ()
    warnings: tuple[str, ...] = ()
    agreed_columns: tuple[tuple[str, str], ...] = ()
    refreshed: tuple[tuple[Partition, tuple[LakeFile, ...]], ...] = field(default=(), repr=False)

    def with_action(self, action: Action) -> tuple[PartitionPlan, ...]:
        return tuple(entry for entry in self.entries if entry.action is action)

    @property
    def not_ready(self) -> tuple[PartitionPlan, ...]:
        """Partitions that are due and whose input is not there yet."""
        causes = {Cause.NOT_READY, Cause.NO_DIRECTORY}
        waiting = self.with_action(Action.WAIT)
        return tuple(entry for entry in waiting if any(reason.cause in causes for reason in entry.reasons))

    @property
    def to_score(self) -> tuple[PartitionPlan, ...]:
        """In working order."""
        by_partition = {entry.partition: entry for entry in self.entries}
        return tuple(by_partition[partition] for partition in self.order)
