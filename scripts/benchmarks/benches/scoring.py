"""A loaded model's predict alone: no reading, no validation, no writing."""

from __future__ import annotations

import json

from benchmarks.inputs.projects import make_project
from benchmarks.inputs.rides import make_lake, make_models
from benchmarks.measuring.commands import done, python_of
from benchmarks.measuring.turns import tell
from benchmarks.page.sections import Section
from benchmarks.page.tables import table
from benchmarks.settings import Settings


def measure(settings: Settings) -> Section:
    lake = make_lake(settings, days=1, rows=settings.rows).directory
    rows = []
    for model in make_models(settings):
        tell(f"scoring: {model.name}")
        project = make_project(settings.work / "scoring", lake, model)
        said = done(
            [*python_of("benchmarks.programs.scoring"), project.root, model.name, lake, settings.runs]
        )
        found: dict[str, float] = json.loads(said.splitlines()[-1])
        rows += [_row(model.name, way, rate, found["original"]) for way, rate in found.items()]
    text = (
        f"Predicting {settings.rows:,} rows of Arrow columns in batches of 65,536, one core, "
        f"the best of {settings.runs} passes.\n\n"
    )
    heading = ["model", "way", "rows a second and core", "against the original"]
    return Section(title="Scoring alone", text=text + table(heading, rows), figures={})


def _row(model: str, way: str, rate: float, original: float) -> list[str]:
    return [model, way, f"{rate:,.0f}", f"{rate / original:.2f}×"]
