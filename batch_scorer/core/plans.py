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

_MAX_NAMED = 6


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
    TRIED_OTHERWISE = "tried before something changed"
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
    """What the command line asked for. first_day and last_day: both included.

    since_last_success: first_day is still to be found in the ledger, see planning.selection.since_success.
    exactly: (hive path, the generation it has, 0 for none); these and no others, scored even if they are up
    to date or pinned, but not when somebody published a newer generation since.
    """

    first_day: dt.date | None = None
    last_day: dt.date | None = None
    since_last_success: bool = False
    partitions: tuple[tuple[str, str], ...] = ()  # --partition key=value, values as typed
    exactly: tuple[tuple[str, int], ...] = ()
    reprocess: Reprocess | None = None
    limit: int | None = None
    newest_first: bool = True

    @property
    def is_explicit(self) -> bool:
        """A range, a partition or --reprocess lifts the lookback limit."""
        return bool(self.has_range or self.partitions or self.exactly or self.reprocess)

    @property
    def has_range(self) -> bool:
        """Days were asked for, if only by one end."""
        return bool(self.first_day or self.last_day or self.since_last_success)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """Which version scores: what the job's model.uri means now, unless something else was asked for.

    version: `name@version` for every partition. of_its_day: for each partition the version that the job's
    alias meant at the end of its day. stays: what is scored with the version is pinned.
    """

    version: str | None = None
    of_its_day: bool = False
    stays: bool = True

    @property
    def is_explicit(self) -> bool:
        return self.version is not None or self.of_its_day

    @property
    def pins(self) -> bool:
        """Whether what it scores stays, whatever the alias says later."""
        return self.is_explicit and self.stays


JOBS_OWN = ModelChoice()


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionPlan:
    """found: None for a partition without a directory (WAIT, VANISHED) or a REFUSED one.

    footers: by file, only for SCORE, in the order of found.files. problem: a footer could not be read; the
    run will report it as this partition's failure.
    base_generation: the current one, None when never published.
    model: where it is not the plan's, see Plan.model_of. warnings: what will be odd about scoring it now.
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
    model: ModelPin | None = None
    warnings: tuple[str, ...] = ()

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
    model: of every partition that has none of its own.
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
    choice: ModelChoice = JOBS_OWN
    refreshed: tuple[tuple[Partition, tuple[LakeFile, ...]], ...] = field(default=(), repr=False)
    # Once it was asked for: of a large plan that is long, and often asked.
    _to_score: tuple[PartitionPlan, ...] | None = field(default=None, init=False, repr=False, compare=False)

    def model_of(self, entry: PartitionPlan) -> ModelPin:
        """What scores it, or would."""
        return entry.model or self.model

    @property
    def models(self) -> tuple[ModelPin, ...]:
        """All that score something, by name and version; the plan's own where nothing is to be scored."""
        used = {model.reference: model for model in map(self.model_of, self.to_score)} or {"": self.model}
        return tuple(sorted(used.values(), key=lambda model: (model.name, model.version)))

    @property
    def model_label(self) -> str:
        """`taxi_tips@champion = v7 (a91c…)`; or, of several, `taxi_tips@champion by date: v6, v7`."""
        if all(entry.model is None for entry in self.entries):
            return self.model.label
        named = f"{self.model.name}@{self.model.alias} by date"
        versions = [f"v{model.version}" for model in self.models] if self.order else []
        if len(versions) > _MAX_NAMED:
            versions = [f"{len(versions)} versions from {versions[0]} to {versions[-1]}"]
        return f"{named}: {', '.join(versions)}" if versions else named

    def with_action(self, action: Action) -> tuple[PartitionPlan, ...]:
        return tuple(entry for entry in self.entries if entry.action is action)

    @property
    def not_ready(self) -> tuple[PartitionPlan, ...]:
        """Partitions that are due and whose input is not there yet."""
        causes = {Cause.NOT_READY, Cause.NO_DIRECTORY}
        waiting = self.with_action(Action.WAIT)
        return tuple(entry for entry in waiting if any(reason.cause in causes for reason in entry.reasons))

    @property
    def n_rows(self) -> int:
        """To score: as the footers claim, and about as many to a byte where no footer was read."""
        entries = self.to_score
        known = sum(entry.n_rows or 0 for entry in entries)
        n_bytes = sum(entry.found.n_bytes for entry in entries if entry.found and entry.footers)
        n_other = sum(entry.found.n_bytes for entry in entries if entry.found and not entry.footers)
        return known + (n_other * known // n_bytes if n_bytes else 0)

    @property
    def to_score(self) -> tuple[PartitionPlan, ...]:
        """In working order."""
        if self._to_score is None:
            by_partition = {e.partition: e for e in self.entries if e.action is Action.SCORE}
            entries = tuple([by_partition[partition] for partition in self.order])
            object.__setattr__(self, "_to_score", entries)
        assert self._to_score is not None  # noqa: S101
        return self._to_score
