"""A whole nightly run against `loop_pool.py`, the floor: no validation, no audit, no atomic publish.

Our CPU seconds are those of the driver (and of GX's process, when something failed) as the system counts
them, plus what the workers say their chunks took; their imports are missing, since the system counts workers
for the fork server.

With --share, the other side is the same job without its suites: what validation adds.

Both sides are whole processes on the same lake with the same model file, in turn (A B A B …); what is
reported is the median of the pairwise ratios, because machines drift and ratios do not.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
BATCH_SCORER = Path(sys.executable).with_name("batch-scorer")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Measured:
    """One process with its children: wall and CPU seconds, the largest process's peak in bytes."""

    wall_s: float
    cpu_s: float
    peak_bytes: int


def main() -> None:
    options = _options()
    peers = options.peers
    if not (peers / "make_lake.py").exists():
        sys.exit(
            f"{peers} has no make_lake.py and peers/: give --peers the directory of the benchmark inputs"
        )
    work: Path = options.work
    lake, models = work / "lake", work / "models"
    _make_inputs(peers, lake, models, options)
    if options.share:
        print(_share(options, lake, models, work))
        return
    lines = [_heading(options), ""]
    lines += [
        "| model | ours, s | loop_pool, s | ratio (median of pairs) | ours CPU s | loop CPU s "
        "| ours peak, one process | split of worker seconds |"
    ]
    lines += ["|---|---|---|---|---|---|---|---|"]
    for model in options.models.split(","):
        project = _make_project(work / f"project-{model}", lake, models / f"{model}.joblib", model)
        lines.append(
            _row(model, *_in_turn(project, peers, lake, models / f"{model}.joblib", work, options.runs))
        )
        print(lines[-1], flush=True)
    text = "\n".join(lines)
    print(f"\n{text}")
    if options.write:
        _write(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--models", default="linear,boosted,forest")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "bench")
    parser.add_argument("--peers", type=Path, default=ROOT.parent / "shared" / "bench")
    parser.add_argument("--share", action="store_true", help="against the same job without suites")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    return parser.parse_args()


def _make_inputs(peers: Path, lake: Path, models: Path, options: argparse.Namespace) -> None:
    """The lake is made again when its size differs from what is asked for."""
    rides = peers.parent / "data" / "chicago_taxi.csv"
    wanted = f"{options.days} {options.rows}"
    stamp = lake.with_suffix(".size")
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(lake, ignore_errors=True)
        _run(
            [
                sys.executable,
                peers / "make_lake.py",
                rides,
                lake,
                "--days",
                options.days,
                "--rows",
                options.rows,
            ]
        )
        stamp.write_text(wanted)
    if not models.exists():
        _run([sys.executable, peers / "make_models.py", rides, models])
    training = models / "training.parquet"
    if not training.exists():
        code = (
            f"import sys; sys.path.insert(0, {str(peers)!r}); from make_lake import load;"
            f"load({str(rides)!r}).to_parquet({str(training)!r})"
        )
        _run([sys.executable, "-c", code])


def _share(options: argparse.Namespace, lake: Path, models: Path, work: Path) -> str:
    """What a suite of 12 expectations adds to a whole run, in one row for each model."""
    lines = [
        _heading(options),
        "",
        "| model | 12 expectations, s | without, s | ratio (median of pairs) | CPU s | CPU s without |",
        "|---|---|---|---|---|---|",
    ]
    for model in options.models.split(","):
        artefact = models / f"{model}.joblib"
        sides = {
            suites: _make_project(
                work / f"share-{suites}" / f"project-{model}", lake, artefact, model, suites
            )
            for suites in ("with", "without")
        }
        found: dict[str, list[Measured]] = {"with": [], "without": []}
        for _ in range(options.runs):
            for side, project in sides.items():
                found[side].append(_night(project))
        lines.append(_share_row(model, found["with"], found["without"]))
        print(lines[-1], flush=True)
    return "\n".join(lines)


def _night(project: Path) -> Measured:
    for directory in ("predictions", "state"):
        shutil.rmtree(project / "data" / directory, ignore_errors=True)
    return _measure([BATCH_SCORER, "-p", project, "-q", "run", project.name.removeprefix("project-")])


def _share_row(model: str, validated: list[Measured], bare: list[Measured]) -> str:
    ratio = statistics.median(a.wall_s / b.wall_s for a, b in zip(validated, bare, strict=True))
    cells = [
        model,
        f"{statistics.median(m.wall_s for m in validated):.1f}",
        f"{statistics.median(m.wall_s for m in bare):.1f}",
        f"{ratio:.3f}×",
        f"{statistics.median(m.cpu_s for m in validated):.1f}",
        f"{statistics.median(m.cpu_s for m in bare):.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def _make_project(root: Path, lake: Path, artefact: Path, name: str, suites: str = "with") -> Path:
    shutil.rmtree(root, ignore_errors=True)
    (root / "jobs" / "suites").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "benchmarks" / "rides_12.json", root / "jobs" / "suites")
    job = {
        "version": 1,
        "name": name,
        "schedule": {"timezone": "America/Chicago"},
        "input": {"path": str(lake), "partition_by": {"ride_date": "date"}, "key": ["ride_id"]},
        "validate": {"input": [{"suite": "rides_12", "on_fail": "warn"}] if suites == "with" else []},
        "model": {
            "uri": f"{name}@champion",
            "method": "predict_proba",
            "output": {"score": "float64 = proba[1]", "prediction": "int8 = proba[1] > 0.5"},
        },
        "output": {"path": "data/predictions", "state": "data/state"},
    }
    (root / "jobs" / f"{name}.yml").write_text(yaml.safe_dump(job, sort_keys=False))
    _run([BATCH_SCORER, "-p", root, "models", "register", artefact, "--name", name, "--allow-pickle",
          "--reference", artefact.with_name("training.parquet"), "--alias", "champion"])  # fmt: skip
    return root


def _in_turn(
    project: Path, peers: Path, lake: Path, artefact: Path, work: Path, n_runs: int
) -> tuple[list[Measured], list[Measured], dict[str, Any]]:
    ours, loops = [], []
    out = work / "loop-out"
    for _ in range(n_runs):
        ours.append(_night(project))
        shutil.rmtree(out, ignore_errors=True)
        loops.append(_measure([sys.executable, peers / "peers" / "loop_pool.py", lake, artefact, out]))
    shown = subprocess.run(
        [BATCH_SCORER, "-p", project, "--json", "show", "last"], capture_output=True, text=True, check=True
    )
    lines = [json.loads(line) for line in shown.stdout.splitlines()]
    validate_s = sum(
        verdict["seconds"]
        for line in lines
        if line["message_type"] == "attempt"
        for verdict in line["verdicts"]
    )
    return ours, loops, {**lines[0]["cost"], "suites_s": validate_s}


def _measure(command: list[Any]) -> Measured:
    start = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], env={**os.environ, **ONE_THREAD})
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"{command[0]} exited with {process.returncode}")
    return Measured(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def _row(model: str, ours: list[Measured], loops: list[Measured], cost: dict[str, Any]) -> str:
    ratio = statistics.median(a.wall_s / b.wall_s for a, b in zip(ours, loops, strict=True))
    split = ", ".join(
        f"{name} {cost[f'{name}_s']:.1f}" for name in ("read", "validate", "score", "write", "load")
    )
    cells = [
        model,
        f"{statistics.median(m.wall_s for m in ours):.1f}",
        f"{statistics.median(m.wall_s for m in loops):.1f}",
        f"{ratio:.2f}×",
        f"{statistics.median(m.cpu_s for m in ours) + cost['cpu_s']:.1f}",
        f"{statistics.median(m.cpu_s for m in loops):.1f}",
        f"{max(cost['peak_bytes'], *(m.peak_bytes for m in ours)) / 1e6:.0f} MB",
        f"{split}; verdicts {cost['suites_s']:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def _heading(options: argparse.Namespace) -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in ("pyarrow", "pandas", "scikit-learn", "dask"))
    return (
        f"{options.days} partitions × {options.rows:,} rows, {options.runs} pairs in turn, whole processes; "
        f"{os.cpu_count()} cores, Python {platform.python_version()}, {versions}."
    )


def _write(text: str) -> None:
    page = ROOT / "docs" / "performance.md"
    marker = "<!-- scripts/bench writes below this line -->"
    before = page.read_text().split(marker)[0] if page.exists() else "# Performance\n\n"
    page.write_text(f"{before}{marker}\n\n{text}\n")


def _run(command: list[Any]) -> None:
    subprocess.run([str(part) for part in command], check=True, env={**os.environ, **ONE_THREAD})


if __name__ == "__main__":
    main()
