"""A plan over very many partitions."""

from __future__ import annotations

from functools import partial

from benchmarks.inputs.projects import Project
from benchmarks.inputs.tiny import fill_ledger, make_tiny_project
from benchmarks.measuring.commands import Argument, Measured, measured
from benchmarks.measuring.turns import in_turn, median
from benchmarks.page.sections import Section
from benchmarks.page.tables import count, megabytes, seconds, table
from benchmarks.settings import Settings


def measure(settings: Settings) -> Section:
    project = make_tiny_project(settings, "plan", settings.partitions)
    found = {"all new": _planned(settings, project)}
    fill_ledger(settings, project, settings.partitions, 1)
    found["all up to date"] = _planned(settings, project)
    found["all due again"] = _planned(settings, project, "--reprocess", "all")
    rows = [
        [
            name,
            seconds(median(side, lambda one: one.wall_s)),
            seconds(median(side, lambda one: one.cpu_s)),
            megabytes(max(one.peak_process_bytes for one in side)),
        ]
        for name, side in found.items()
    ]
    turns = count(settings.runs, "turn")
    text = f"`plan` over {settings.partitions:,} partitions of one file, {turns} each.\n\n"
    sides = list(found.values())
    return Section(
        title="Planning",
        text=text + table(["history", "s", "CPU s", "largest process"], rows),
        figures={
            "plan.worst_s": max(median(side, lambda one: one.wall_s) for side in sides),
            "plan.worst_mb": max(one.peak_process_bytes for side in sides for one in side) / 1e6,
        },
    )


def _planned(settings: Settings, project: Project, *options: Argument) -> list[Measured]:
    command = project.command("plan", project.job, *options)
    return in_turn({"plan": partial(measured, command)}, settings.runs)["plan"]
