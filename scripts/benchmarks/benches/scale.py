"""Many tiny partitions in one backfill, and a long history."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

from benchmarks.inputs.projects import night
from benchmarks.inputs.tiny import fill_ledger, make_tiny_project, run_id, score_first_day
from benchmarks.measuring.commands import Measured, measured
from benchmarks.measuring.syncs import can_count_syncs, count_syncs
from benchmarks.measuring.turns import in_turn, median, tell
from benchmarks.page.sections import Section
from benchmarks.page.tables import count, megabytes, seconds, table
from benchmarks.settings import Settings

_MAX_TRACED = 1_000  # partitions: tracing takes longer
_HISTORY_PARTITIONS = 1_000


def measure(settings: Settings) -> Section:
    backfills = {n: _backfill(settings, n) for n in settings.sizes}
    syncs = {n: _syncs_each(settings, n) for n in settings.sizes if n <= _MAX_TRACED and can_count_syncs()}
    further = further_ms({n: found.wall_s for n, found in backfills.items()})
    history = _history(settings)
    text = [
        "Backfills of partitions of 100 rows each; a further one costs the difference to the smaller size.",
        _backfill_table(backfills, further, syncs),
        f"A ledger of {settings.generations:,} generations, {count(settings.runs, 'turn')}:",
        table(
            ["command", "s", "largest process"],
            [
                [f"`{name}`", seconds(median(side, lambda one: one.wall_s)),
                 megabytes(max(one.peak_process_bytes for one in side))]
                for name, side in history.items()
            ],
        ),
    ]  # fmt: skip
    walls = {name: median(side, lambda one: one.wall_s) for name, side in history.items()}
    figures = {
        "scale.status": walls["status"],
        "scale.show": max(walls["show RUN"], walls["show PARTITION"]),
    }
    figures |= {"scale.fsyncs": max(syncs.values())} if syncs else {}
    figures |= _flatness(further)
    return Section(title="Scale", text="\n\n".join(text), figures=figures)


def further_ms(wall_s: dict[int, float]) -> dict[int, float]:
    """Milliseconds of each further partition, by the larger of two neighbouring sizes."""
    sizes = sorted(wall_s)
    return {b: 1000 * (wall_s[b] - wall_s[a]) / (b - a) for a, b in pairwise(sizes)}


def _flatness(further: dict[int, float]) -> dict[str, float]:
    """Nothing, when the sizes that the goal speaks of were not measured."""
    if not {1_000, 10_000} <= set(further):
        return {}
    return {"scale.flat": further[10_000] / further[1_000]}


def _backfill(settings: Settings, n: int) -> Measured:
    """Once: the sizes themselves are the repetition."""
    project = make_tiny_project(settings, f"scale-{n}", n)
    found = night(project)
    tell(f"scale: {n:,} partitions in {found.wall_s:.1f} s")
    return found


def _syncs_each(settings: Settings, n: int) -> float:
    tell(f"scale: fsyncs of {n:,} partitions")
    project = make_tiny_project(settings, f"scale-{n}", n)
    return count_syncs(project.command("run", project.job)) / n


def _backfill_table(
    backfills: dict[int, Measured], further: dict[int, float], syncs: dict[int, float]
) -> str:
    rows = [
        [
            f"{n:,}",
            seconds(found.wall_s),
            seconds(found.cpu_s),
            f"{further[n]:.1f}" if n in further else "–",
            f"{syncs[n]:.1f}" if n in syncs else "–",
            megabytes(found.peak_process_bytes),
        ]
        for n, found in backfills.items()
    ]
    return table(
        ["partitions", "s", "CPU s", "ms a further partition", "fsyncs a partition", "largest process"], rows
    )


def _history(settings: Settings) -> dict[str, list[Measured]]:
    n = min(_HISTORY_PARTITIONS, settings.generations)
    project = make_tiny_project(settings, "history", n)
    fill_ledger(settings, project, n, settings.generations // n)
    partition = score_first_day(project)
    commands = {
        "status": ("status", project.job),
        "runs": ("runs",),
        "show RUN": ("show", run_id(2)),
        "show PARTITION": ("show", f"{project.job}/{partition}"),
        "audit": ("audit", project.job, "--partition", partition),
        "gc --dry-run": ("gc", project.job, "--older-than", "1d", "--dry-run"),
    }
    return in_turn(
        {name: partial(measured, project.command(*command)) for name, command in commands.items()},
        settings.runs,
    )
