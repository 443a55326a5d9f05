"""Validation alone against Great Expectations' own engine, and what it adds to a night."""

from __future__ import annotations

from functools import partial

from benchmarks.inputs.projects import make_project, night
from benchmarks.inputs.rides import Model, make_lake, make_models
from benchmarks.measuring.commands import done, python_of
from benchmarks.measuring.turns import Ratio, in_turn, median, tell, wall_ratio
from benchmarks.page.sections import Section
from benchmarks.page.tables import count, seconds, table
from benchmarks.settings import Settings

_MAX_ROWS_ALONE = 1_000_000


def measure(settings: Settings) -> Section:
    tell("validation: alone, against GX")
    n_rows = min(_MAX_ROWS_ALONE, settings.days * settings.rows)
    alone = done(
        [*python_of("benchmarks.programs.validation"), "--rows", n_rows, "--runs", settings.runs]
    ).strip()
    rows, ratios = [], []
    for model in make_models(settings):
        tell(f"validation: what it adds to a night of {model.name}")
        ratio, cells = _share(settings, model)
        ratios.append(ratio.median)
        rows.append([model.name, str(ratio), *cells])
    text = [
        "Against Great Expectations' own pandas engine on the same rows and suite, its import and context "
        "not counted.",
        alone,
        f"The same night with a suite of 12 expectations and without: {settings.days} partitions × "
        f"{settings.rows:,} rows, {count(settings.runs, 'pair')}.",
        table(["model", "ratio", "s, with", "s, without", "CPU s, with", "CPU s, without"], rows),
    ]
    return Section(title="Validation", text="\n\n".join(text), figures={"validation.share": max(ratios)})


def _share(settings: Settings, model: Model) -> tuple[Ratio, list[str]]:
    lake = make_lake(settings, days=settings.days, rows=settings.rows).directory
    bare = make_project(settings.work / "bare", lake, model, sections={"validate": {"input": []}})
    whole = make_project(settings.work / f"project-{model.name}", lake, model)
    found = in_turn({"with": partial(night, whole), "without": partial(night, bare)}, settings.runs)
    walls = [seconds(median(side, lambda one: one.wall_s)) for side in found.values()]
    cpus = [seconds(median(side, lambda one: one.cpu_s)) for side in found.values()]
    return wall_ratio(found["with"], found["without"]), [*walls, *cpus]
