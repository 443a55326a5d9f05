"""What was seen in a table that a suite is drafted from. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from batch_scorer.validation.drafting.margins import Number
from batch_scorer.validation.drafting.shapes import Shape

Scalar = str | Number


class Kind(Enum):
    """What can be said about a column's values."""

    WHOLE = auto()
    NUMBER = auto()
    TEXT = auto()
    OTHER = auto()  # booleans, times, bytes: their type, and whether they are missing
    MIXED = auto()  # not the same in every file


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSeen:
    """One column over all rows looked at. Missing: null or NaN, which pandas does not tell apart.

    types: as pandas calls them, of all files; empty when GX has no name for one.
    worst_missing, worst_infinite: the largest share in one partition, 0..1; of rows, and of values there.
    low, high: of finite values. distinct: each value and its rows, most frequent first; None when there are
    too many. is_unique: no value twice in a partition.
    """

    name: str
    kind: Kind
    types: tuple[str, ...]
    n_rows: int
    n_missing: int = 0
    worst_missing: float = 0.0
    n_infinite: int = 0
    worst_infinite: float = 0.0
    low: Number | None = None
    high: Number | None = None
    distinct: tuple[tuple[Scalar, int], ...] | None = None
    shape: Shape | None = None
    is_unique: bool = False

    @property
    def n_values(self) -> int:
        return self.n_rows - self.n_missing


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A column for which little or nothing can be drafted, and why."""

    column: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSeen:
    """columns: those of every file, in file order, but for nested ones. names: those and the nested ones.

    partition_rows: of each partition looked at, all its rows.
    """

    names: tuple[str, ...]
    columns: tuple[ColumnSeen, ...]
    n_rows: int
    n_files: int
    partition_rows: tuple[int, ...]
    left_out: tuple[LeftOut, ...] = field(default=())
