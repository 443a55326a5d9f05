"""Signals that come before a run listens to them."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.conftest import TaxiProject


@pytest.mark.parametrize("module", ["batch_scorer.cli.planning", "yaml.loader"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_in_the_middle_of_imports_ends_a_run_with_its_own_exit_code_and_one_line(
    project: TaxiProject, number: signal.Signals, code: int, module: str
) -> None:
    """What code made of text (a dataclass) is broken off by Ctrl-C would let Python end by the signal; and
    the job's observers are looked for with modules that are half there.
    """
    stops_itself = f"""
import os, sys
class Stops:
    def find_spec(self, name, *_):
        if name == "{module}":
            sys.meta_path.remove(self)
            exec("import os; os.kill(os.getpid(), {int(number)})")
sys.meta_path.insert(0, Stops())
import runpy
runpy.run_module("batch_scorer", run_name="__main__", alter_sys=True)
"""
    script = project.root / "stopped" / "__main__.py"
    script.parent.mkdir()
    script.write_text(stops_itself)
    ended = subprocess.run(
        [sys.executable, "-m", "stopped", "-p", str(project.root), "run", "taxi_tips"],
        cwd=project.root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.split("\n\n")[-1].strip().splitlines()) == 1, ended.stderr
