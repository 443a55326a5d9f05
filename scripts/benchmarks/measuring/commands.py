"""Commands as a bench runs them: measured with all their descendants, or just done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

SCRIPTS = Path(__file__).resolve().parents[2]
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "GX_ANALYTICS_ENABLED": "false",
}
Argument: TypeAlias = str | Path | int


class CommandFailed(Exception):
    """A command ended with another code than 0; says which, and its last words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One command with all its descendants.

    began_at: seconds since the epoch. peak_tree_bytes: shared pages counted once, sampled.
    """

    began_at: float
    wall_s: float
    cpu_s: float
    peak_process_bytes: int
    peak_tree_bytes: int


def measured(command: Sequence[Argument]) -> Measured:
    """What it prints is thrown away. Raises: CommandFailed."""
    with tempfile.TemporaryDirectory() as place:
        result = Path(place) / "accounts.json"
        watch = _ended([*python_of("benchmarks.measuring.watch"), result, *command])
        if watch.returncode:
            raise CommandFailed(_failure(command, "no measurement", watch.stderr))
        accounts: dict[str, Any] = json.loads(result.read_text())
        if accounts["exit_code"]:
            raise CommandFailed(_failure(command, accounts["exit_code"], watch.stderr))
    return Measured(**{name: accounts[name] for name in Measured.__slots__})


def done(command: Sequence[Argument]) -> str:
    """Run it to its end; what it wrote to stdout. Raises: CommandFailed."""
    ended = _ended(command)
    if ended.returncode:
        raise CommandFailed(_failure(command, ended.returncode, ended.stderr))
    return ended.stdout


def python_of(module: str) -> list[str]:
    """The start of a command that calls main() of a module of this package, without touching PYTHONPATH."""
    code = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); from {module} import main; main()"
    return [sys.executable, "-c", code]


def _ended(command: Sequence[Argument]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        env={**os.environ, **ONE_THREAD},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def _failure(command: Sequence[Argument], ending: object, stderr: str) -> str:
    shown = " ".join(map(str, command[:8])) + (" …" if len(command) > 8 else "")
    last_words = "\n  ".join(stderr.strip().splitlines()[-8:])
    return f"{shown}\n  ended with {ending}\n  {last_words}"
