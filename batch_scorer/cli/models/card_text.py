"""A model card on a terminal: no colour, and no line longer than it has room for."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from batch_scorer.cli import words

if TYPE_CHECKING:
    from batch_scorer.models.card.facts import Fact
    from batch_scorer.models.card.values import Feature, ModelCard

_MIN_WIDTH, _MAX_WIDTH = 80, 120
_LABEL = 16
_MAX_CELLS = (30, 14, 8)
_MIN_SUMMARY = 22
_SPARK = 8
_MOST_EVENTS = 20


def card_lines(card: ModelCard, width: int) -> Iterator[str]:
    """width: of the terminal."""
    room = max(_MIN_WIDTH, min(width, _MAX_WIDTH))
    yield f"{card.reference}" + (f" ({', '.join(card.aliases)})" if card.aliases else "")
    for fact in card.facts:
        yield from _fact_lines(fact, room)
    counted = f"; training: {words.rows(card.n_rows)}" if card.n_rows else ""
    yield ""
    yield f"reads {words.count(len(card.features), 'column')}{counted}"
    yield from signature_lines(card, width)
    if card.outputs:
        yield ""
        yield f"gave for {words.rows(card.n_scored)} of it"
        cells = [(each.name,) for each in card.outputs]
        yield from _table(("output", "training"), cells, card.outputs, room)
    yield ""
    yield "history"
    if len(card.history) > _MOST_EVENTS:
        yield f"  … {words.count(len(card.history) - _MOST_EVENTS, 'older event')}: --json, --html"
    for line in card.history[-_MOST_EVENTS:]:
        yield from _wrapped(line, room, indent=2, hanging=21)


def signature_lines(card: ModelCard, width: int) -> Iterator[str]:
    """The table alone; a pandas dtype is told where it is called otherwise than the type."""
    room = max(_MIN_WIDTH, min(width, _MAX_WIDTH))
    cells = [
        (each.name, each.type + ("?" if each.nullable else ""), _unless_same(each.pandas_dtype, each.type))
        for each in card.features
    ]
    yield from _table(("column", "type, ? null", "pandas", "training"), cells, card.features, room)


def _unless_same(dtype: str, kind: str) -> str:
    return "" if dtype.replace("datetime64", "timestamp") == kind else dtype


def _table(
    header: tuple[str, ...], cells: Sequence[tuple[str, ...]], features: Sequence[Feature], room: int
) -> Iterator[str]:
    """A row with a cell that is too long for its column has a line of its own, what was seen follows."""
    from batch_scorer.models.card.summaries import sparkline

    *names, last = header
    widths = [
        min(most, max(len(row[i]) for row in (names, *cells)))
        for i, most in zip(range(len(names)), _MAX_CELLS, strict=False)
    ]
    widths[0] = min(widths[0], room - _MIN_SUMMARY - _SPARK - sum(widths[1:]) - 2 * len(header) - 2)
    yield f"{_row(names, widths)}  {last}"
    for row, feature in zip(cells, features, strict=True):
        told = feature.in_short + (f"; categories {feature.categories}" if feature.categories else "")
        if any(len(cell) > width for cell, width in zip(row, widths, strict=True)):
            yield "  " + "  ".join(filter(None, row))
            row = ("",) * len(row)
        spark = sparkline(feature.seen, _SPARK) if feature.seen is not None else ""
        start = f"{_row(row, widths)}  {spark.ljust(_SPARK)}  "
        if told or row[0]:
            yield from _wrapped(told, room, indent=len(start), first=start)


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  " + "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))


def _fact_lines(fact: Fact, room: int) -> Iterator[str]:
    label = fact.label
    for line in fact.lines:
        yield from _wrapped(line, room, indent=_LABEL, first=f"  {label}".ljust(_LABEL))
        label = ""


def _wrapped(text: str, room: int, *, indent: int, first: str | None = None, hanging: int = 0) -> list[str]:
    """A word that is longer than a line stays whole: it is a path or a hash, to be copied."""
    return textwrap.wrap(
        text,
        room,
        initial_indent=" " * indent if first is None else first,
        subsequent_indent=" " * (indent + hanging),
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    ) or [(first or "").rstrip()]
