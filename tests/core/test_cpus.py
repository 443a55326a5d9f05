"""Processors that may be used: those of the affinity, as far as the cgroup's quota reaches."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from batch_scorer.core.cpus import usable_cpus


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
        (None, 8),
    ],
)
def test_a_quota_counts_in_whole_processors_and_one_that_is_not_understood_does_not(
    quota: str | None, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)), raising=False)
    file = tmp_path / "cpu.max"
    if quota is not None:
        file.write_text(quota)
    assert usable_cpus(file) == expected
