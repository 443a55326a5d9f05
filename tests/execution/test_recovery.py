"""A run that died between two steps of a publish: the next one decides from what is on disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from batch_scorer.core.partitions import Partition
from batch_scorer.execution.publishing.leases import Taken, at_work
from batch_scorer.ledger.opening import open_ledger
from batch_scorer.ops.run_logs import logs_of
from tests import taxi
from tests.conftest import TaxiProject
from tests.faults.conftest import start
from tests.patience import WAIT_S, wait_for, wait_until_stopped

_DIE_AT = """
    import os, signal, sys
    from batch_scorer.cli.main import run
    {patch}
    sys.exit(run(["-p", {root!r}, "run", "taxi_tips", "--cluster", "inline", "--reprocess", "all"]))
"""
_BEFORE_EXCHANGE = """
    from batch_scorer.lake.sinks.parquet import ParquetSink
    ParquetSink.publish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
"""
_AFTER_EXCHANGE = """
    from batch_scorer.ledger.sql_ledger import SqlLedger
    SqlLedger.finish_publish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
"""


def _die(project: TaxiProject, patch: str) -> None:
    script = textwrap.dedent(_DIE_AT).format(patch=textwrap.dedent(patch), root=str(project.root))
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert finished.returncode == -signal.SIGKILL, finished.stderr.decode()


def test_a_run_killed_before_the_exchange_leaves_the_old_generation_and_the_next_run_completes(
    project: TaxiProject,
) -> None:
    project.cli("run", "taxi_tips")
    before = project.snapshot()
    _die(project, _BEFORE_EXCHANGE)
    assert project.snapshot() == before
    project.add_day(0, n_rows=700)
    result = project.cli("run", "taxi_tips")
    assert result.code == 0, result.stderr
    assert "undone" in result.stderr
    assert "died" in result.stderr
    assert len(project.published(0)) == 700
    staged = list((project.state / "staging").rglob("*.parquet"))
    assert {path.parents[2].name for path in staged} == {
        project.day(1).name
    }  # open still, to be gone on with

    result = project.cli("--json", "run", "taxi_tips", "--reprocess", "all")
    assert result.code == 0, result.stderr
    assert not list((project.state / "staging").rglob("*.parquet"))
    shown = project.cli("--json", "show", "last").stdout
    assert "went on where an earlier run stopped: 600 rows were scored already" in shown


@pytest.mark.parametrize("is_other", [False, True])
def test_what_was_scored_with_other_code_of_the_project_is_scored_again(
    project: TaxiProject, is_other: bool
) -> None:
    """Else a partition would hold rows of both, and golden rows meet but few of the cases that code knows."""
    (project.root / "src" / "own").mkdir(parents=True)
    module = project.root / "src" / "own" / "steps.py"
    module.write_text("CLIPPED_AT = None\n")
    taxi.write_job(project.root, taxi.job_document(code=["src"]))
    _die(project, _BEFORE_EXCHANGE)
    assert list((project.state / "staging").rglob("*.parquet"))
    if is_other:
        module.write_text("CLIPPED_AT = 40.0\n")
    assert project.cli("run", "taxi_tips").code == 0
    assert len(project.published(0)) == len(project.published(1)) == 600
    shown = project.cli("--json", "show", "last").stdout
    assert ("rows were scored already" in shown) is not is_other


_BETWEEN_TWO_RENAMES = """
    import batch_scorer.lake.storage.exchange as exchange
    exchange._renameat2 = None
    from pathlib import Path
    moved = Path.rename
    def rename(self, target):
        moved(self, target)
        if "replaced" in str(target):
            os.kill(os.getpid(), signal.SIGKILL)
    Path.rename = rename
"""


def test_without_atomic_exchange_a_run_killed_between_two_renames_gets_its_old_generation_back(
    project: TaxiProject,
) -> None:
    project.cli("run", "taxi_tips")
    before = project.snapshot()
    _die(project, _BETWEEN_TWO_RENAMES)
    assert len(project.snapshot()) < len(before)  # the documented moment without a partition
    result = project.cli("run", "taxi_tips")
    assert result.code == 0, result.stderr
    assert project.snapshot() == before


def test_a_run_killed_after_the_exchange_is_rolled_forward_and_not_scored_again(
    project: TaxiProject,
) -> None:
    project.cli("run", "taxi_tips")
    old = project.snapshot()
    _die(project, _AFTER_EXCHANGE)
    visible = project.snapshot()
    assert visible != old
    result = project.cli("run", "taxi_tips")
    assert result.code == 0, result.stderr
    assert "was visible, now recorded" in result.stderr
    assert project.snapshot() == visible
    attempts = [line for line in project.cli("--json", "runs").lines if line["message_type"] == "run"]
    story = project.cli("show", attempts[1]["run_id"]).stdout
    assert "died right after the publish" in story

    changed = taxi.job_document(model={"output": {"score": "float32 = proba[1]"}})
    taxi.write_job(project.root, changed)
    assert "score was float64" in project.cli("run", "taxi_tips", "--reprocess", "all").stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_with_its_code_and_published_partitions_stay(
    project: TaxiProject, number: signal.Signals, code: int
) -> None:
    for index in range(2, 40):
        project.add_day(index)
    process = start(project, "stop:attempt-recorded:1", "run", "taxi_tips", "--cluster", "inline")
    wait_until_stopped(process.pid)
    process.send_signal(number)
    process.send_signal(signal.SIGCONT)
    _, stderr = process.communicate(timeout=WAIT_S)
    assert process.returncode == code, stderr
    assert "Traceback" not in stderr
    n_published = len(list(project.predictions.iterdir()))
    assert 0 < n_published < 40
    assert project.cli("run", "taxi_tips").code == 0
    assert len(list(project.predictions.iterdir())) == 40


def test_a_second_run_on_the_same_job_is_told_who_holds_it(project: TaxiProject) -> None:
    with _held(project):
        script = (
            f"from batch_scorer.cli.main import main; main(['-p', {str(project.root)!r}, 'run', 'taxi_tips'])"
        )
        other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert other.returncode == 75
    assert "01ABC" in other.stderr
    assert str(os.getpid()) in other.stderr


def test_a_timeout_ends_with_124(project: TaxiProject) -> None:
    assert project.cli("run", "taxi_tips", "--timeout", "0s").code == 124
    assert not Path(project.predictions / "ride_date=2024-01-01").exists()


def test_a_lost_ledger_stops_the_run_instead_of_scoring_everything_again(project: TaxiProject) -> None:
    project.cli("run", "taxi_tips")
    before = project.snapshot()
    for file in project.state.glob("ledger.db*"):
        file.unlink()
    result = project.cli("run", "taxi_tips")
    assert result.code == 6
    assert "ledger" in result.stderr
    assert project.snapshot() == before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_wait_for_the_lock(project: TaxiProject, number: signal.Signals, code: int) -> None:
    with _held(project):
        waiting = _started(project, "--wait-lock", "10m")
        wait_for(lambda: logs_of(project.state, "taxi_tips"))  # it listens
        time.sleep(0.3)  # it is in the lock now
        waiting.send_signal(number)
        _, stderr = waiting.communicate(timeout=WAIT_S)
    assert waiting.returncode == code, stderr
    assert "Traceback" not in stderr


def test_the_timeout_ends_the_wait_for_the_lock(project: TaxiProject) -> None:
    with _held(project):
        assert project.shell("run", "taxi_tips", "--wait-lock", "10m", "--timeout", "2s").code == 124


def test_a_lock_that_is_let_go_in_time_was_worth_the_wait(project: TaxiProject) -> None:
    with _held(project):
        waiting = _started(project, "--wait-lock", "10m")
        wait_for(lambda: logs_of(project.state, "taxi_tips"))  # it listens
    _, stderr = waiting.communicate(timeout=WAIT_S)
    assert waiting.returncode == 0, stderr
    assert len(project.published(0)) == 600


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_breaks_off_the_planning(project: TaxiProject, number: signal.Signals, code: int) -> None:
    patch = """
        import time
        from batch_scorer import wiring
        def hashes_for_hours(*_, **__):
            print("planning", flush=True)
            time.sleep(600)
        wiring.plan_job = hashes_for_hours
    """
    script = textwrap.dedent(_DIE_AT).format(patch=textwrap.dedent(patch), root=str(project.root))
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "planning\n"
    process.send_signal(number)
    _, stderr = process.communicate(timeout=WAIT_S)
    assert process.returncode == code, stderr
    assert "Traceback" not in stderr


def test_a_second_signal_does_not_wait_and_the_run_still_ends_in_the_ledger(project: TaxiProject) -> None:
    patch = """
        import time
        from batch_scorer.execution import chunk
        from batch_scorer.execution.stop import StopRequest
        on_signal = StopRequest.on_signal
        def scores_for_hours(*_, **__):
            print("scoring", flush=True)
            time.sleep(600)
        def heard(*given):
            print("heard", flush=True)
            on_signal(*given)
        chunk.read_chunk, StopRequest.on_signal = scores_for_hours, heard
    """
    script = textwrap.dedent(_DIE_AT).format(patch=textwrap.dedent(patch), root=str(project.root))
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "scoring\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "heard\n"
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=WAIT_S)
    assert process.returncode == 143, stderr
    assert "exit 143" in project.cli("runs").stdout


@pytest.mark.parametrize("refuses", ["record_attempt", "finish_run"])
def test_a_disk_that_fills_up_under_the_ledger_ends_the_run_as_partly_published(
    project: TaxiProject, monkeypatch: pytest.MonkeyPatch, refuses: str
) -> None:
    from batch_scorer.core.errors import DiskFull
    from batch_scorer.ledger.sql_ledger import SqlLedger

    def full(*_: object, **__: object) -> None:
        raise DiskFull("no space left on the device", where="ledger.db", fix="free some space")

    with monkeypatch.context() as patch:
        patch.setattr(SqlLedger, refuses, full)
        result = project.cli("run", "taxi_tips", "--cluster", "inline")
    assert result.code == 3
    assert "no space left on the device" in result.stderr
    assert "published in" in result.stderr
    assert "(exit 3)" in result.stderr
    is_unfinished = "died" in project.cli("run", "taxi_tips").stderr
    assert is_unfinished == (refuses == "finish_run")
    assert len(list(project.predictions.iterdir())) == 2


@contextmanager
def _held(project: TaxiProject, *indexes: int) -> Iterator[None]:
    """Other work of ours, in this process, that holds these days (both, unless told otherwise)."""
    ledger = open_ledger(project.state / "ledger.db")
    with at_work(
        ledger, project.state / "locks" / "taxi_tips.lock", job="taxi_tips", verb="run", run_id="01ABC"
    ) as leases:
        for index in indexes or (0, 1):
            day = Partition(names=("ride_date",), values=(taxi.days(index + 1)[index],))
            assert isinstance(leases.take(day), Taken)
        yield
    ledger.close()


def _started(project: TaxiProject, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "batch_scorer", "-p", str(project.root), "run", "taxi_tips", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
