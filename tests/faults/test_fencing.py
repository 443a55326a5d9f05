"""A run that stopped, lost its lease and goes on must not publish: what it still does finds nothing."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.conftest import TaxiProject
from tests.faults.conftest import start
from tests.patience import WAIT_S, wait_until_stopped

_LEASE_S = 1.0
STOPS = [
    ("staging-made", "first"),
    ("chunk-read", "replacing"),
    ("after-manifest", "first"),
    ("publishing-recorded", "first"),
    ("publishing-recorded", "replacing"),
    ("before-exchange", "replacing"),
]


@pytest.mark.parametrize(("point", "kind"), STOPS)
def test_a_stopped_owner_that_lost_its_lease_cannot_publish(
    project: TaxiProject, point: str, kind: str
) -> None:
    if kind == "replacing":
        assert project.cli("run", "taxi_tips").code == 0
    project.add_day(0, n_rows=700)
    lease = f"set:lease_s={_LEASE_S}"
    one = ("--partition", "ride_date=2024-01-01", "--cluster", "inline")
    stopped = start(project, f"stop:{point}:1,{lease}", "run", "taxi_tips", *one)
    wait_until_stopped(stopped.pid)
    time.sleep(_LEASE_S + 0.5)

    other = start(project, lease, "run", "taxi_tips", "--cluster", "inline")
    _, stderr = other.communicate(timeout=WAIT_S)
    assert other.returncode == 0, stderr
    published = project.snapshot()
    assert len(project.published(0)) == 700

    os.kill(stopped.pid, signal.SIGCONT)
    _, stderr = stopped.communicate(timeout=WAIT_S)
    assert stopped.returncode == 75, stderr
    assert "Traceback" not in stderr
    assert project.snapshot() == published
    assert project.cli("run", "taxi_tips").code == 0
    assert project.snapshot() == published
    verified = project.cli("verify", "taxi_tips", "--deep")
    assert verified.code == 0, verified.stdout
