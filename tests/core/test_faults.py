"""Fault points: nothing in production, what a test asks for under the test build."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from batch_scorer.core.faults import FaultPoint

_WARM = Path(__file__).parents[1] / "faults" / "warm"
_REACH_TWICE = """
from batch_scorer.core import faults
for _ in range(2):
    faults.fault_point(faults.FaultPoint.AFTER_EXCHANGE)
print(faults.setting("lease_s"))
"""


def _reach(faults: str, *, with_build: bool = True) -> subprocess.CompletedProcess[str]:
    path = [str(Path(__file__).parents[2]), *([str(_WARM)] if with_build else [])]
    environment = {**os.environ, "BATCH_SCORER_FAULTS": faults, "PYTHONPATH": os.pathsep.join(path)}
    return subprocess.run(
        [sys.executable, "-c", _REACH_TWICE], env=environment, capture_output=True, text=True, check=False
    )


def test_the_variable_alone_changes_nothing() -> None:
    done = _reach("kill:after-exchange:1,set:lease_s=2", with_build=False)
    assert (done.returncode, done.stdout) == (0, "None\n")


@pytest.mark.parametrize(("nth", "code"), [("1", -signal.SIGKILL), ("2", -signal.SIGKILL), ("3", 0)])
def test_the_test_build_kills_at_the_nth_time_only(nth: str, code: int) -> None:
    assert _reach(f"kill:after-exchange:{nth}").returncode == code


def test_an_error_is_the_one_that_was_asked_for() -> None:
    done = _reach("error:after-exchange:2:ENOSPC")
    assert done.returncode == 1
    assert "No space left on device" in done.stderr


def test_every_point_is_logged_and_settings_are_told(tmp_path: Path) -> None:
    done = _reach(f"log:{tmp_path / 'hits'},set:lease_s=2")
    assert (done.returncode, done.stdout) == (0, "2\n")
    assert (tmp_path / "hits").read_text() == "after-exchange\nafter-exchange\n"


def test_there_are_enough_points_and_each_has_a_name_of_its_own() -> None:
    assert len({str(point) for point in FaultPoint}) == len(FaultPoint) >= 20
