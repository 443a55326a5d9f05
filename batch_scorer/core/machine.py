"""What this process may use of its machine: in a container or under `taskset` less than there is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_LIMITS = Path("/sys/fs/cgroup")
_OURS = Path("/proc/self/cgroup")


def usable_cpus(limits: Path = _LIMITS, ours: Path = _OURS) -> int:
    """At least 1: the processors of its affinity, as far as the quota of its cgroup reaches, in whole ones.

    limits: where cgroups are mounted, version 2 or 1. ours: the file that says which one is ours.
    """
    n_cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for cgroup in _cgroups(limits, ours, "cpu"):
        quota = _words(cgroup, "cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us")
        match [int(word) for word in quota if word.isdecimal()]:  # "max" and -1: there is none
            case [used, period] if period:
                n_cpus = min(n_cpus, used // period)
    return max(1, n_cpus)


def usable_memory(limits: Path = _LIMITS, ours: Path = _OURS) -> int:
    """Bytes: the machine's memory, as far as the limit of its cgroup reaches. As `usable_cpus`."""
    import psutil

    n_bytes: int = psutil.virtual_memory().total
    for cgroup in _cgroups(limits, ours, "memory"):
        limit = _words(cgroup, "memory.max", "memory.limit_in_bytes")
        n_bytes = min([n_bytes, *(int(word) for word in limit if word.isdecimal())])
    return n_bytes


def _cgroups(limits: Path, ours: Path, kind: str) -> Iterator[Path]:
    """Directories of our cgroup and of those around it, whose limits are ours too: a service of systemd has
    one far below, and a container sees its own at the top. There may be no such directory.
    """
    for line in _text(ours).split("\n"):
        _number, _, rest = line.partition(":")
        kinds, is_known, path = rest.partition(":")
        if not is_known:  # something else than we know: there is no limit in it
            continue
        if not kinds:
            top = limits  # version 2
        elif kind in kinds.split(","):
            top = limits / kind
        else:
            continue
        below = PurePosixPath(path.lstrip("/"))
        yield from (top / each for each in (below, *below.parents))


def _words(cgroup: Path, *names: str) -> list[str]:
    """Of those of its files that are there: the first is version 2's, the others are version 1's."""
    return " ".join(_text(cgroup / name) for name in names).split()


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
