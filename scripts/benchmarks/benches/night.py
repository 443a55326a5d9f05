"""A whole night against the floor: a hand-written loop over two processes that does nothing but score."""

from __future__ import annotations

from functools import partial

from benchmarks.inputs.peers import LOOP_POOL, require_all_rows, run_peer
from benchmarks.inputs.projects import Project, make_project, night, record_of_last_run
from benchmarks.inputs.rides import make_lake, make_models
from benchmarks.measuring.commands import Measured
from benchmarks.measuring.turns import in_turn, median, tell, wall_ratio
from benchmarks.page.sections import Section
from benchmarks.page.tables import count, megabytes, seconds, table
from benchmarks.settings import Settings

_ABOUT = (
    "Side by side with `loop_pool.py`, a hand-written loop over two processes that neither validates, audits "
    "nor publishes atomically. Ours: 12 expectations, golden rows, audit columns, hashes, fsync, atomic "
    "publish."
)


def measure(settings: Settings) -> Section:
    lake = make_lake(settings, days=settings.days, rows=settings.rows)
    rows, splits, figures = [], [], {}
    for model in make_models(settings):
        tell(f"night: {model.name}")
        project = make_project(settings.work / f"project-{model.name}", lake.directory, model)
        found = in_turn(
            {
                "ours": partial(night, project),
                "loop_pool": partial(run_peer, settings, LOOP_POOL, lake, model),
            },
            settings.runs,
        )
        require_all_rows("ours", project.predictions, lake)
        ratio = wall_ratio(found["ours"], found["loop_pool"])
        figures[f"night.{model.name}"] = ratio.median
        rows.append([model.name, str(ratio), *_cells(found["ours"]), *_cells(found["loop_pool"])])
        splits.append((model.name, stages(project)))
    sides = [
        f"{what}, {who}" for who in ("ours", "loop") for what in ("s", "CPU s", "largest process", "all")
    ]
    text = [
        _ABOUT,
        f"{settings.days} partitions × {settings.rows:,} rows, {count(settings.runs, 'pair')}.",
        table(["model", "ratio", *sides], rows),
        "Where our seconds went: of the workers, summed over chunks; of the driver, summed over partitions.",
        _split(splits),
    ]
    return Section(title="A whole night", text="\n\n".join(text), figures=figures)


def stages(project: Project) -> dict[str, float]:
    """Seconds of each stage of the last run, as its record has them."""
    run, attempts = record_of_last_run(project)
    found = {name.removesuffix("_s"): run["cost"][name] for name in run["cost"] if _is_stage_of_workers(name)}
    for stage in ("check", "publish"):
        found[f"{stage} (driver)"] = sum(attempt["cost"][f"{stage}_s"] for attempt in attempts)
    return found


def _is_stage_of_workers(name: str) -> bool:
    return name.endswith("_s") and name not in ("cpu_s", "wait_s", "prepare_s", "check_s", "publish_s")


def _cells(side: list[Measured]) -> list[str]:
    return [
        seconds(median(side, lambda one: one.wall_s)),
        seconds(median(side, lambda one: one.cpu_s)),
        megabytes(max(one.peak_process_bytes for one in side)),
        megabytes(max(one.peak_tree_bytes for one in side)),
    ]


def _split(splits: list[tuple[str, dict[str, float]]]) -> str:
    names = list(dict.fromkeys(name for _, found in splits for name in found))
    rows = [[model, *(seconds(found.get(name, 0.0)) for name in names)] for model, found in splits]
    return table(["model", *names], rows)
