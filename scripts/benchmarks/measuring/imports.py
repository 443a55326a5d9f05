"""What a Python command imports, by package."""

from __future__ import annotations

import os
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Sequence

from benchmarks.measuring.commands import Argument

_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")


def imports_of(command: Sequence[Argument]) -> dict[str, float]:
    """Milliseconds that the modules of each top-level package took themselves, imports within not counted."""
    environment = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    ended = subprocess.run(
        list(map(str, command)), env=environment, capture_output=True, text=True, check=False
    )
    return by_package(ended.stderr.splitlines())


def by_package(lines: Iterable[str]) -> dict[str, float]:
    """lines: as `python -X importtime` writes them; others are passed over."""
    found: defaultdict[str, float] = defaultdict(float)
    for line in lines:
        if match := _LINE.match(line):
            found[match[2].split(".")[0]] += int(match[1]) / 1000
    return dict(found)
