"""A clock that can be set, for real processes: a small library is preloaded that shifts the time of day."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
from pathlib import Path

import pytest

_SOURCE = Path(__file__).parent / "set_clock.c"


class Clock:
    """For processes that tests start; this one keeps the real time."""

    def __init__(self, scratch: Path) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            pytest.skip("no C compiler here to build the library that sets the clock")
        self.library = scratch / "set_clock.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", self.library, _SOURCE, "-ldl"], check=True)

    def at(self, moment: dt.datetime) -> dict[str, str]:
        """Environment of a process, and of those it starts, for which it is `moment` (aware) now."""
        offset = moment - dt.datetime.now(dt.UTC)
        return {
            "LD_PRELOAD": str(self.library),
            "CLOCK_OFFSET": str(round(offset.total_seconds())),
            "TZ": "UTC",
        }
