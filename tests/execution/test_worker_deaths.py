"""Workers that die in the middle of a run: killed from outside, or by the chunk they score."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import psutil
import pytest

from tests import taxi
from tests.conftest import TaxiProject
from tests.patience import WAIT_S, wait_for

# A fare that takes the worker down, and how.
EXITS, CRASHES, GREEDY = 666.0, 667.0, 668.0

_MODEL = f"""
    import os
    import signal
    import time
    from contextlib import suppress
    from pathlib import Path

    import numpy as np
    from sklearn.base import BaseEstimator, ClassifierMixin


    class Fragile(ClassifierMixin, BaseEstimator):
        def fit(self, frame, target):
            self.classes_ = np.array([0, 1])
            self.feature_names_in_ = np.asarray(frame.columns, dtype=object)
            self.n_features_in_ = frame.shape[1]
            self.pause_s = 0.0
            return self

        def predict_proba(self, frame):
            time.sleep(self.pause_s)
            while self._is_held():
                time.sleep(0.02)
            fare = frame["fare"].to_numpy()
            if (fare == {EXITS}).any():
                os._exit(3)
            if (fare == {CRASHES}).any():
                os.kill(os.getpid(), signal.SIGSEGV)
            if (fare == {GREEDY}).any():
                hoard = [bytearray(b"x" * (16 << 20)) for _ in range(1000) if time.sleep(0.02) is None]
            return np.column_stack([1 - fare / 1000, fare / 1000])

        def _is_held(self):
            with suppress(OSError):
                return len(os.listdir(self.published)) >= int(Path(self.hold).read_text())
"""

MakeFragile = Callable[..., TaxiProject]


@pytest.fixture
def make_fragile(make_project: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch) -> MakeFragile:
    """`make_fragile(n_days, pause_s=…, **compute)`: a model with code of its own, two chunks a day."""

    def make(n_days: int, *, pause_s: float = 0.0, **compute: Any) -> TaxiProject:
        project = make_project(n_days, code=["src"], compute={"chunk": "1KB", **compute})
        (project.root / "src").mkdir()
        (project.root / "src" / "fragile_model.py").write_text(textwrap.dedent(_MODEL))
        monkeypatch.syspath_prepend(str(project.root / "src"))
        monkeypatch.delitem(sys.modules, "fragile_model", raising=False)
        frame = taxi.rides(50)
        model = __import__("fragile_model").Fragile().fit(frame[taxi.FEATURES], frame.tips > 0)
        model.pause_s, model.hold, model.published = pause_s, str(_hold_of(project)), str(project.predictions)
        artefact, training = project.root / "fragile.joblib", project.root / "training.parquet"
        joblib.dump(model, artefact)
        frame.to_parquet(training)
        registered = project.cli(
            "models", "register", str(artefact), "--name", "taxi_tips",
            "--reference", str(training), "--allow-pickle", "--alias", "champion",
        )  # fmt: skip
        assert registered.code == 0, registered.stderr
        return project

    return make


@pytest.mark.parametrize(
    ("n_kills", "n_days", "n_blamed"),
    [(3, 40, 0), pytest.param(200, 800, 4, marks=[pytest.mark.long, pytest.mark.timeout(7200)])],
)
def test_workers_killed_from_outside_cost_no_row_and_double_none(
    make_fragile: MakeFragile, n_kills: int, n_days: int, n_blamed: int
) -> None:
    """n_blamed: chunks that may be alone with each of three kills; see docs/guarantees.md."""
    project = make_fragile(n_days, pause_s=0.1)
    process = _start(project)
    dice, n_before = random.Random(n_kills), 0
    for _ in range(n_kills):
        _hold_after(project, n_before + 6)
        wait_for(lambda: process.poll() is not None or _n_published(project) >= n_before + 2)  # noqa: B023
        wait_for(lambda: process.poll() is not None or _kill_one(process, dice))
        assert process.poll() is None, "the run was over before"
        n_before = _n_published(project)
    _hold_of(project).unlink()
    stdout, stderr = _ended(project, process)
    summary = json.loads(stdout.splitlines()[-1])
    assert summary["n_failed"] <= n_blamed, stderr
    assert process.returncode == (3 if summary["n_failed"] else 0), stderr
    if summary["n_failed"]:
        assert project.shell("run", "taxi_tips").code == 0
    for index in range(n_days):
        _assert_whole(project, index)


def test_workers_outlive_the_death_of_the_process_that_forks_them(make_fragile: MakeFragile) -> None:
    project = make_fragile(10, pause_s=0.1)
    _hold_after(project, 3)
    process = _start(project)
    wait_for(lambda: _n_published(project))
    ours = psutil.Process(process.pid).children(recursive=True)
    next(
        each for each in ours if each.ppid() == process.pid and "forkserver" in " ".join(each.cmdline())
    ).kill()
    _hold_of(project).unlink()
    _, stderr = _ended(project, process)
    assert process.returncode == 0, stderr
    for index in range(10):
        _assert_whole(project, index)
    _, alive = psutil.wait_procs(ours, timeout=WAIT_S)
    assert not alive


@pytest.mark.parametrize("fare", [EXITS, CRASHES])
def test_a_chunk_that_takes_its_worker_down_every_time_fails_alone_and_is_named(
    make_fragile: MakeFragile, fare: float
) -> None:
    project = make_fragile(5)
    _poison(project, 2, row=450, fare=fare)
    result = project.shell("run", "taxi_tips", "--cluster", "local", "--workers", "2")
    assert result.code == 3, result.stderr
    assert "the worker died while it scored this chunk, each time it ran alone" in result.stderr
    assert f"where: ride_date={taxi.days(3)[2]}/part-1.parquet, row groups 0–1" in result.stderr
    assert _published_days(project) == {0, 1, 3, 4}
    for index in (0, 1, 3, 4):
        _assert_whole(project, index)


def test_two_poison_chunks_fail_two_partitions_and_no_third(make_fragile: MakeFragile) -> None:
    project = make_fragile(5)
    _poison(project, 1, row=10, fare=EXITS)
    _poison(project, 3, row=590, fare=CRASHES)
    result = project.shell("run", "taxi_tips", "--cluster", "local", "--workers", "2", "--json")
    assert result.code == 3, result.stderr
    assert _published_days(project) == {0, 2, 4}
    summary = result.lines[-1]
    assert (summary["n_published"], summary["n_failed"]) == (3, 2)


def test_a_chunk_that_outgrows_its_worker_is_told_from_one_that_crashes(make_fragile: MakeFragile) -> None:
    project = make_fragile(2, memory_per_worker="600MB", retries=0)
    _poison(project, 1, row=10, fare=GREEDY)
    result = project.shell("run", "taxi_tips", "--cluster", "local", "--workers", "2")
    assert result.code == 3, result.stderr
    assert "the worker outgrew its memory of 600 MB while it scored this chunk" in result.stderr
    assert "raise compute.memory_per_worker" in result.stderr
    assert _published_days(project) == {0}


def test_more_failed_partitions_than_allowed_stop_the_run_before_it_starts_more(
    make_fragile: MakeFragile,
) -> None:
    n_days, poison = 60, 57  # the newest are scored first, and the rest takes longer than any death
    project = make_fragile(n_days, pause_s=0.2, max_failed_partitions=0, retries=0)
    _poison(project, poison, row=10, fare=EXITS)
    few = ("--cluster", "local", "--workers", "2", "--max-parallel", "3")
    result = project.shell("run", "taxi_tips", *few, "--json")
    assert result.code == 3, result.stderr
    said = re.search(r"1 partitions failed: (\d+) more were not started", result.stderr)
    assert said is not None, result.stderr
    assert (n_left := int(said[1])) > 0
    # Others go on while the chunk dies: how many is luck. What was started ended as it would have, all of it.
    assert _published_days(project) == set(range(n_left, n_days)) - {poison}
    summary = result.lines[-1]
    assert (summary["n_published"], summary["n_failed"]) == (n_days - n_left - 1, 1)


_LOSES_ITS_NANNIES = """
    import itertools, sys
    from batch_scorer.cli.main import run
    from batch_scorer.execution.clusters import dask as dask_cluster
    from batch_scorer.execution.clusters.local.workers import LocalWorkers
    from batch_scorer.execution.clusters.watch import Patience

    {patch}
    dask_cluster.PATIENCE = Patience(no_workers_s={limit_s}, lost_worker_s=1, look_s=0.2)
    count = itertools.count()
    submit = dask_cluster.DaskCluster.submit

    def submit_and_lose(self, task):
        submit(self, task)
        if next(count) == 6:
            for nanny in list(self._watch._own.cluster.workers.values()):
                self._watch._own.cluster.sync(nanny.close)

    dask_cluster.DaskCluster.submit = submit_and_lose
    sys.exit(run(["-p", {root!r}, "run", "taxi_tips", "--cluster", "local", "--workers", "2", "--json"]))
"""


def _lose_nannies(project: TaxiProject, *, limit_s: int, patch: str = "") -> taxi.Result:
    """A run whose local cluster gives up all its workers for good while chunks are out."""
    script = textwrap.dedent(_LOSES_ITS_NANNIES)
    script = script.format(root=str(project.root), limit_s=limit_s, patch=patch)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    return taxi.Result(done.returncode, done.stdout, done.stderr)


def test_local_workers_that_are_lost_for_good_are_replaced(make_fragile: MakeFragile) -> None:
    project = make_fragile(6, pause_s=0.05)
    result = _lose_nannies(project, limit_s=60)
    assert result.code == 0, result.stderr
    assert "2 of 2 workers stayed away: new ones are started" in result.stderr
    for index in range(6):
        _assert_whole(project, index)


def test_a_cluster_that_lost_its_workers_for_good_is_away(make_fragile: MakeFragile) -> None:
    project = make_fragile(6, pause_s=0.05)
    never = "LocalWorkers.replace_lost = lambda *_: None"
    result = _lose_nannies(project, limit_s=5, patch=never)
    assert result.code == 69, result.stderr
    assert result.lines[-1]["error"]["what"] == "no worker answered for 5 s"
    assert result.lines[-1]["n_failed"] == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_workers_die_ends_the_run_with_its_code_and_published_partitions_stay(
    make_fragile: MakeFragile, number: signal.Signals, code: int
) -> None:
    project = make_fragile(30, pause_s=0.5)
    _hold_after(project, 6)
    process = _start(project)
    wait_for(lambda: _n_published(project))
    ours = psutil.Process(process.pid).children(recursive=True)
    _kill_one(process, random.Random(0))
    time.sleep(0.3)
    process.send_signal(number)
    _hold_of(project).unlink()
    stdout, stderr = _ended(project, process)
    assert process.returncode == code, stderr
    assert "Traceback" not in stderr
    days = _published_days(project)
    assert len(days) == json.loads(stdout.splitlines()[-1])["n_published"] < 30
    for index in days:
        _assert_whole(project, index)
    _, alive = psutil.wait_procs(ours, timeout=WAIT_S)
    assert not alive


def _start(project: TaxiProject) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "batch_scorer", "-p", str(project.root), "run", "taxi_tips"]
    command += ["--cluster", "local", "--workers", "2", "--json"]
    # To files: a pipe that nobody reads holds a run up after some 120 partitions.
    with (project.root / "out").open("wb") as out, (project.root / "err").open("wb") as err:
        return subprocess.Popen(command, stdout=out, stderr=err, start_new_session=True)


def _hold_of(project: TaxiProject) -> Path:
    return project.root / "hold"


def _hold_after(project: TaxiProject, n_published: int) -> None:
    """Chunks stay in the middle of their rows, once so many are published: until there is no such file."""
    told = project.root / "told"
    told.write_text(str(n_published))
    told.replace(_hold_of(project))


def _ended(project: TaxiProject, process: subprocess.Popen[bytes]) -> tuple[str, str]:
    """stdout and stderr."""
    process.wait(WAIT_S)
    return (project.root / "out").read_text(), (project.root / "err").read_text()


def _kill_one(process: subprocess.Popen[bytes], dice: random.Random) -> int:
    """SIGKILL for one of the processes that were forked from the fork server. Returns: how many."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
        workers = [child for child in children if child.ppid() != process.pid]
        if not workers:
            return 0
        dice.choice(workers).kill()
    except psutil.NoSuchProcess:
        return 0
    return 1


def _poison(project: TaxiProject, index: int, *, row: int, fare: float) -> None:
    frame = taxi.rides(600, seed=index, first_id=index * 1_000_000)
    frame.loc[row, "fare"] = fare
    taxi.write_day(project.lake, taxi.days(index + 1)[index], frame)


def _n_published(project: TaxiProject) -> int:
    return len(list(project.predictions.iterdir())) if project.predictions.exists() else 0


def _published_days(project: TaxiProject) -> set[int]:
    names = {path.name for path in project.predictions.iterdir()}
    n_days = len(list(project.day(0).parent.iterdir()))
    return {index for index in range(n_days) if project.day(index).name in names}


def _assert_whole(project: TaxiProject, index: int) -> None:
    """One prediction for every ride of the day, each its own."""
    rides = pd.read_parquet(project.day(index), partitioning=None).sort_values("ride_id")
    published = project.published(index).sort_values("ride_id")
    assert published.ride_id.tolist() == rides.ride_id.tolist()
    assert published.score.tolist() == (rides.fare / 1000).tolist()
