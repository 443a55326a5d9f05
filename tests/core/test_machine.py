"""Processors and memory that may be used: of affinity and machine, as far as the cgroup's limits reach."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
import pytest

from batch_scorer.core.machine import usable_cpus, usable_memory

_TOP = "0::/\n"
_SERVICE = "0::/system.slice/night.service\n"
_VERSION_1 = "4:memory:/docker/1f\n2:cpu,cpuacct:/docker/1f\n0::/\n"
_GB = 10**9

Cgroups = Callable[[str, Mapping[str, str]], tuple[Path, Path]]


@pytest.fixture
def cgroups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cgroups:
    """What says which cgroup is ours, and files of limits, on a machine of 8 processors and 16 GB."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)), raising=False)
    total = psutil.virtual_memory()._replace(total=16 * _GB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: total)

    def made(ours: str, files: Mapping[str, str]) -> tuple[Path, Path]:
        (tmp_path / "ours").write_text(ours)
        for name, text in files.items():
            file = tmp_path / "limits" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return tmp_path / "limits", tmp_path / "ours"

    return made


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("max 100000\n", 8),
        ("200000 100000\n", 2),
        ("150000 100000\n", 1),
        ("50000 100000\n", 1),
        ("9900000 100000\n", 8),
        ("1 0\n", 8),
        ("", 8),
    ],
)
def test_a_quota_counts_in_whole_processors_and_one_that_is_not_understood_does_not(
    quota: str, expected: int, cgroups: Cgroups
) -> None:
    assert usable_cpus(*cgroups(_TOP, {"cpu.max": quota})) == expected


def test_without_cgroups_there_is_what_the_machine_has(tmp_path: Path, cgroups: Cgroups) -> None:
    assert usable_cpus(tmp_path, tmp_path / "none") == 8
    assert usable_memory(tmp_path, tmp_path / "none") == 16 * _GB
    assert usable_cpus(*cgroups(_SERVICE, {})) == 8


def test_a_line_that_is_not_understood_is_no_cgroup(cgroups: Cgroups) -> None:
    for line in ("\n", "0\n", "0:cpu\n", "1:name=a\x0cb:/\x1e\n"):
        assert usable_cpus(*cgroups(line + _TOP, {"cpu.max": "200000 100000"})) == 2


def test_a_service_has_the_limits_of_its_own_cgroup_and_of_those_around_it(cgroups: Cgroups) -> None:
    files = {
        "system.slice/cpu.max": "300000 100000",
        "system.slice/night.service/cpu.max": "400000 100000",
        "system.slice/other.service/cpu.max": "100000 100000",
        "system.slice/memory.max": "max\n",
        "system.slice/night.service/memory.max": f"{4 * _GB}\n",
        "system.slice/other.service/memory.max": "1",
    }
    assert usable_cpus(*cgroups(_SERVICE, files)) == 3
    assert usable_memory(*cgroups(_SERVICE, files)) == 4 * _GB


def test_cgroups_of_version_1_limit_as_well_also_where_a_container_sees_only_its_own(
    cgroups: Cgroups,
) -> None:
    unlimited = {
        "cpu/cpu.cfs_quota_us": "-1\n",
        "cpu/cpu.cfs_period_us": "100000\n",
        "memory/memory.limit_in_bytes": "9223372036854771712\n",
    }
    assert usable_cpus(*cgroups(_VERSION_1, unlimited)) == 8
    assert usable_memory(*cgroups(_VERSION_1, unlimited)) == 16 * _GB
    own = {"cpu/docker/1f/cpu.cfs_quota_us": "200000", "cpu/docker/1f/cpu.cfs_period_us": "100000"}
    assert usable_cpus(*cgroups(_VERSION_1, own)) == 2
    seen = {"cpu/cpu.cfs_quota_us": "100000", "memory/memory.limit_in_bytes": f"{2 * _GB}"}
    assert usable_cpus(*cgroups(_VERSION_1, seen)) == 1
    assert usable_memory(*cgroups(_VERSION_1, seen)) == 2 * _GB


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_a_process_that_is_bound_to_one_processor_has_one() -> None:
    program = (
        "import os; from batch_scorer.core.machine import usable_cpus\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); print(usable_cpus())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
