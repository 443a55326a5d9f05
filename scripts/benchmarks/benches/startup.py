"""What it costs to begin: small verbs, a night with nothing due, the first partition of local workers."""

from __future__ import annotations

import datetime as dt
import statistics
import sys
from functools import partial

from benchmarks.inputs.projects import BATCH_SCORER, Project, make_project, night, record_of_last_run
from benchmarks.inputs.rides import make_lake, make_models
from benchmarks.measuring.commands import Argument, measured
from benchmarks.measuring.imports import imports_of
from benchmarks.measuring.turns import in_turn, median, tell
from benchmarks.page.sections import Section
from benchmarks.page.tables import count, megabytes, seconds, table
from benchmarks.settings import Settings

_SHOWN_PACKAGES = 12


def measure(settings: Settings) -> Section:
    lake = make_lake(settings, days=2, rows=settings.rows)
    project = make_project(settings.work / "startup", lake.directory, make_models(settings)[0])
    tell("startup: local workers")
    first, whole = zip(*(_first_partition(project) for _ in range(settings.runs)), strict=True)
    commands: dict[str, list[Argument]] = {
        "an empty Python": [sys.executable, "-c", "pass"],
        "`--help`": [BATCH_SCORER, "--help"],
        "`validate-config`": project.command("validate-config", project.job),
        "`status`": project.command("status", project.job),
        "`run`, nothing due": project.command("run", project.job),
    }
    found = in_turn({name: partial(measured, command) for name, command in commands.items()}, settings.runs)
    rows = [
        [
            name,
            seconds(median(side, lambda one: one.wall_s)),
            seconds(median(side, lambda one: one.cpu_s)),
            megabytes(max(one.peak_process_bytes for one in side)),
        ]
        for name, side in found.items()
    ]
    walls = {name: median(side, lambda one: one.wall_s) for name, side in found.items()}
    text = [
        f"Medians of {count(settings.runs, 'turn')}, whole processes.",
        table(["command", "s", "CPU s", "largest process"], rows),
        f"With two local workers, a lake of 2 partitions × {settings.rows:,} rows: the first partition was "
        f"published {seconds(statistics.median(first))} s after the start, the process ended after "
        f"{seconds(statistics.median(whole))} s.",
        "What a night with nothing due imports, in milliseconds that modules took themselves:",
        _imports(project.command("run", project.job)),
    ]
    return Section(
        title="Start-up",
        text="\n\n".join(text),
        figures={"startup.help": walls["`--help`"], "startup.nothing_due": walls["`run`, nothing due"]},
    )


def _first_partition(project: Project) -> tuple[float, float]:
    """Seconds from the start of the process to the first published partition, and to its end."""
    found = night(project, "--cluster", "local", "--workers", 2)
    _, attempts = record_of_last_run(project)
    first = min(dt.datetime.fromisoformat(attempt["finished_at"]) for attempt in attempts)
    return first.timestamp() - found.began_at, found.wall_s


def _imports(command: list[Argument]) -> str:
    found = imports_of(command)
    largest = sorted(found.items(), key=lambda item: -item[1])[:_SHOWN_PACKAGES]
    rows = [[package, f"{ms:.0f}"] for package, ms in [*largest, ("all", sum(found.values()))]]
    return table(["package", "ms"], rows)
