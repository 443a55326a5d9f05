"""docs/performance.md: the goals, then a section for each bench."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.page.goals import goals_table
from benchmarks.page.sections import bodies_of, figures_of, marked, with_section

_HEAD = """# Performance

Every section below was written by `scripts/bench VERB --write`; nothing is edited by hand. Sides are
measured in turn (A B A B …), each a whole process with everything it starts: what counts is the median of
the ratios of pairs, with the smallest and the largest in brackets. Processor seconds are those of all
descendants; memory is the largest resident set of one process, and the largest sum over all of them with
shared pages counted once (sampled). The peers come from the benchmark directory that `--peers` names: they
score, and neither validate, audit nor publish atomically; ours does.

## Goals, and where we are"""


def write_section(page: Path, name: str, body: str, order: Sequence[str]) -> None:
    """Replaces one section; the others stay as they were, and the table of goals follows from all."""
    before = page.read_text() if page.exists() else ""
    page.write_text(rendered(with_section(bodies_of(before), name, body, order)))


def rendered(bodies: Mapping[str, str]) -> str:
    parts = [_HEAD, goals_table(figures_of(bodies)), *(marked(name, body) for name, body in bodies.items())]
    return "\n\n".join(parts) + "\n"
