"""A scoring worker's memory does not grow with the partition."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests import taxi
from tests.conftest import TaxiProject

pytestmark = pytest.mark.alone

_FEW, _MANY = 200_000, 1_600_000


def _peak(project: TaxiProject, n_rows: int) -> int:
    """Peak resident bytes of the one worker that scores one file of so many rows."""
    taxi.write_day(project.lake, taxi.FIRST_DAY, taxi.rides(n_rows), n_files=1, row_group=65_536)
    ran = project.shell("run", "taxi_tips", "--cluster", "local", "--workers", "1")
    assert ran.code == 0, ran.stderr
    run = project.cli("--json", "show", "last").lines[0]
    return int(run["cost"]["peak_bytes"])


def test_eight_times_the_rows_cost_a_worker_the_same_memory(make_project: Callable[..., TaxiProject]) -> None:
    project = make_project(0)
    few, many = _peak(project, _FEW), _peak(project, _MANY)
    assert many < 1.15 * few, f"{few / 1e6:.0f} MB for {_FEW:,} rows, {many / 1e6:.0f} MB for {_MANY:,}"
