"""A run that stopped inside of a Delta publish and lost its lease: its late commit must not be seen."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import polars as pl
import pytest

from tests.conftest import TaxiProject
from tests.faults.conftest import start
from tests.patience import WAIT_S, wait_until_stopped

_LEASE_S = 1.0


def _n_rows(project: TaxiProject) -> int:
    frame = pl.read_delta(str(project.predictions))
    assert not frame["ride_id"].is_duplicated().any()
    return frame.height


@pytest.mark.parametrize("kind", ["first", "replacing"])
@pytest.mark.parametrize("point", ["publishing-recorded", "delta-files-moved", "delta-before-commit"])
def test_a_late_commit_of_a_run_that_lost_its_lease_is_never_seen(
    make_project: Callable[..., TaxiProject], point: str, kind: str
) -> None:
    project = make_project(1, output={"format": "delta"})
    if kind == "replacing":
        assert project.cli("run", "taxi_tips").code == 0
        project.add_day(0, n_rows=700)
    lease = f"set:lease_s={_LEASE_S}"
    stopped = start(project, f"stop:{point}:1,{lease}", "run", "taxi_tips", "--cluster", "inline")
    wait_until_stopped(stopped.pid)
    time.sleep(_LEASE_S + 0.5)
    project.add_day(0, n_rows=800)

    other = start(project, lease, "run", "taxi_tips", "--cluster", "inline")
    _, stderr = other.communicate(timeout=WAIT_S)
    assert other.returncode == 0, stderr
    assert _n_rows(project) == 800

    os.kill(stopped.pid, signal.SIGCONT)
    _, stderr = stopped.communicate(timeout=WAIT_S)
    assert stopped.returncode in (1, 75), stderr
    assert "Traceback" not in stderr
    assert _n_rows(project) == 800
    assert project.cli("run", "taxi_tips").code == 0
    verified = project.cli("verify", "taxi_tips", "--deep")
    assert verified.code == 0, verified.stdout
