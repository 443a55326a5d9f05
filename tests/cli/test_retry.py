"""`retry`: exactly what a run left, with its days, its model and its config; and how that is told."""

from __future__ import annotations

import os
import shlex
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from batch_scorer.core.records import RunRecord, RunState
from batch_scorer.ledger.opening import open_ledger
from tests import taxi
from tests.conftest import TaxiProject


def break_day(project: TaxiProject, index: int) -> bytes:
    """A truncated file. Returns: what it held."""
    file = project.day(index) / "part-0.parquet"
    whole = file.read_bytes()
    file.write_bytes(whole[:1000])
    return whole


def mend_day(project: TaxiProject, index: int, whole: bytes) -> None:
    (project.day(index) / "part-0.parquet").write_bytes(whole)


def last_run(project: TaxiProject) -> RunRecord:
    with closing(open_ledger(project.state / "ledger.db")) as ledger:
        return ledger.run("last")


def models_of(project: TaxiProject, index: int) -> set[str]:
    return set(project.published(index)._model_version)


@pytest.fixture
def halved(make_project: Callable[..., TaxiProject]) -> tuple[TaxiProject, bytes]:
    """Three days, of which one failed; its file, whole. A fourth day came since."""
    project = make_project(3, compute={"cluster": "inline"})
    whole = break_day(project, 1)
    assert project.cli("run", "taxi_tips").code == 3
    project.add_day(3)
    return project, whole


def test_a_retry_takes_what_failed_and_nothing_that_came_since(halved: tuple[TaxiProject, bytes]) -> None:
    project, whole = halved
    parent = last_run(project)
    mend_day(project, 1, whole)
    result = project.cli("retry")
    assert (result.code, result.stdout) == (0, "")
    assert len(project.published(1)) == 600
    assert not (project.predictions / project.day(3).name).exists()
    retry = last_run(project)
    assert (retry.parent_run_id, retry.n_published) == (parent.run_id, 1)
    assert f"retry of {parent.run_id}" in project.cli("runs").stdout.splitlines()[0]


def test_a_retry_takes_the_model_version_of_its_run_and_does_not_pin_it(
    halved: tuple[TaxiProject, bytes], model_files: Callable[[str], tuple[Path, Path]]
) -> None:
    project, whole = halved
    artefact, training = model_files("boosted")
    project.cli(
        "models", "register", str(artefact), "--name", "taxi_tips",
        "--reference", str(training), "--allow-pickle", "--alias", "champion",
    )  # fmt: skip
    assert "model taxi_tips v1" in project.cli("retry", "--dry-run").stdout
    mend_day(project, 1, whole)
    assert project.cli("retry").code == 0
    assert models_of(project, 1) == {"taxi_tips@1"}
    assert "OUTDATED  (v1)" in project.cli("plan", "taxi_tips").stdout  # and not KEEP pinned


def test_latest_model_takes_what_the_alias_means_now(
    halved: tuple[TaxiProject, bytes], model_files: Callable[[str], tuple[Path, Path]]
) -> None:
    project, whole = halved
    artefact, training = model_files("boosted")
    project.cli(
        "models", "register", str(artefact), "--name", "taxi_tips",
        "--reference", str(training), "--allow-pickle", "--alias", "champion",
    )  # fmt: skip
    mend_day(project, 1, whole)
    assert project.cli("retry", "--latest-model").code == 0
    assert models_of(project, 1) == {"taxi_tips@2"}


def test_a_retry_of_a_run_with_a_model_by_name_pins_as_that_run_did(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(1, compute={"cluster": "inline"})
    whole = break_day(project, 0)
    assert project.cli("run", "taxi_tips", "--model", "taxi_tips@1").code == 1
    mend_day(project, 0, whole)
    assert project.cli("retry").code == 0
    assert "pinned" in project.cli("show", "taxi_tips/2024-01-01").stdout


def test_a_job_file_that_was_edited_meanwhile_does_not_change_the_retry(
    halved: tuple[TaxiProject, bytes],
) -> None:
    project, whole = halved
    mend_day(project, 1, whole)
    changes = {"input": {"where": "fare > 1e9"}, "compute": {"cluster": "inline", "workers": 1}}
    taxi.write_job(project.root, taxi.job_document(**changes))
    result = project.cli("retry")
    assert result.code == 0
    assert len(project.published(1)) == 600
    (line,) = (line for line in result.stderr.splitlines() if "the job file changed since run" in line)
    assert "input.where is used" in line
    assert f"backfill taxi_tips --partition {project.day(1).name}" in line
    assert last_run(project).config["input.where"] is None


def test_what_was_published_since_is_left_alone(halved: tuple[TaxiProject, bytes]) -> None:
    project, whole = halved
    parent = last_run(project)
    mend_day(project, 1, whole)
    assert project.cli("run", "taxi_tips").code == 0
    before = project.snapshot()
    result = project.cli("-v", "retry", parent.run_id, "--empty-exit-code", "7")
    assert result.code == 7
    assert "generation 1 was published since" in result.stderr
    assert f"nothing to retry: run {parent.run_id}" in result.stderr
    assert project.snapshot() == before
    assert last_run(project).parent_run_id is None


def test_a_retry_tries_what_was_given_up_and_what_was_asked_for_although_up_to_date(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(1, compute={"cluster": "inline"}, schedule={
        "timezone": "America/Chicago", "catchup": {"give_up_after": 1},
    })  # fmt: skip
    assert project.cli("run", "taxi_tips").code == 0
    whole = break_day(project, 0)
    assert project.cli("run", "taxi_tips", "--reprocess", "all").code == 1
    mend_day(project, 0, whole)
    assert project.cli("retry").code == 0
    assert last_run(project).n_published == 1


def test_only_the_kind_that_is_asked_for_is_tried_again(halved: tuple[TaxiProject, bytes]) -> None:
    project, whole = halved
    mend_day(project, 1, whole)
    assert "nothing to retry" in project.cli("-v", "retry", "--blocked").stderr
    assert project.cli("retry", "--failed").code == 0
    assert last_run(project).n_published == 1


def test_what_a_run_that_died_did_not_get_to_is_tried_too(halved: tuple[TaxiProject, bytes]) -> None:
    project, whole = halved
    mend_day(project, 1, whole)
    then = last_run(project)
    dead = replace(
        then, run_id="01ZZZZZZZZZZZZZZZZZZZZZZZZ", state=RunState.DIED, exit_code=None, finished_at=None,
        planned={project.day(1).name: 0, project.day(3).name: 0},
    )  # fmt: skip
    with closing(open_ledger(project.state / "ledger.db")) as ledger:
        ledger.start_run(dead)
    shown = project.cli("show", "last").stdout
    assert "2024-01-04 UNFINISHED" in shown
    assert "retry 01ZZZZZZZZZZZZZZZZZZZZZZZZ" in shown.splitlines()[-1]
    assert project.cli("retry").code == 0
    assert len(project.published(1)) == len(project.published(3)) == 600


def test_a_day_that_is_gone_from_the_lake_is_named(halved: tuple[TaxiProject, bytes]) -> None:
    project, _ = halved
    for file in project.day(1).iterdir():
        file.unlink()
    project.day(1).rmdir()
    result = project.cli("retry")
    assert "ride_date=2024-01-02 is not in the lake any more" in result.stderr


def test_a_run_that_goes_on_is_not_retried(halved: tuple[TaxiProject, bytes]) -> None:
    from batch_scorer.execution.publishing.leases import at_work

    project, _ = halved
    then = last_run(project)
    with closing(open_ledger(project.state / "ledger.db")) as ledger:
        run = replace(then, run_id="01ZZZZZZZZZZZZZZZZZZZZZZZZ", state=RunState.RUNNING)
        ledger.start_run(run)
        lock = project.state / "locks" / "taxi_tips.lock"
        with at_work(ledger, lock, job="taxi_tips", verb="run", run_id=run.run_id):
            result = project.cli("retry")
            shown = project.cli("show", "last").stdout
    assert result.code == 75
    assert f"pid {os.getpid()}" in result.stderr
    assert f"cancel {run.run_id}" in result.stderr
    assert shown.splitlines()[-1].endswith(f"cancel {run.run_id}")


def test_a_config_that_means_nothing_any_more_is_told_with_the_backfill(
    halved: tuple[TaxiProject, bytes],
) -> None:
    project, _ = halved
    for config, told in (
        ('{"input.from_the_future": 1}', "cannot be used any more"),
        ("{}", "is not known"),
    ):
        with closing(sqlite3.connect(project.state / "ledger.db")) as raw, raw:
            raw.execute("UPDATE runs SET config = ?", (config,))
        result = project.cli("retry")
        assert result.code == 2
        assert told in result.stderr
        assert f"backfill taxi_tips --partition {project.day(1).name}" in result.stderr


def test_a_model_with_other_bytes_is_refused(halved: tuple[TaxiProject, bytes]) -> None:
    project, _ = halved
    with closing(sqlite3.connect(project.state / "ledger.db")) as raw, raw:
        raw.execute("UPDATE runs SET model_sha256 = 'beef'")
    result = project.cli("retry")
    assert result.code == 5
    assert "is not the model that run" in result.stderr


def test_a_chain_of_retries_is_told_both_ways(halved: tuple[TaxiProject, bytes]) -> None:
    project, whole = halved
    first = last_run(project).run_id
    assert project.cli("retry").code == 1
    second = last_run(project).run_id
    mend_day(project, 1, whole)
    assert project.cli("retry").code == 0
    third = last_run(project).run_id
    assert f"attempt   3, a retry of {second}, of {first}" in project.cli("show", third).stdout
    shown = project.cli("show", second).stdout
    assert f"attempt   2, a retry of {first}" in shown
    assert f"retried   by {third}" in shown
    run = project.cli("--json", "show", second).lines[0]
    assert (run["attempt"], run["parent_run_id"], run["retried_by"]) == (2, first, [third])
    chain = project.cli("show", "taxi_tips/2024-01-02").stdout.partition("attempts, oldest first:")[2]
    assert [line.split()[2] for line in chain.strip().splitlines()] == [first, second, third]
    assert project.cli("runs", "--failed").stdout.count(" exit ") == 2


def test_last_is_what_started_last_whatever_the_clock_says(halved: tuple[TaxiProject, bytes]) -> None:
    project, _ = halved
    then = last_run(project)
    with closing(open_ledger(project.state / "ledger.db")) as ledger:
        ledger.start_run(replace(then, run_id="01AAAAAAAAAAAAAAAAAAAAAAAA", job="other", planned={}))
    assert project.cli("--json", "show", "last").lines[0]["run_id"] == "01AAAAAAAAAAAAAAAAAAAAAAAA"
    assert project.cli("runs").stdout.startswith("01AAAAAAAAAAAAAAAAAAAAAAAA")


def test_of_two_ledgers_the_newest_run_is_the_last(project: TaxiProject) -> None:
    assert project.cli("run", "taxi_tips").code == 0
    output = {"path": "data/predictions/other", "state": "data/other_state"}
    taxi.write_job(project.root, taxi.job_document(name="other", output=output))
    assert project.cli("run", "other").code == 0
    assert project.cli("--json", "show", "last").lines[0]["job"] == "other"
    assert project.cli("run", "taxi_tips", "--reprocess", "all").code == 0
    assert project.cli("--json", "show", "last").lines[0]["job"] == "taxi_tips"
    assert [line["job"] for line in project.cli("--json", "runs").lines[:-1]] == [
        "taxi_tips",
        "other",
        "taxi_tips",
    ]


def test_show_tells_how_long_each_step_took(halved: tuple[TaxiProject, bytes]) -> None:
    project, _ = halved
    lines = project.cli("--json", "show", "last").lines
    cost = next(line for line in lines if line.get("state") == "published")["cost"]
    assert {"wait_s", "prepare_s", "check_s", "publish_s", "n_retries", "n_deaths"} <= cost.keys()
    assert cost["publish_s"] > 0
    assert cost["prepare_s"] > 0
    shown = project.cli("show", "last").stdout
    assert "publish" in shown
    assert "workers: " in shown


def test_the_calendar_has_a_letter_for_every_day(
    halved: tuple[TaxiProject, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seven days before the 5th of January 2024, a Friday; three were there when it ran, one failed."""
    import datetime as dt

    from batch_scorer.cli import health

    class At:
        @staticmethod
        def now(_zone: dt.tzinfo) -> dt.datetime:
            return dt.datetime(2024, 1, 5, 18, tzinfo=dt.UTC)

    monkeypatch.setattr(health, "datetime", At)
    project, _ = halved
    lines = project.cli("status", "taxi_tips", "--calendar", "--days", "7").stdout.splitlines()
    weeks = [line.split() for line in lines if line.startswith("  20")]
    assert weeks == [["2023-12-25", ".", "."], ["2024-01-01", "P", "F", "P", "M", "."]]
    assert lines[-1].split("   ") == ["  F failed 1", "M missing 1", "P published 2", ". no data 3"]
    days = project.cli("--json", "status", "--calendar", "--days", "2").lines[1:-1]
    assert [(day["day"], day["state"]) for day in days] == [
        ("2024-01-04", "missing"),
        ("2024-01-05", "no data"),
    ]


def test_a_job_without_days_has_no_calendar(make_project: Callable[..., TaxiProject]) -> None:
    project = make_project(0, input={"partition_by": {"shard": "string"}})
    result = project.cli("status", "taxi_tips", "--calendar")
    assert result.code == 2
    assert "next:  batch-scorer" in result.stderr
    assert project.cli("status", "--calendar").code == 0


def test_an_alias_given_by_name_is_retried_with_the_version_it_meant_and_pinned_again(
    halved: tuple[TaxiProject, bytes],
) -> None:
    from batch_scorer.core.plans import ModelChoice

    project, whole = halved
    then = last_run(project)
    with closing(sqlite3.connect(project.state / "ledger.db")) as raw, raw:
        raw.execute("UPDATE runs SET choice = ?", ('{"version": "taxi_tips@champion"}',))
    assert last_run(project).choice == ModelChoice(version="taxi_tips@champion")
    mend_day(project, 1, whole)
    assert project.cli("retry").code == 0
    assert last_run(project).choice == ModelChoice(version=then.model)  # by number, and pinned again
    assert "pinned" in project.cli("show", "taxi_tips/2024-01-02").stdout


def test_a_mistyped_run_suggests_the_newest(halved: tuple[TaxiProject, bytes]) -> None:
    project, _ = halved
    result = project.cli("retry", "nonsense")
    assert result.code == 2
    assert last_run(project).run_id in result.stderr


def test_what_recovery_finds_published_is_not_scored_again(make_project: Callable[..., TaxiProject]) -> None:
    project = make_project(2, compute={"cluster": "inline"})
    die = "from batch_scorer.ledger.sql_ledger import SqlLedger\n"
    die += "SqlLedger.finish_publish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
    script = f"import os, signal\n{die}from batch_scorer.cli.main import run\n"
    script += f"run(['-p', {str(project.root)!r}, 'run', 'taxi_tips', '--max-parallel', '1'])"
    died = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    result = project.cli("retry")
    assert result.code == 0
    assert "generation 1 was visible, now recorded" in result.stderr
    with closing(open_ledger(project.state / "ledger.db")) as ledger:
        records = ledger.partition_records("taxi_tips").values()
    assert [record.current.number for record in records if record.current] == [1, 1]


def test_a_retry_that_has_nothing_to_do_or_goes_well_is_silent_off_a_terminal(
    halved: tuple[TaxiProject, bytes],
) -> None:
    project, whole = halved
    mend_day(project, 1, whole)
    first, second = project.cli("retry"), project.cli("retry")
    assert (first.code, first.stdout + first.stderr) == (0, "")
    assert (second.code, second.stdout + second.stderr) == (0, "")


def test_a_retry_for_another_target_than_that_of_its_run_is_refused(
    make_project: Callable[..., TaxiProject],
) -> None:
    targets = {"few": {"input": {"limit_rows": 100}}, "fewer": {"input": {"limit_rows": 10}}}
    project = make_project(1, compute={"cluster": "inline"}, targets=targets)
    whole = break_day(project, 0)
    assert project.cli("-t", "few", "run", "taxi_tips").code == 1
    mend_day(project, 0, whole)
    result = project.cli("-t", "fewer", "retry")
    assert result.code == 2
    assert "was of target few, not of target fewer" in result.stderr
    assert project.cli("-t", "few", "retry").code == 0
    assert len(project.published(0)) == 100


def test_the_command_for_todays_config_can_be_typed_however_many_partitions_are_left(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(11, compute={"cluster": "inline"})
    wholes = [break_day(project, index) for index in range(11)]
    assert project.cli("run", "taxi_tips").code == 1
    for index, whole in enumerate(wholes):
        mend_day(project, index, whole)
    changes = {"input": {"where": "fare > 0"}, "compute": {"cluster": "inline"}}
    taxi.write_job(project.root, taxi.job_document(**changes))
    told = project.cli("retry", "--dry-run").stderr
    _, *command = shlex.split(told.partition("today's: ")[2])
    assert project.cli(*command[2:]).code == 0  # without its -p
    assert last_run(project).n_published == 11


def test_a_retry_repeats_the_reason_and_warns_of_no_more_than_its_run_did(
    make_project: Callable[..., TaxiProject],
) -> None:
    """The training rides of the tests are of the first day: marked only where a model was asked for."""
    project = make_project(1, compute={"cluster": "inline"})
    whole = break_day(project, 0)
    asked = ("--partition", project.day(0).name, "--reason", "late rides")
    assert project.cli("backfill", "taxi_tips", *asked).code == 1
    mend_day(project, 0, whole)
    result = project.cli("retry", "--error-on", "warning")
    assert (result.code, result.stderr) == (0, "")
    assert last_run(project).reason == "late rides"


@pytest.mark.parametrize("verb", ["retry", "cancel", "show"])
def test_an_empty_id_is_not_the_beginning_of_the_only_run(project: TaxiProject, verb: str) -> None:
    assert project.cli("run", "taxi_tips").code == 0
    result = project.cli(verb, "")
    assert result.code == 2
    assert "a run's id is empty" in result.stderr
