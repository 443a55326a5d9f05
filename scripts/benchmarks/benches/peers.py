"""A whole night against the frameworks that people would use for it; each only scores."""

from __future__ import annotations

from functools import partial

from benchmarks.inputs.peers import FRAMEWORKS, LOOP_PANDAS, Peer, lacks, run_peer
from benchmarks.inputs.projects import make_project, night
from benchmarks.inputs.rides import Lake, Model, make_lake, make_models
from benchmarks.measuring.commands import CommandFailed, Measured
from benchmarks.measuring.turns import in_turn, median, tell, wall_ratio
from benchmarks.page.sections import Section
from benchmarks.page.tables import count, megabytes, seconds, table
from benchmarks.settings import Settings


def measure(settings: Settings) -> Section:
    lake = make_lake(settings, days=settings.days, rows=settings.rows)
    models = make_models(settings)
    present, skipped = _present(settings, models)
    rows: list[list[str]] = []
    figures: dict[str, float] = {}
    for model in models:
        tell(f"peers: {model.name}")
        found = _in_turn(settings, lake, model, present)
        for peer in present:
            faster = wall_ratio(found[peer.name], found["ours"])
            key = f"peers.{peer.name}"
            figures[key] = min(figures.get(key, faster.median), faster.median)
            rows.append([model.name, peer.name, str(faster), *_cells(found["ours"], found[peer.name])])
    heading = ["model", "peer", "its time / ours", "s, ours", "s, peer", "CPU s, ours", "CPU s, peer",
               "all memory, ours", "all memory, peer"]  # fmt: skip
    text = [
        f"{settings.days} partitions × {settings.rows:,} rows, {count(settings.runs, 'turn')}.",
        table(heading, rows),
    ]
    text += [f"Skipped: {', '.join(skipped)}."] if skipped else []
    return Section(title="Against what people would use", text="\n\n".join(text), figures=figures)


def _present(settings: Settings, models: tuple[Model, ...]) -> tuple[list[Peer], list[str]]:
    """Those that score a small lake, and why the others do not. It warms them up, too."""
    small = make_lake(settings, days=2, rows=1_000)
    present, skipped = [], []
    for peer in (LOOP_PANDAS, *FRAMEWORKS):
        reason = lacks(peer, settings.peer_python)
        try:
            for model in () if reason else models:
                tell(f"peers: trying {peer.name} with {model.name}")
                run_peer(settings, peer, small, model)
        except CommandFailed as error:
            tell(str(error))
            reason = "it failed on a small lake"
        if reason:
            skipped.append(f"{peer.name} ({reason})")
        else:
            present.append(peer)
    return present, skipped


def _in_turn(settings: Settings, lake: Lake, model: Model, peers: list[Peer]) -> dict[str, list[Measured]]:
    project = make_project(settings.work / f"project-{model.name}", lake.directory, model)
    sides = {"ours": partial(night, project)}
    sides |= {peer.name: partial(run_peer, settings, peer, lake, model) for peer in peers}
    return in_turn(sides, settings.runs)


def _cells(ours: list[Measured], theirs: list[Measured]) -> list[str]:
    both = (ours, theirs)
    return [
        *(seconds(median(side, lambda one: one.wall_s)) for side in both),
        *(seconds(median(side, lambda one: one.cpu_s)) for side in both),
        *(megabytes(max(one.peak_tree_bytes for one in side)) for side in both),
    ]
