"""One partition from a cold start, against the script that most people have."""

from __future__ import annotations

from functools import partial

from benchmarks.inputs.peers import LOOP_PANDAS, require_all_rows, run_peer
from benchmarks.inputs.projects import make_project, night
from benchmarks.inputs.rides import make_lake, make_models
from benchmarks.measuring.turns import in_turn, median, tell, wall_ratio
from benchmarks.page.sections import Section
from benchmarks.page.tables import count, seconds, table
from benchmarks.settings import Settings


def measure(settings: Settings) -> Section:
    lake = make_lake(settings, days=1, rows=settings.rows)
    rows, ratios = [], []
    for model in make_models(settings):
        tell(f"cold: {model.name}")
        project = make_project(settings.work / "cold", lake.directory, model)
        peer = partial(run_peer, settings, LOOP_PANDAS, lake, model)
        found = in_turn({"ours": partial(night, project), "loop_pandas": peer}, settings.runs)
        require_all_rows("ours", project.predictions, lake)
        ratio = wall_ratio(found["ours"], found["loop_pandas"])
        ratios.append(ratio.median)
        walls = [seconds(median(side, lambda one: one.wall_s)) for side in found.values()]
        cpus = [seconds(median(side, lambda one: one.cpu_s)) for side in found.values()]
        rows.append([model.name, str(ratio), *walls, *cpus])
    heading = ["model", "ratio", "s, ours", "s, loop_pandas", "CPU s, ours", "CPU s, loop_pandas"]
    text = (
        f"One partition of {settings.rows:,} rows, {count(settings.runs, 'pair')}, against "
        "`loop_pandas.py`; the whole process on both sides, all imports included.\n\n"
    )
    return Section(
        title="One partition from a cold start",
        text=text + table(heading, rows),
        figures={"cold.worst": max(ratios)},
    )
