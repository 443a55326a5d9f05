"""What a model's columns and scores looked like at training, as counts that can be merged.

A count of other rows over the same bins is the same kind of value. Merging is exact: whichever way rows
are cut and in whatever order the counts come together, the result is the same object.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import TypeAlias

from batch_scorer.core.baselines.dyadic import ZERO, Dyadic
from batch_scorer.core.errors import BinsDiffer

TIME_UNITS = ("d", "s", "ms", "us", "ns")  # since 1970-01-01


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """A histogram of finite numbers, and their moments.

    edges: ascending, two or more. counts: (n_edges + 1,): below the first edge, then
    edges[i] <= value < edges[i + 1], last from the last edge on.
    discrete: training had no other values than the edges but the last.
    minimum, maximum: of the finite values, None without any; never -0.0.
    total: their sum. squares: the sum of (value - center)², each rounded once.
    unit: None of plain numbers, else one of TIME_UNITS, of dates and times.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    discrete: bool = False
    n_null: int = 0
    n_nan: int = 0
    n_infinite: int = 0
    minimum: float | None = None
    maximum: float | None = None
    total: Dyadic = ZERO
    squares: Dyadic = ZERO
    unit: str | None = None

    def __post_init__(self) -> None:
        ascending = all(low < high for low, high in pairwise(self.edges))
        if len(self.edges) < 2 or not ascending or not all(map(math.isfinite, self.edges)):
            raise ValueError(f"edges of bins are two or more finite numbers, ascending: {self.edges}")
        if len(self.counts) != len(self.edges) + 1:
            raise ValueError(f"{len(self.edges)} edges make {len(self.edges) + 1} counts: {self.counts}")
        _require_counts(*self.counts, self.n_null, self.n_nan, self.n_infinite)
        if (self.minimum is None, self.maximum is None) != (self.n_finite == 0,) * 2:
            raise ValueError("a minimum and a maximum are of finite values, and there where those are")
        if self.unit is not None and self.unit not in TIME_UNITS:
            raise ValueError(f"a unit is one of {TIME_UNITS}: {self.unit}")

    @property
    def n_finite(self) -> int:
        return sum(self.counts)

    @property
    def n_rows(self) -> int:
        return self.n_finite + self.n_null + self.n_nan + self.n_infinite

    @property
    def center(self) -> float:
        """Near the median of training: squares of distances to it keep the bits that squares lose."""
        return self.edges[len(self.edges) // 2]

    @property
    def mean(self) -> float | None:
        return float(self.total.value / self.n_finite) if self.n_finite else None

    @property
    def deviation(self) -> float | None:
        """Standard deviation of the rows, not of what they are a sample of."""
        if not self.n_finite:
            return None
        shift = self.total.value / self.n_finite - Fraction(self.center)
        return math.sqrt(max(Fraction(0), self.squares.value / self.n_finite - shift * shift))

    def quantile(self, fraction: float) -> float | None:
        """As near as the bins tell: between two edges as if values were spread evenly. None without any."""
        if self.minimum is None or self.maximum is None:
            return None
        rank = fraction * self.n_finite
        before = [0, *accumulate(self.counts)]
        bin_ = min(bisect_right(before, rank), len(self.counts)) - 1
        while not self.counts[bin_]:
            bin_ -= 1
        low = max(self.minimum, self.edges[bin_ - 1]) if bin_ else self.minimum
        if self.discrete and bin_:
            return low
        high = min(self.maximum, self.edges[bin_]) if bin_ < len(self.edges) else self.maximum
        share = min(1.0, (rank - before[bin_]) / self.counts[bin_])
        return low * (1 - share) + high * share  # the difference of the two may be too large for a float

    @property
    def bins(self) -> object:
        return self.edges, self.discrete, self.unit

    def emptied(self) -> Numbers:
        return Numbers(
            edges=self.edges, counts=(0,) * len(self.counts), discrete=self.discrete, unit=self.unit
        )

    def plus(self, other: Numbers) -> Numbers:
        return replace(
            self,
            counts=_added(self.counts, other.counts),
            n_null=self.n_null + other.n_null,
            n_nan=self.n_nan + other.n_nan,
            n_infinite=self.n_infinite + other.n_infinite,
            minimum=_chosen(min, self.minimum, other.minimum),
            maximum=_chosen(max, self.maximum, other.maximum),
            total=self.total + other.total,
            squares=self.squares + other.squares,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Categories:
    """How often each of training's most frequent values is there, the most frequent first.

    n_other: every value that is not named, unseen ones too.
    """

    values: tuple[str, ...]
    counts: tuple[int, ...]
    n_other: int = 0
    n_null: int = 0

    def __post_init__(self) -> None:
        if len(self.counts) != len(self.values) or len(set(self.values)) != len(self.values):
            raise ValueError(f"one count per value, each value once: {self.values}, {self.counts}")
        _require_counts(*self.counts, self.n_other, self.n_null)

    @property
    def n_rows(self) -> int:
        return sum(self.counts) + self.n_other + self.n_null

    @property
    def bins(self) -> object:
        return self.values

    def emptied(self) -> Categories:
        return Categories(values=self.values, counts=(0,) * len(self.values))

    def plus(self, other: Categories) -> Categories:
        return replace(
            self,
            counts=_added(self.counts, other.counts),
            n_other=self.n_other + other.n_other,
            n_null=self.n_null + other.n_null,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Booleans:
    n_false: int
    n_true: int
    n_null: int = 0

    def __post_init__(self) -> None:
        _require_counts(self.n_false, self.n_true, self.n_null)

    @property
    def n_rows(self) -> int:
        return self.n_false + self.n_true + self.n_null

    @property
    def bins(self) -> object:
        return None

    def emptied(self) -> Booleans:
        return Booleans(n_false=0, n_true=0)

    def plus(self, other: Booleans) -> Booleans:
        return Booleans(
            n_false=self.n_false + other.n_false,
            n_true=self.n_true + other.n_true,
            n_null=self.n_null + other.n_null,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Of free text, whose values are not kept: how many characters it has."""

    lengths: Numbers

    @property
    def n_rows(self) -> int:
        return self.lengths.n_rows

    @property
    def bins(self) -> object:
        return self.lengths.bins

    def emptied(self) -> Lengths:
        return Lengths(lengths=self.lengths.emptied())

    def plus(self, other: Lengths) -> Lengths:
        return Lengths(lengths=self.lengths.plus(other.lengths))


ColumnBaseline: TypeAlias = Numbers | Categories | Booleans | Lengths


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """n_rows: of the table. columns: of the signature, by name; a type that has no bins is not there.

    n_scored: rows whose outputs were counted, of the training table a sample.
    outputs: by method, `predict_proba[1]` for one column of several.
    """

    n_rows: int
    columns: Mapping[str, ColumnBaseline]
    n_scored: int
    outputs: Mapping[str, ColumnBaseline]

    def __post_init__(self) -> None:
        _require_counts(self.n_rows, self.n_scored)
        for counted, n_rows in ((self.columns, self.n_rows), (self.outputs, self.n_scored)):
            for name, column in counted.items():
                if column.n_rows != n_rows:
                    raise ValueError(f"{name} counts {column.n_rows} of {n_rows} rows")


def emptied(baseline: Baseline) -> Baseline:
    """Its bins with nothing in them: what merging begins with."""
    return Baseline(
        n_rows=0,
        columns={name: column.emptied() for name, column in baseline.columns.items()},
        n_scored=0,
        outputs={name: output.emptied() for name, output in baseline.outputs.items()},
    )


def merge(one: Baseline, other: Baseline) -> Baseline:
    """Counts of the rows of both. Associative and commutative, to the last bit.

    Raises: BinsDiffer, when they do not count the same things over the same bins.
    """
    return Baseline(
        n_rows=one.n_rows + other.n_rows,
        columns=_merged(one.columns, other.columns),
        n_scored=one.n_scored + other.n_scored,
        outputs=_merged(one.outputs, other.outputs),
    )


def merge_columns(name: str, one: ColumnBaseline, other: ColumnBaseline) -> ColumnBaseline:
    """The same for one column. Raises: BinsDiffer."""
    same = one.bins == other.bins
    match one, other:
        case Numbers(), Numbers() if same:
            return one.plus(other)
        case Categories(), Categories() if same:
            return one.plus(other)
        case Booleans(), Booleans() if same:
            return one.plus(other)
        case Lengths(), Lengths() if same:
            return one.plus(other)
    raise BinsDiffer(
        f'"{name}" was counted over different bins, so the counts cannot be put together or compared',
        fix="count both over the baseline of the same model version",
    )


def _merged(
    one: Mapping[str, ColumnBaseline], other: Mapping[str, ColumnBaseline]
) -> dict[str, ColumnBaseline]:
    if set(one) != set(other):
        names = ", ".join(sorted(set(one) ^ set(other)))
        raise BinsDiffer(
            f"only one of two counts has {names}",
            fix="count both over the baseline of the same model version",
        )
    return {name: merge_columns(name, column, other[name]) for name, column in one.items()}


def _added(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(a + b for a, b in zip(one, other, strict=True))


def _chosen(choose: Callable[[float, float], float], a: float | None, b: float | None) -> float | None:
    if a is None or b is None:
        return b if a is None else a
    return choose(a, b)


def _require_counts(*counts: int) -> None:
    if any(count < 0 for count in counts):
        raise ValueError(f"nothing is there less than no times: {counts}")
