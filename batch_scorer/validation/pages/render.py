"""A page as a stream of bytes: a run of a thousand partitions is never in memory as text."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from batch_scorer.core.chunks import Accounting
from batch_scorer.core.pages.environment import page_environment
from batch_scorer.core.records import AttemptRecord, RunRecord
from batch_scorer.validation.pages.build import Read, by_date, overview, sections

if TYPE_CHECKING:
    from jinja2 import Environment

# A partition's whole section is one event, a cell of the table of all is another.
_EVENTS_PER_PIECE = 10


def run_page(run: RunRecord, attempts: Sequence[AttemptRecord], read: Read) -> Iterator[bytes]:
    """The page of one run, UTF-8, piece by piece.

    read: ValidationStore.read; what it cannot read is told on the page.
    """
    ordered = by_date(attempts)
    seen = overview(run, ordered, read)
    values = {"run": run, "seen": seen, "totals": _totals(ordered), "sections": sections(seen, ordered, read)}
    stream = _environment().get_template("run.html").stream(values)
    stream.enable_buffering(_EVENTS_PER_PIECE)
    for piece in stream:
        yield piece.encode()


def _environment() -> Environment:
    environment = page_environment("batch_scorer.validation.pages")
    environment.filters.update(moment=_moment, command=_command, count=_count)
    return environment


def _totals(attempts: Sequence[AttemptRecord]) -> Accounting:
    """Rows of all partitions whose rows were counted."""
    counted = (attempt.rows for attempt in attempts if attempt.rows is not None)
    return sum(counted, Accounting(n_read=0, n_scored=0))


def _moment(when: dt.datetime | None) -> str:
    return f"{when:%Y-%m-%d %H:%M:%S} UTC" if when else "–"


def _command(words: Sequence[str]) -> str:
    return shlex.join(words)


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
