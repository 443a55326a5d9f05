"""A worker's peak as one partition grows."""

from __future__ import annotations

import re
import sys

from benchmarks.inputs.rides import InputsMissing
from benchmarks.measuring.commands import SCRIPTS, done
from benchmarks.measuring.turns import tell
from benchmarks.page.sections import Section
from benchmarks.settings import Settings

_PROGRAM = SCRIPTS / "benchmarks" / "memory.py"
_GROWTH = re.compile(r"([\d.]+)× \|$", re.MULTILINE)


def measure(settings: Settings) -> Section:
    if not _PROGRAM.exists():
        raise InputsMissing(f"there is no {_PROGRAM.name} beside the benches")
    tell("memory: one partition of " + ", ".join(f"{n:,}" for n in settings.memory_rows) + " rows")
    sizes = ",".join(map(str, settings.memory_rows))
    found = done([sys.executable, _PROGRAM, "--rows", sizes, "--work", settings.work]).strip()
    return Section(title="Memory", text=found, figures={"memory.worst": worst_growth(found)})


def worst_growth(tables: str) -> float:
    """The largest number in the last column. Raises: ValueError, when there is none."""
    return max(map(float, _GROWTH.findall(tables)))
