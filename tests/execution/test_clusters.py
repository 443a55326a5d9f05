"""Chunks on a Dask scheduler of somebody else's, and what happens when there is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from batch_scorer.execution.clusters import SMALL_PLAN_ROWS, choose
from tests import taxi
from tests.conftest import TaxiProject


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """A scheduler and two workers, each a process of its own, as an operator would start them."""
    file = tmp_path / "scheduler.json"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    common = ["--no-dashboard", "--scheduler-file", str(file)]
    worker = [sys.executable, "-m", "dask", "worker", "--nthreads", "1", *common]
    commands = [[sys.executable, "-m", "dask", "scheduler", "--port", "0", *common], worker, worker]
    processes = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        for command in commands
    ]
    try:
        deadline = time.monotonic() + 60
        while not file.exists() or not file.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield json.loads(file.read_text())["address"]
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            process.wait(timeout=30)


def test_a_running_scheduler_scores_the_same(project: TaxiProject, scheduler: str) -> None:
    result = project.cli("run", "taxi_tips", "--cluster", scheduler)
    assert result.code == 0, result.stderr
    rides = pd.read_parquet(project.day(0), partitioning=None)
    expected = taxi.fitted("linear").predict_proba(rides[taxi.FEATURES])[:, 1]
    assert np.array_equal(project.published(0)["score"].to_numpy(), expected)


def test_a_scheduler_that_does_not_answer_is_a_cluster_that_is_away(project: TaxiProject) -> None:
    result = project.cli("run", "taxi_tips", "--cluster", "tcp://127.0.0.1:9")
    assert result.code == 69
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in result.stderr
    assert not list(project.predictions.rglob("*.parquet"))


def test_auto_stays_in_this_process_for_small_plans_and_takes_processes_for_large_ones() -> None:
    assert choose("auto", n_rows=1000, n_chunks=50) == "inline"
    assert choose("auto", n_rows=SMALL_PLAN_ROWS + 1, n_chunks=50) == "local"
    assert choose("auto", n_rows=SMALL_PLAN_ROWS + 1, n_chunks=1) == "inline"
    assert choose("tcp://a:1", n_rows=1, n_chunks=1) == "tcp://a:1"
