"""What each further million rows costs, once everything has started: the difference of two sizes."""

from __future__ import annotations

import statistics
from functools import partial

from benchmarks.inputs.peers import LOOP_POOL, run_peer
from benchmarks.inputs.projects import make_project, night
from benchmarks.inputs.rides import Lake, Model, make_lake, make_models
from benchmarks.measuring.commands import Measured
from benchmarks.measuring.turns import in_turn, ratio_of, tell
from benchmarks.page.sections import Section
from benchmarks.page.tables import count, seconds, table
from benchmarks.settings import Settings

_TIMES = 3  # the larger lake has so many times the days


def measure(settings: Settings) -> Section:
    small = make_lake(settings, days=settings.days, rows=settings.rows)
    large = make_lake(settings, days=_TIMES * settings.days, rows=settings.rows)
    rows, figures = [], {}
    for model in make_models(settings):
        tell(f"slope: {model.name}")
        ours, loop = _slopes(settings, small, large, model)
        ratio = ratio_of(ours, loop)
        figures[f"slope.{model.name}"] = ratio.median
        rows.append(
            [model.name, str(ratio), seconds(statistics.median(ours)), seconds(statistics.median(loop))]
        )
    text = (
        f"Wall seconds a million rows between {small.n_rows:,} and {large.n_rows:,} rows, "
        f"{count(settings.runs, 'turn')}, against `loop_pool.py` as above.\n\n"
    )
    heading = ["model", "ratio", "ours, s", "loop_pool, s"]
    return Section(title="Each further million rows", text=text + table(heading, rows), figures=figures)


def _slopes(settings: Settings, small: Lake, large: Lake, model: Model) -> tuple[list[float], list[float]]:
    """Of us and of the loop, one a turn. A slope below zero is noise: the sizes are too small."""
    sides = {}
    for size, lake in (("small", small), ("large", large)):
        project = make_project(settings.work / f"slope-{size}", lake.directory, model)
        sides[f"ours, {size}"] = partial(night, project)
        sides[f"loop, {size}"] = partial(run_peer, settings, LOOP_POOL, lake, model)
    found = in_turn(sides, settings.runs)
    millions = (large.n_rows - small.n_rows) / 1e6
    ours, loop = (
        _per_million(found[f"{who}, small"], found[f"{who}, large"], millions) for who in ("ours", "loop")
    )
    return ours, loop


def _per_million(small: list[Measured], large: list[Measured], millions: float) -> list[float]:
    return [(b.wall_s - a.wall_s) / millions for a, b in zip(small, large, strict=True)]
