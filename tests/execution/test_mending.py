"""Leases, and the verbs for the morning after: who holds what, who is gone, what may be removed."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from batch_scorer import wiring
from batch_scorer.config.project import Project
from batch_scorer.core.leases import Holder
from batch_scorer.core.partitions import Partition
from batch_scorer.core.processes import ProcessIdentity, this_process
from batch_scorer.core.records import GenerationState
from batch_scorer.execution.publishing.cleaning import garbage
from batch_scorer.ledger import generation_rows, sql_ledger
from batch_scorer.ledger.ledger import Ledger
from batch_scorer.ledger.opening import open_ledger
from tests import taxi
from tests.conftest import TaxiProject
from tests.faults.conftest import start
from tests.patience import WAIT_S, wait_for, wait_until_stopped

DAY = Partition(names=("ride_date",), values=(taxi.FIRST_DAY,))
RUN = "01J00000000000000000000000"


@contextmanager
def _ledger(project: TaxiProject) -> Iterator[Ledger]:
    with closing(open_ledger(project.state / "ledger.db")) as ledger:
        yield ledger


def _hold(project: TaxiProject, process: ProcessIdentity, silent_s: float = 0.0) -> None:
    """The first day is held by some process, whose last sign of life is so old."""
    now = datetime.now(UTC)
    holder = Holder(
        token="01TOKEN", job="taxi_tips", verb="run", process=process, user="ana",
        since=now - timedelta(minutes=3), heartbeat_at=now - timedelta(seconds=silent_s), run_id=RUN,
    )  # fmt: skip
    with _ledger(project) as ledger:
        ledger.enter(holder)
        assert ledger.take_lease("taxi_tips", DAY, holder.token, now, instead_of=None)


def _dead() -> ProcessIdentity:
    return replace(this_process(), pid=2**22 + 1)


def _elsewhere() -> ProcessIdentity:
    return ProcessIdentity(host="pod-7", boot="another", pid=1, started="5")


def test_a_partition_that_another_run_holds_is_left_to_it_and_the_others_go_on(project: TaxiProject) -> None:
    _hold(project, _elsewhere(), silent_s=30)
    result = project.cli("run", "taxi_tips")
    assert result.code == 75
    assert f"run {RUN} by ana on pod-7, pid 1, for 3 min" in result.stderr
    assert not (project.predictions / DAY.path).exists()
    assert len(project.published(1)) == 600
    assert "held" not in project.cli("show", "last").stdout


@pytest.mark.parametrize(("process", "silent_s"), [(_dead(), 0.0), (_elsewhere(), 61.0)])
def test_what_a_dead_or_silent_run_holds_is_taken_over(
    project: TaxiProject, process: ProcessIdentity, silent_s: float
) -> None:
    _hold(project, process, silent_s)
    assert project.cli("run", "taxi_tips").code == 0
    assert len(project.published(0)) == 600
    with _ledger(project) as ledger:
        assert ledger.holders("taxi_tips") == ()
        assert ledger.leases("taxi_tips") == ()


def test_a_pid_that_was_given_again_is_another_process(project: TaxiProject) -> None:
    _hold(project, replace(this_process(), started="1"))
    assert project.cli("run", "taxi_tips").code == 0


def test_unlock_frees_what_the_dead_hold_and_never_what_the_living_do(project: TaxiProject) -> None:
    _hold(project, _dead())
    dry = project.cli("unlock", "taxi_tips", "--dry-run")
    assert (dry.code, "is dead" in dry.stdout, DAY.path in dry.stdout) == (0, True, True)
    assert "was dead, unlocked" in project.cli("unlock", "taxi_tips").stdout

    _hold(project, this_process())
    for arguments in ((), ("--force",)):
        refused = project.cli("unlock", "taxi_tips", *arguments)
        assert refused.code == 75
        assert "it is alive" in refused.stderr
        assert f"cancel {RUN}" in refused.stderr


def test_unlock_force_takes_the_leases_of_a_host_that_missed_its_beats(project: TaxiProject) -> None:
    _hold(project, _elsewhere(), silent_s=30)
    refused = project.cli("unlock", "taxi_tips")
    assert refused.code == 75
    assert "--force" in refused.stderr
    assert project.cli("unlock", "taxi_tips", "--force").code == 0
    assert project.cli("run", "taxi_tips").code == 0


def test_a_cancelled_run_ends_as_after_a_sigterm_and_says_who_asked(project: TaxiProject) -> None:
    for index in range(2, 12):
        project.add_day(index)
    running = _until_cancelled(project)
    wait_for(lambda: project.predictions.exists() and list(project.predictions.iterdir()))
    run_id = project.cli("--json", "runs").lines[0]["run_id"]
    assert project.cli("cancel", run_id, "--dry-run").code == 0
    asked = project.cli("cancel", run_id)
    assert asked.code == 0, asked.stderr
    _, stderr = running.communicate(timeout=WAIT_S)
    assert running.returncode == 143, stderr
    assert "cancelled by" in stderr
    assert 0 < len(list(project.predictions.iterdir())) < 12
    again = project.cli("cancel", run_id)
    assert again.code == 2
    assert "exit code 143" in again.stderr


def test_repair_settles_what_a_killed_run_left_and_says_so(project: TaxiProject) -> None:
    _killed_at(project, "chunk-recorded:1")
    dry = project.cli("repair", "taxi_tips", "--dry-run")
    assert "is gone" in dry.stdout or "died" in dry.stdout
    done = project.cli("repair", "taxi_tips")
    assert (done.code, "died without finishing" in done.stdout) == (0, True)
    assert project.cli("run", "taxi_tips").code == 0
    assert "nothing to repair" in project.cli("repair", "taxi_tips", "-v").stderr


def test_a_killed_run_is_gone_on_with_and_only_the_missing_chunks_are_scored(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(1, compute={"chunk": "10kB"})
    _killed_at(project, "chunk-recorded:2")
    result = project.cli("--json", "run", "taxi_tips", "--cluster", "inline")
    assert result.code == 0, result.stderr
    reasons = project.cli("--json", "show", "last").stdout
    assert "went on where an earlier run stopped" in reasons
    assert len(project.published(0)) == 600
    assert project.published(0)["ride_id"].is_unique
    assert project.cli("verify", "taxi_tips", "--deep", "--rescore", "600").code == 0
    shown = project.cli("show", f"taxi_tips/{DAY.label}").stdout
    assert "which never published it" in shown


def test_chunks_of_other_input_or_damaged_ones_are_scored_anew(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(1, compute={"chunk": "10kB"})
    _killed_at(project, "chunk-recorded:2")
    for path in (project.state / "staging").rglob("*.parquet"):
        path.write_bytes(path.read_bytes()[::-1])
    assert project.cli("run", "taxi_tips").code == 0
    assert "went on" not in project.cli("--json", "show", "last").stdout
    assert project.cli("verify", "taxi_tips", "--deep").code == 0


def test_gc_removes_what_is_old_and_needed_by_nothing(project: TaxiProject) -> None:
    project.cli("run", "taxi_tips")
    for n_rows in (700, 800):
        project.add_day(0, n_rows=n_rows)
        project.cli("run", "taxi_tips")
    before = project.snapshot()
    assert "nothing to remove" in project.cli("gc", "--older-than", "90d", "-v").stderr
    dry = project.cli("gc", "--older-than", "0s", "--dry-run")
    assert dry.stdout.count("would remove replaced generation") == 2
    done = project.cli("gc", "taxi_tips", "--older-than", "0s")
    assert done.stdout.count("removed replaced generation") == 2
    assert not list((project.state / "replaced").rglob("*.parquet"))
    assert project.snapshot() == before
    assert project.cli("verify", "taxi_tips", "--deep").code == 0
    assert project.cli("rollback", "taxi_tips", "--partition", DAY.label).code == 2
    with _ledger(project) as ledger:
        states = {record.state for record in ledger.generations("taxi_tips", DAY)}
    assert states == {GenerationState.PUBLISHED}


def test_gc_asks_the_ledger_no_further_back_than_something_lies_on_disk(
    make_project: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Histories grow for years; what is kept of them does not."""
    project = make_project(2, output={"keep_generations": 1})
    project.cli("run", "taxi_tips")
    for n_rows in (700, 800, 900):
        project.add_day(0, n_rows=n_rows)
        project.cli("run", "taxi_tips")
    asked: list[tuple[str, int]] = []
    published = generation_rows.published

    def counted(connection: Any, job: str, partition: Partition, below: int, limit: int) -> Any:
        found = published(connection, job, partition, below, limit)
        asked.extend((partition.label, each.number) for each in found)
        return found

    monkeypatch.setattr(sql_ledger, "_FEW", 1)
    monkeypatch.setattr(sql_ledger, "_AT_ONCE", 1)
    monkeypatch.setattr(generation_rows, "published", counted)
    parts = wiring.open_job_for_reading(Project(root=project.root), "taxi_tips")
    with closing(parts.ledger):
        found = [(each.kind, each.partition, each.name) for each in garbage(parts, timedelta(0))]
    assert found[0] == ("replaced", DAY.path, "generation 3")
    assert {kind for kind, *_ in found[1:]} <= {"log"}
    assert set(asked) == {(DAY.label, 4), (DAY.label, 3)}  # the other day keeps nothing


_UNTIL_CANCELLED = """
import sys, threading
from pathlib import Path
from batch_scorer.execution import chunk_task
from batch_scorer.execution.stop import StopRequest
asked, published = threading.Event(), Path(sys.argv[1], "data/predictions/taxi_tips")
cancel, score = StopRequest.cancel, chunk_task.score_chunks
def told(stop, by):
    cancel(stop, by)
    asked.set()
def wait_and_score(tasks):
    if published.exists():
        asked.wait()
    return score(tasks)
StopRequest.cancel, chunk_task.score_chunks = told, wait_and_score
from batch_scorer.cli.main import main
main(["-p", sys.argv[1], "run", "taxi_tips", "--cluster", "inline"])
"""


def _until_cancelled(project: TaxiProject) -> subprocess.Popen[str]:
    """A run that scores nothing more, once it has published something, until it is cancelled."""
    command = [sys.executable, "-c", _UNTIL_CANCELLED, str(project.root)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _killed_at(project: TaxiProject, point: str) -> None:
    """A run that is killed once it comes to a fault point so many times."""
    died = start(project, f"kill:{point}", "run", "taxi_tips", "--cluster", "inline")
    _, stderr = died.communicate()
    assert died.returncode == -signal.SIGKILL, stderr


def test_a_held_partition_is_waited_for_and_then_found_published(project: TaxiProject) -> None:
    other = start(project, "stop:chunk-recorded:1", "run", "taxi_tips", "--cluster", "inline")
    wait_until_stopped(other.pid)
    with _ledger(project) as ledger:
        taken = ledger.leases("taxi_tips")[0].partition
    held = project.cli("run", "taxi_tips", "--partition", taken.path)
    other.send_signal(signal.SIGCONT)
    waited = project.cli("run", "taxi_tips", "--wait-lock", "1m")
    other.communicate(timeout=WAIT_S)
    assert other.returncode == 0
    assert (held.code, waited.code) == (75, 0), waited.stderr
    assert len(project.published(0)) == len(project.published(1)) == 600
