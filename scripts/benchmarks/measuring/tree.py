"""Processes as /proc tells of them."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PSS = re.compile(rb"^Pss:\s+(\d+) kB", re.MULTILINE)
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_GONE = (FileNotFoundError, ProcessLookupError, PermissionError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """started: ticks since boot; with the pid it names a process for good. cpu_s: without its children."""

    pid: int
    started: int
    cpu_s: float


def descendants(pid: int) -> list[int]:
    """Children, their children and so on, of a living process; without itself."""
    return below(pid, dict(_parents()))


def below(pid: int, parents: Mapping[int, int]) -> list[int]:
    """parents: of every process. Nearest first."""
    children = defaultdict(list)
    for child, parent in parents.items():
        children[parent].append(child)
    found: list[int] = []
    level = [pid]
    while level:
        level = [child for parent in level for child in children[parent]]
        found += level
    return found


def usage_of(pid: int) -> Usage | None:
    """None: it is gone."""
    stat = _read(pid, "stat")
    return None if stat is None else parsed_usage(pid, stat)


def parsed_usage(pid: int, stat: bytes) -> Usage:
    """stat: of /proc/PID/stat; the second field is a name in brackets, which may hold blanks and brackets."""
    fields = stat[stat.rindex(b")") + 2 :].split()
    return Usage(pid=pid, started=int(fields[19]), cpu_s=(int(fields[11]) + int(fields[12])) / _TICKS_PER_S)


def proportional_bytes(pid: int) -> int:
    """Its pages, each divided by the number of processes that share it; 0 when it is gone."""
    found = _PSS.search(_read(pid, "smaps_rollup") or b"")
    return int(found[1]) * 1024 if found else 0


def _parents() -> Iterable[tuple[int, int]]:
    for name in os.listdir("/proc"):
        if name.isdigit() and (stat := _read(int(name), "stat")) is not None:
            yield int(name), int(stat[stat.rindex(b")") + 2 :].split()[1])


def _read(pid: int, name: str) -> bytes | None:
    with suppress(*_GONE):
        return Path(f"/proc/{pid}/{name}").read_bytes()
    return None
