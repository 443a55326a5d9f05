"""What people would use instead: which of it is installed, and runs of it whose output is counted."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.inputs.rides import Lake, Model, peer_script
from benchmarks.measuring.commands import CommandFailed, Measured, measured
from benchmarks.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """name: of its script. needs: modules that its interpreter must have. programs: on the path."""

    name: str
    needs: tuple[str, ...]
    programs: tuple[str, ...] = ()


LOOP_POOL = Peer(name="loop_pool", needs=("pyarrow",))
LOOP_PANDAS = Peer(name="loop_pandas", needs=("pandas",))
FRAMEWORKS = (
    Peer(name="dask_dataframe", needs=("dask.dataframe", "distributed")),
    Peer(name="ray_data", needs=("ray.data",)),
    Peer(name="spark_mlflow", needs=("pyspark", "mlflow"), programs=("java",)),
)


def lacks(peer: Peer, python: Path) -> str | None:
    """Why it cannot run with this interpreter; None: it can."""
    found = [name for name in peer.programs if shutil.which(name) is None]
    code = (
        "import sys, importlib.util as u; sys.exit(', '.join(n for n in sys.argv[1:] if not u.find_spec(n)))"
    )
    tops = [name.split(".")[0] for name in peer.needs]
    asked = subprocess.run([python, "-c", code, *tops], capture_output=True, text=True, check=False)
    if asked.stderr.strip():
        found += asked.stderr.strip().splitlines()[-1:]
    return f"no {', '.join(found)}" if found else None


def run_peer(settings: Settings, peer: Peer, lake: Lake, model: Model) -> Measured:
    """The hand-written loops run with our interpreter: the same libraries on both sides.

    Raises: CommandFailed, also when it did not write a row for every row; InputsMissing.
    """
    python = sys.executable if peer in (LOOP_POOL, LOOP_PANDAS) else settings.peer_python
    out = settings.work / f"out-{peer.name}"
    shutil.rmtree(out, ignore_errors=True)
    found = measured([python, peer_script(settings, peer.name), lake.directory, model.artefact, out])
    require_all_rows(peer.name, out, lake)
    shutil.rmtree(out)
    return found


def require_all_rows(who: str, out: Path, lake: Lake) -> None:
    """A side that loses rows is not faster. Raises: CommandFailed."""
    n_rows = sum(pq.read_metadata(path).num_rows for path in out.rglob("*.parquet"))
    if n_rows != lake.n_rows:
        raise CommandFailed(f"{who} wrote {n_rows:,} rows of {lake.n_rows:,}")
