"""The memory of a worker as ONE partition grows: it should not.

    python scripts/benchmarks/memory.py --rows 1000000,10000000,50000000 --work DIR

Every cell is a whole run in a process of its own: one local worker, a suite with a unique key, a published
partition. The peak is the one that the run recorded. Between two
sizes only the number of row groups (or their size) differs: the rows are the same million again and again,
with keys of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

BATCH_SCORER = Path(sys.executable).with_name("batch-scorer")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
MAKER = Path(__file__).with_name("memory_lake.py")
MB = 1_000_000


def main() -> None:
    options = _options()
    sizes = [int(size) for size in options.rows.split(",")]
    print(_heading(options), "", _header(sizes), "|---" * (len(sizes) + 2) + "|", sep="\n")
    for name in options.layouts.split(","):
        peaks = []
        for n_rows in sizes:
            project = options.work / "memory"
            _make(project, n_rows, name, options.model)
            peaks.append(_peak(project))
        print(_row(name, peaks), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", default="1000000,10000000", help="sizes of the partition, smallest first")
    parser.add_argument("--layouts", default="one file,many files,large row groups,skewed row groups")
    parser.add_argument("--model", default="linear", choices=["linear", "boosted"])
    parser.add_argument("--work", type=Path, required=True)
    return parser.parse_args()


def _make(project: Path, n_rows: int, layout: str, model: str) -> None:
    subprocess.run(
        [sys.executable, MAKER, "--rows", str(n_rows), "--layout", layout, "--model", model, project],
        check=True,
    )


def _peak(project: Path) -> int:
    """Resident bytes of the worker, at most."""
    command = [BATCH_SCORER, "-p", project, "-q", "run", "memory", "--cluster", "local", "--workers", "1"]
    run = subprocess.run([str(part) for part in command], env={**os.environ, **ONE_THREAD}, check=False)
    if run.returncode:
        sys.exit(f"the run exited with {run.returncode}")
    shown = subprocess.run(
        [BATCH_SCORER, "-p", project, "--json", "show", "last"], capture_output=True, text=True, check=True
    )
    n_bytes: int = json.loads(shown.stdout.splitlines()[0])["cost"]["peak_bytes"]
    return n_bytes


def _heading(options: argparse.Namespace) -> str:
    return (
        f"One partition, one worker, {options.model} model, a suite with a unique key; Python "
        f"{platform.python_version()}, pyarrow {version('pyarrow')}, pandas {version('pandas')}."
    )


def _header(sizes: list[int]) -> str:
    cells = [f"{size / MB:g} M rows" for size in sizes]
    return f"| layout | {' | '.join(cells)} | largest / smallest |"


def _row(name: str, peaks: list[int]) -> str:
    cells = [f"{peak / MB:.0f} MB" for peak in peaks]
    return f"| {name} | {' | '.join(cells)} | {max(peaks) / min(peaks):.2f}× |"


if __name__ == "__main__":
    main()
