"""What became of a partition in a run: published, blocked, failed, or left to others. One of them, always."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import assert_never

from batch_scorer.core.chunks import Accounting, ChunkCost
from batch_scorer.core.errors import BatchScorerError, LockHeld
from batch_scorer.core.partitions import Partition
from batch_scorer.core.validation import SuiteVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """n_files, n_bytes: of the generation's Parquet files."""

    partition: Partition
    label: str
    generation: int
    rows: Accounting
    n_files: int = 0
    n_bytes: int = 0
    n_reused: int = 0  # rows in chunks that an earlier run had scored
    verdicts: tuple[SuiteVerdict, ...] = ()
    warnings: tuple[str, ...] = ()
    cost: ChunkCost = field(default_factory=ChunkCost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """Stopped by a data gate. why: one line. had_predictions: older ones are there, and untouched."""

    partition: Partition
    label: str
    why: str
    had_predictions: bool = False
    verdicts: tuple[SuiteVerdict, ...] = ()
    warnings: tuple[str, ...] = ()
    cost: ChunkCost = field(default_factory=ChunkCost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """partition is None for a directory that is no partition."""

    partition: Partition | None
    label: str
    error: BatchScorerError
    warnings: tuple[str, ...] = ()
    cost: ChunkCost = field(default_factory=ChunkCost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Another run works on it: nothing was tried. error: names holder, host, pid and age."""

    partition: Partition
    label: str
    error: LockHeld
    warnings: tuple[str, ...] = ()
    cost: ChunkCost = field(default_factory=ChunkCost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overtaken:
    """Since the plan was made somebody else published it: there is nothing left to do."""

    partition: Partition
    label: str
    why: str
    warnings: tuple[str, ...] = ()
    cost: ChunkCost = field(default_factory=ChunkCost)


PartitionOutcome = Published | Blocked | Failed | Held | Overtaken


def headline(outcome: PartitionOutcome) -> str:
    """One line: what happened to the partition."""
    match outcome:
        case Published(rows=rows):
            if not rows.n_quarantined and not rows.n_dropped:
                return f"{rows.n_scored:,} scored"
            return (
                f"{rows.n_read:,} read = {rows.n_scored:,} scored + "
                f"{rows.n_quarantined:,} quarantined + {rows.n_dropped:,} dropped"
            )
        case Blocked(why=why) | Overtaken(why=why):
            return why
        case Failed(error=error) | Held(error=error):
            return error.what
        case _:
            assert_never(outcome)
