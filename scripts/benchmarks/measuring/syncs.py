"""How often a command and its descendants wait for the disk."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measuring.commands import Argument, done

_CALL = re.compile(r"\b(?:fsync|fdatasync)\(")


def can_count_syncs() -> bool:
    return shutil.which("strace") is not None


def count_syncs(command: Sequence[Argument]) -> int:
    """fsync and fdatasync calls. It takes longer than without. Raises: CommandFailed."""
    with tempfile.TemporaryDirectory() as place:
        calls = Path(place) / "calls.txt"
        done(["strace", "-f", "--seccomp-bpf", "-e", "trace=fsync,fdatasync", "-o", calls, *command])
        return counted(calls.read_text())


def counted(calls: str) -> int:
    """calls: as strace writes them; one that was interrupted takes two lines, and counts once."""
    return len(_CALL.findall(calls))
