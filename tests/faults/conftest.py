"""Runs that break off where they are told to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.conftest import TaxiProject

BUILD = Path(__file__).parent / "build"


def environment(faults: str) -> Mapping[str, str]:
    """With the test build on the path, and what it is told to do."""
    path = os.pathsep.join(filter(None, [str(BUILD), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, "BATCH_SCORER_FAULTS": faults}


def start(project: TaxiProject, faults: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "batch_scorer", "-p", str(project.root), *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(faults)
    )
