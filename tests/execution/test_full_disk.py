"""A disk that is full or read-only: a clear error, exit 1, and what was published stays as it was."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import disks, taxi
from tests.conftest import TaxiProject


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB of its own."""
    with disks.small_disk(tmp_path / "disk", "2m") as disk:
        yield disk


@pytest.fixture
def project_on_it(make_project: Callable[..., TaxiProject], small_disk: Path) -> TaxiProject:
    output = {"path": str(small_disk / "predictions"), "state": str(small_disk / "state")}
    project = make_project(1, output={**output, "keep_columns": taxi.NUMBERS})
    assert project.shell("run", "taxi_tips").code == 0
    return project


def _snapshot(disk: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted((disk / "predictions").rglob("*")) if p.is_file()}


def test_a_full_disk_fails_the_partition_and_leaves_the_published_ones(
    project_on_it: TaxiProject, small_disk: Path
) -> None:
    before = _snapshot(small_disk)
    taxi.write_day(project_on_it.lake, taxi.days(2)[1], taxi.rides(120_000), row_group=20_000)
    result = project_on_it.shell("run", "taxi_tips", "--cluster", "inline")
    assert result.code == 1
    assert "no space left" in result.stderr
    assert "fix:" in result.stderr
    assert _snapshot(small_disk) == before
    assert not list((small_disk / "state" / "staging").rglob("*.parquet"))

    taxi.write_day(project_on_it.lake, taxi.days(2)[1], taxi.rides(600))
    assert project_on_it.shell("run", "taxi_tips").code == 0


def test_a_read_only_disk_is_told_before_anything_is_scored(
    project_on_it: TaxiProject, small_disk: Path
) -> None:
    before = _snapshot(small_disk)
    project_on_it.add_day(1)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    result = project_on_it.shell("run", "taxi_tips")
    assert result.code == 1
    assert "cannot" in result.stderr
    assert "fix:" in result.stderr
    assert _snapshot(small_disk) == before
