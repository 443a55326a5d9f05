"""A column of a baseline for people: in a few words, and as the heights of a small drawing. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from batch_scorer.core.baselines.values import Booleans, Categories, ColumnBaseline, Lengths, Numbers

_BARS = "▁▂▃▄▅▆▇█"
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 (a zone of its own: what the column has)
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def in_words(column: ColumnBaseline, *, most_named: int = 3, max_chars: int = 80) -> str:
    """`0 – 1.81 – 25.83` (least, median, most), or the most frequent values; then how many are missing.

    max_chars: of each value that is named.
    """
    parts = (_values_in_words(column, most_named, max_chars), _missing_in_words(column))
    return ", ".join(part for part in parts if part)


def moments_in_words(column: ColumnBaseline) -> str:
    """`mean 3.5, standard deviation 4.2`, of numbers only."""
    numbers = column.lengths if isinstance(column, Lengths) else column
    if not isinstance(numbers, Numbers) or numbers.unit is not None or numbers.mean is None:
        return ""
    return f"mean {value_in_words(numbers.mean)}, standard deviation {value_in_words(numbers.deviation)}"


def sparkline(column: ColumnBaseline, n_cells: int = 8) -> str:
    """Of block characters; a cell with anything in it is higher than an empty one."""
    shares = heights(column, n_cells)
    most = max(shares, default=0.0)
    if not most:
        return ""
    return "".join(_BARS[0 if not share else max(1, round(share / most * 7))] for share in shares)


def heights(column: ColumnBaseline, n_cells: int) -> tuple[float, ...]:
    """Rows per cell, (≤ n_cells,). Of numbers cells of equal width over `drawn_range`; of other columns one
    cell per value, the rest in the last one.
    """
    match column:
        case Numbers():
            return _histogram(column, n_cells)
        case Lengths():
            return _histogram(column.lengths, n_cells)
        case Booleans():
            return (column.n_false, column.n_true) if column.n_false + column.n_true else ()
        case Categories():
            if len(column.counts) + bool(column.n_other) <= n_cells:
                return (*column.counts, *((column.n_other,) if column.n_other else ()))
            rest = sum(column.counts[n_cells - 1 :]) + column.n_other
            return (*column.counts[: n_cells - 1], rest)


def drawn_range(numbers: Numbers) -> tuple[float, float]:
    """What a drawing of a histogram reaches over: training's middle 98 %, where there is more than that."""
    if not numbers.discrete and len(numbers.edges) > 6:
        return numbers.edges[1], numbers.edges[-2]
    return numbers.edges[0], numbers.edges[-1]


def value_in_words(value: float | None, unit: str | None = None) -> str:
    """Four digits, integers whole; a date or a moment in the column's own zone of UTC."""
    if value is None:
        return "–"
    if unit is not None:
        return _moment(value, unit)
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.0f}" if 1e5 <= abs(value) < 1e15 else f"{value:,.4g}"


def share_in_words(part: int, whole: int) -> str:
    """`34 %`, `0.3 %`, `<0.1 %`."""
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "<0.1 %"
    return f"{percent:.1f} %" if 0 < percent < 10 else f"{percent:.0f} %"


def _values_in_words(column: ColumnBaseline, most_named: int, max_chars: int) -> str:
    match column:
        case Numbers():
            return _spread(column)
        case Lengths():
            spread = _spread(column.lengths)
            return f"{spread} characters" if spread else ""
        case Booleans():
            known = column.n_false + column.n_true
            return f"true {share_in_words(column.n_true, known)}" if known else ""
        case Categories():
            return _most_frequent(column, most_named, max_chars)


def _spread(numbers: Numbers) -> str:
    if numbers.minimum is None:
        return ""
    values = (numbers.minimum, numbers.quantile(0.5), numbers.maximum)
    told = dict.fromkeys(value_in_words(value, numbers.unit) for value in values)
    return " – ".join(told) if len(told) != 2 else " – ".join(value_in_words(v, numbers.unit) for v in values)


def _most_frequent(column: Categories, most_named: int, max_chars: int) -> str:
    known = sum(column.counts) + column.n_other
    if not known:
        return ""
    ranked = sorted(zip(column.values, column.counts, strict=True), key=lambda pair: -pair[1])
    told = [f"{_cut(value, max_chars)} {share_in_words(n, known)}" for value, n in ranked[:most_named] if n]
    rest = known - sum(n for _, n in ranked[:most_named])
    return ", ".join([*told, *([f"others {share_in_words(rest, known)}"] if rest else [])])


def _cut(text: str, max_chars: int) -> str:
    return text if len(text) <= max_chars else text[: max_chars - 1] + "…"


def _missing_in_words(column: ColumnBaseline) -> str:
    numbers = column.lengths if isinstance(column, Lengths) else column
    missing = [(numbers.n_null, "null")]
    if isinstance(numbers, Numbers):
        missing += [(numbers.n_nan, "NaN"), (numbers.n_infinite, "infinite")]
    return ", ".join(f"{share_in_words(n, column.n_rows)} {word}" for n, word in missing if n)


def _histogram(numbers: Numbers, n_cells: int) -> tuple[float, ...]:
    inside = numbers.counts[1:-1]
    if not sum(inside):
        return ()
    if numbers.discrete and len(inside) <= n_cells:
        return inside
    low, high = drawn_range(numbers)
    width = (high - low) / n_cells
    cells = [0.0] * n_cells
    for left, right, n in zip(numbers.edges, numbers.edges[1:], inside, strict=False):
        for cell in range(n_cells):
            start, end = low + cell * width, low + (cell + 1) * width
            cells[cell] += n * _overlap((left, right), (start, end)) / (right - left)
    return tuple(cells)


def _overlap(one: Sequence[float], other: Sequence[float]) -> float:
    return max(0.0, min(one[1], other[1]) - max(one[0], other[0]))


def _moment(value: float, unit: str) -> str:
    try:
        if unit == "d":
            return f"{(_EPOCH + dt.timedelta(days=value)):%Y-%m-%d}"
        return f"{(_EPOCH + dt.timedelta(seconds=value / _PER_SECOND[unit])):%Y-%m-%d %H:%M}"
    except OverflowError:  # no calendar has it
        return f"{value:,.4g} {unit}"
