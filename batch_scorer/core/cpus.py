"""How many processors this process may use: in a container or under `taskset` fewer than there are."""

from __future__ import annotations

import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of our own cgroup, as a container sees it


def usable_cpus(quota: Path = _QUOTA) -> int:
    """At least 1. quota: cgroup v2's file of two numbers, microseconds of CPU in a period, and the period."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        used, period = quota.read_text(encoding="ascii").split()
        return max(1, min(affinity, int(used) // int(period)))
    except (OSError, ValueError, ZeroDivisionError):  # none, or "max", or something else than we know
        return affinity
