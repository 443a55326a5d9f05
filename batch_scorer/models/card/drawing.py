"""A column of a baseline as the numbers that an SVG is made of. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from batch_scorer.core.baselines.values import Booleans, Categories, ColumnBaseline, Lengths, Numbers
from batch_scorer.core.visible import visible
from batch_scorer.models.card.summaries import drawn_range, heights, in_words, share_in_words, value_in_words

_N_CELLS = 24
WIDTH, HEIGHT = 240.0, 48.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """In SVG's coordinates. told: what it stands for, in words."""

    x: float
    y: float
    width: float
    height: float
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """told: the whole of it in words, for who does not see it. left, right: what stands below the ends."""

    bars: tuple[Bar, ...]
    left: str
    right: str
    told: str


def drawing_of(column: ColumnBaseline) -> Drawing | None:
    """None: there is nothing to draw."""
    found = heights(column, _N_CELLS)
    most = max(found, default=0.0)
    if not most:
        return None
    told, step, known = _cells(column, len(found)), WIDTH / len(found), sum(found)
    bars = tuple(
        Bar(
            x=round(place * step + 0.5, 2),
            y=round(HEIGHT - _height(share, most), 2),
            width=round(step - 1, 2),
            height=round(_height(share, most), 2),
            told=f"{told[place]}: {share_in_words(round(share), max(1, round(known)))}",
        )
        for place, share in enumerate(found)
    )
    ends = (told[0], told[-1]) if isinstance(column, Booleans) else _ends(column)
    return Drawing(bars=bars, left=ends[0], right=ends[1], told=visible(in_words(column)))


def _height(share: float, most: float) -> float:
    """A bar of few rows is still seen."""
    return max(1.0, HEIGHT * share / most) if share else 0.0


def _cells(column: ColumnBaseline, n: int) -> tuple[str, ...]:
    match column:
        case Booleans():
            return ("false", "true")
        case Categories():
            named = n if n == len(column.values) else n - 1
            return (*map(visible, column.values[:named]), *(("others",) if named < n else ()))
        case Lengths():
            return _numbers(column.lengths, n)
        case Numbers():
            return _numbers(column, n)


def _numbers(numbers: Numbers, n: int) -> tuple[str, ...]:
    if numbers.discrete and n == len(numbers.edges) - 1:
        return tuple(value_in_words(edge, numbers.unit) for edge in numbers.edges[:-1])
    low, high = drawn_range(numbers)
    ends = [value_in_words(low + (high - low) * place / n, numbers.unit) for place in range(n + 1)]
    return tuple(f"{left} to {right}" for left, right in pairwise(ends))


def _ends(column: ColumnBaseline) -> tuple[str, str]:
    numbers = column.lengths if isinstance(column, Lengths) else column
    if not isinstance(numbers, Numbers):
        return "", ""
    low, high = drawn_range(numbers)
    if numbers.discrete:
        high = numbers.edges[-2]
    return value_in_words(low, numbers.unit), value_in_words(high, numbers.unit)
