"""The lake of rides and the models trained on them, made by the benchmark directory's own scripts."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring.commands import Argument, done
from benchmarks.measuring.turns import tell
from benchmarks.settings import Settings


class InputsMissing(Exception):
    """The benchmark directory is not where it should be; says what to give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lake:
    """directory: hive partitions `ride_date=…`."""

    directory: Path
    n_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """training: the rides it was trained on, as Parquet."""

    name: str
    artefact: Path
    training: Path


def make_lake(settings: Settings, *, days: int, rows: int) -> Lake:
    """days partitions of so many rows; made once for each size. Raises: InputsMissing, CommandFailed."""
    lake = Lake(directory=settings.work / f"lake-{days}x{rows}", n_rows=days * rows)
    if not lake.directory.exists():
        tell(f"making a lake of {days} × {rows:,} rows")
        making = lake.directory.with_suffix(".making")
        shutil.rmtree(making, ignore_errors=True)
        making.parent.mkdir(parents=True, exist_ok=True)
        _make(settings, "make_lake.py", making, "--days", days, "--rows", rows)
        making.rename(lake.directory)
    return lake


def make_models(settings: Settings) -> tuple[Model, ...]:
    """Those that are asked for. Raises: InputsMissing, CommandFailed."""
    directory = settings.work / "models"
    training = directory / "training.parquet"
    if not training.exists():
        tell("training the models")
        _make(settings, "make_models.py", directory)
        _write_training(settings, training)
    return tuple(
        Model(name=name, artefact=directory / f"{name}.joblib", training=training) for name in settings.models
    )


def peer_script(settings: Settings, name: str) -> Path:
    """Raises: InputsMissing."""
    return _there(settings, f"peers/{name}.py")


def _make(settings: Settings, script: str, out: Path, *arguments: Argument) -> None:
    done([sys.executable, _there(settings, script), _rides(settings), out, *arguments])


def _write_training(settings: Settings, training: Path) -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); from make_lake import load; "
    code += "load(sys.argv[2]).to_parquet(sys.argv[3])"
    done([sys.executable, "-c", code, settings.peers, _rides(settings), training])


def _rides(settings: Settings) -> Path:
    return _there(settings, "../data/chicago_taxi.csv")


def _there(settings: Settings, name: str) -> Path:
    path = settings.peers / name
    if not path.exists():
        raise InputsMissing(
            f"{name} is not in {settings.peers}\n  fix:   give --peers the directory that holds "
            "make_lake.py, make_models.py and peers/, with ../data/chicago_taxi.csv beside it"
        )
    return path
