"""Markdown tables and the units in them."""

from __future__ import annotations

from collections.abc import Sequence


def table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Raises: ValueError, when a row has another number of cells than the heading."""
    if any(len(row) != len(heading) for row in rows):
        raise ValueError(f"{len(heading)} headings, but rows of {sorted({len(row) for row in rows})}")
    return "\n".join(_line(cells) for cells in (heading, ["---"] * len(heading), *rows))


def seconds(value: float) -> str:
    """Three figures where they say something: 0.123, 1.23, 12.3, 123."""
    decimals = 3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{decimals}f}"


def count(n: int, noun: str) -> str:
    """1 pair, 2 pairs."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def megabytes(n_bytes: float) -> str:
    return f"{n_bytes / 1e6:,.0f} MB"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
