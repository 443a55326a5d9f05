"""Sides measured in turn, and what their pairs say: machines drift, ratios do not."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.measuring.commands import Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """The median of pairwise ratios, and the smallest and largest of them."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        if f"{self.low:.2f}" == f"{self.high:.2f}":
            return f"{self.median:.2f}×"
        return f"{self.median:.2f}× ({self.low:.2f}–{self.high:.2f})"


def ratio_of(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """ours / theirs, pair by pair. Raises: ValueError, when there are not as many, or none."""
    found = [a / b for a, b in zip(ours, theirs, strict=True)]
    if not found:
        raise ValueError("no pairs")
    return Ratio(median=statistics.median(found), low=min(found), high=max(found))


def wall_ratio(ours: Sequence[Measured], theirs: Sequence[Measured]) -> Ratio:
    return ratio_of([one.wall_s for one in ours], [one.wall_s for one in theirs])


def in_turn(sides: Mapping[str, Callable[[], Measured]], n_turns: int) -> dict[str, list[Measured]]:
    """A B C A B C …; the same number of measurements for every side."""
    found: dict[str, list[Measured]] = {name: [] for name in sides}
    for turn in range(1, n_turns + 1):
        for name, measure in sides.items():
            found[name].append(measure())
            tell(f"turn {turn} of {n_turns}: {name} {found[name][-1].wall_s:.2f} s")
    return found


def median(measurements: Sequence[Measured], what: Callable[[Measured], float]) -> float:
    return statistics.median(map(what, measurements))


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
