"""What it costs to make a partition visible, in each format."""

from __future__ import annotations

import statistics

from benchmarks.inputs.projects import Project, night, record_of_last_run
from benchmarks.inputs.tiny import make_tiny_project
from benchmarks.measuring.syncs import can_count_syncs, count_syncs
from benchmarks.measuring.turns import tell
from benchmarks.page.sections import Section
from benchmarks.page.tables import table
from benchmarks.settings import Settings

_PARTITIONS = 20


def measure(settings: Settings) -> Section:
    rows = [_row(settings, sink) for sink in ("parquet", "delta")]
    text = (
        f"A backfill of {_PARTITIONS} partitions of 100 rows, in-process. Publishing: from the checked "
        "chunks to the ledger's last row, median. fsyncs: all of the run, divided by its partitions; "
        "`strace` counts them.\n\n"
    )
    return Section(
        title="Publishing",
        text=text + table(["format", "ms a publish", "fsyncs a partition"], rows),
        figures={},
    )


def _row(settings: Settings, sink: str) -> list[str]:
    tell(f"publish: {sink}")
    project = make_tiny_project(settings, f"publish-{sink}", _PARTITIONS, output={"format": sink})
    found = [1000 * cost for _ in range(settings.runs) for cost in _publish_seconds(project)]
    return [sink, f"{statistics.median(found):.1f}", _syncs(project)]


def _publish_seconds(project: Project) -> list[float]:
    night(project, "--cluster", "inline")
    _, attempts = record_of_last_run(project)
    return [attempt["cost"]["publish_s"] for attempt in attempts]


def _syncs(project: Project) -> str:
    if not can_count_syncs():
        return "not counted: no `strace`"
    project.forget()
    n_syncs = count_syncs(project.command("run", project.job, "--cluster", "inline"))
    return f"{n_syncs / _PARTITIONS:.1f}"
