"""Which cluster a run takes, what happens when there is none, and how local processes end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from batch_scorer.core.chunks import Chunk, ReadSpec
from batch_scorer.core.errors import StoreUnavailable
from batch_scorer.execution.clusters.choice import SMALL_PLAN_ROWS, choose
from batch_scorer.lake.reading.reader import Batch, LeaveOut, read_chunk
from tests.conftest import TaxiProject
from tests.patience import WAIT_S, wait_for


def test_a_scheduler_that_does_not_answer_is_a_cluster_that_is_away(project: TaxiProject) -> None:
    result = project.cli("run", "taxi_tips", "--cluster", "tcp://127.0.0.1:9")
    assert result.code == 69
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in result.stderr
    assert not list(project.predictions.rglob("*.parquet"))


def test_a_number_of_workers_for_a_scheduler_that_has_its_own_is_a_mistake(project: TaxiProject) -> None:
    result = project.cli("run", "taxi_tips", "--cluster", "tcp://127.0.0.1:9", "--workers", "2")
    assert result.code == 2
    assert "tcp://127.0.0.1:9 has the workers that it has" in result.stderr


def test_auto_stays_in_this_process_for_small_plans_and_takes_processes_for_large_ones() -> None:
    assert choose("auto", n_rows=1000, n_chunks=50) == "inline"
    assert choose("auto", n_rows=SMALL_PLAN_ROWS + 1, n_chunks=50) == "local"
    assert choose("auto", n_rows=SMALL_PLAN_ROWS + 1, n_chunks=1) == "inline"
    assert choose("tcp://a:1", n_rows=1, n_chunks=1) == "tcp://a:1"


def test_a_process_that_is_bound_to_one_processor_starts_one_worker_and_doctor_says_so(
    project: TaxiProject,
) -> None:
    """Of a machine with 64."""
    program = f"""
import os
from batch_scorer.cli.main import run
from batch_scorer.execution.clusters import dask
os.sched_setaffinity(0, {{min(os.sched_getaffinity(0))}})
os.cpu_count = lambda: 64
start = dask.start_local_workers
def counted(n_workers, *given):
    print(n_workers, "started")
    assert n_workers == 1
    return start(n_workers, *given)
dask.start_local_workers = counted
for verb in (["doctor", "taxi_tips", "--json"], ["-q", "run", "taxi_tips", "--cluster", "local"]):
    print("exit", run(["-p", {str(project.root)!r}, *verb]), flush=True)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert '"found": "1 worker of this machine may take 2.0 GB of ' in done.stdout
    assert done.stdout.splitlines()[-3:] == ["exit 0", "1 started", "exit 0"]
    assert project.published(0).shape[0] == 600


@pytest.mark.parametrize("address", ["tcp://", "tcp://nohost", "tcp://:8786", "tcp://host:port"])
def test_an_address_without_host_and_port_is_a_mistake_of_the_command_line(
    project: TaxiProject, address: str
) -> None:
    result = project.shell("run", "taxi_tips", "--cluster", address)
    assert result.code == 2
    assert "tcp://host:port" in result.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("workers", [0, 1])
def test_a_signal_to_all_of_us_while_the_local_cluster_starts_ends_the_run_with_its_code(
    project: TaxiProject, number: signal.Signals, code: int, workers: int
) -> None:
    process = _start(project, "--cluster", "local", "--workers", "2")
    # The fork server comes first, before there is a run, then the workers that it forks.
    wait_for(lambda: "running" in project.cli("runs").stdout)
    wait_for(lambda: len(_of_session(process.pid, "forkserver")) > workers)
    ours = _of_session(process.pid, "")
    os.killpg(process.pid, number)
    _, stderr = process.communicate(timeout=WAIT_S)
    assert process.returncode == code, stderr
    assert "Traceback" not in stderr
    assert "exit" in stderr
    wait_for(lambda: not any(_lives(pid) for pid in ours))
    assert f"exit {code}" in project.cli("runs").stdout


def test_no_worker_outlives_a_driver_that_is_killed(project: TaxiProject) -> None:
    process = _start(project, "--cluster", "local", "--workers", "2")
    wait_for(lambda: len(_of_session(process.pid, "forkserver")) == 3)
    ours = _of_session(process.pid, "")
    process.kill()
    process.communicate()
    wait_for(lambda: not any(_lives(pid) for pid in ours))


def test_a_chunk_without_enough_memory_fails_with_the_settings_to_change(
    project: TaxiProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object) -> None:
        raise pa.ArrowMemoryError("malloc of size 9000000000 failed")

    monkeypatch.setattr("batch_scorer.execution.chunk.read_chunk", exhausted)
    result = project.cli("run", "taxi_tips", "--cluster", "inline")
    assert result.code == 1
    assert "not enough memory for this chunk: malloc of size 9000000000 failed" in result.stderr
    assert "lower compute.chunk, or raise compute.memory_per_worker" in result.stderr
    assert "bug" not in result.stderr


def test_an_error_that_may_pass_is_tried_again_as_often_as_the_job_says(
    make_project: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(2, compute={"retries": 2})
    tries = Counter[str]()

    def unreliable(part: Chunk, spec: ReadSpec, leave_out: LeaveOut) -> Iterator[Batch]:
        tries[part.file.path] += 1
        if tries[part.file.path] <= n_failures:
            raise StoreUnavailable("the lake does not answer")
        return read_chunk(part, spec, leave_out)

    monkeypatch.setattr("batch_scorer.execution.chunk.read_chunk", unreliable)
    n_failures = 3
    assert project.cli("run", "taxi_tips", "--cluster", "inline").code == 69  # away for every partition
    assert set(tries.values()) <= {1, 2, 3}
    assert max(tries.values()) == 3
    tries.clear()
    n_failures = 2
    result = project.cli("run", "taxi_tips", "--cluster", "inline")
    assert result.code == 0, result.stderr
    assert set(tries.values()) == {3}


def _start(project: TaxiProject, *arguments: str) -> subprocess.Popen[str]:
    """A run in a session of its own, as a terminal or a service manager starts it."""
    command = [sys.executable, "-m", "batch_scorer", "-p", str(project.root), "run", "taxi_tips", *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def _of_session(session: int, word: str) -> list[int]:
    """Processes of a session whose command line has the word."""
    found = []
    for directory in Path("/proc").iterdir():
        try:
            in_session = directory.name.isdigit() and os.getsid(int(directory.name)) == session
            if in_session and word in (directory / "cmdline").read_text():
                found.append(int(directory.name))
        except (ProcessLookupError, FileNotFoundError):
            continue
    return found


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text() != ""  # a zombie has none
    except (ProcessLookupError, FileNotFoundError):
        return False
