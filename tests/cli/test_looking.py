"""Verbs that look and tell: they change nothing, one broken job blinds none, a mistake has a place."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from ulid import ULID

from batch_scorer.core.records import RunRecord, RunState
from batch_scorer.execution.at_work import as_it_stands
from batch_scorer.ledger.opening import open_ledger
from batch_scorer.ledger.sql_ledger import SqlLedger
from tests import taxi
from tests.conftest import TaxiProject

BROKEN = "version: 1\nname: broken\nschedule: {timezone: Mars/Base}\n"
READERS = (["plan", "taxi_tips"], ["status"], ["runs"], ["show", "last"], ["show", "taxi_tips/2024-01-01"])


@pytest.fixture
def read_only(project: TaxiProject) -> Iterator[TaxiProject]:
    """A project that has run, its state on a read-only mount, which binds even root."""
    assert project.shell("run", "taxi_tips").code == 0
    state = str(project.state)
    bound = subprocess.run(["mount", "--bind", "-o", "ro", state, state], capture_output=True, check=False)
    if bound.returncode:
        pytest.skip(f"only root may mount here: {bound.stderr.decode().strip()}")
    yield project
    subprocess.run(["umount", state], check=True)


def test_verbs_that_only_look_need_no_writable_state(read_only: TaxiProject) -> None:
    for arguments in READERS:
        result = read_only.shell(*arguments)
        assert (result.code, result.stderr) == (0, ""), arguments
        assert result.stdout, arguments


@pytest.mark.parametrize("arguments", [["plan", "taxi_tips"], ["status"], ["runs"]])
def test_verbs_that_only_look_make_no_state(project: TaxiProject, arguments: list[str]) -> None:
    assert project.cli(*arguments).code == 0
    assert not project.state.exists()


@pytest.mark.parametrize("arguments", READERS[1:4])
def test_one_broken_job_is_a_warning_and_the_others_are_shown(
    project: TaxiProject, arguments: list[str]
) -> None:
    project.cli("run", "taxi_tips")
    (project.root / "jobs" / "broken.yml").write_text(BROKEN)
    result = project.cli(*arguments)
    assert result.code == 0
    assert "taxi_tips" in result.stdout
    (line,) = result.stderr.splitlines()
    assert line.startswith("warning: jobs/broken.yml was left out: ")
    assert "validate-config broken" in line


@pytest.mark.parametrize(
    "arguments", [["status", "broken"], ["runs", "broken"], ["show", "broken/2024-01-01"]]
)
def test_the_broken_job_itself_is_a_config_mistake(project: TaxiProject, arguments: list[str]) -> None:
    (project.root / "jobs" / "broken.yml").write_text(BROKEN)
    assert project.cli(*arguments).code == 78


@pytest.mark.parametrize("arguments", [["retry"], ["show", "last"], ["cancel", "last"], ["runs"]])
def test_where_every_job_file_is_broken_nobody_claims_that_nothing_has_run(
    project: TaxiProject, arguments: list[str]
) -> None:
    assert project.cli("run", "taxi_tips").code == 0
    taxi.write_job(project.root, taxi.job_document(input={"where": "fare >"}))
    result = project.cli(*arguments)
    assert result.code == 78
    assert "no job file can be read" in result.stderr


def test_with_json_a_broken_job_tells_each_mistake_in_a_line_of_its_own(project: TaxiProject) -> None:
    (project.root / "jobs" / "broken.yml").write_text(BROKEN)
    result = project.cli("--json", "run", "broken")
    assert result.code == 78
    *mistakes, last = result.lines
    assert len(mistakes) > 1
    assert {line["message_type"] for line in mistakes} == {"mistake"}
    assert (last["message_type"], last["exit_code"]) == ("error", 78)


@pytest.mark.parametrize(
    "arguments", [["schema"], ["completion", "bash"], ["schedule", "render", "cron", "taxi_tips"]]
)
def test_with_json_text_for_other_programs_ends_with_a_summary_too(
    make_project: Callable[..., TaxiProject], arguments: list[str]
) -> None:
    project = make_project(0, schedule={"timezone": "UTC", "cron": "30 4 * * *"})
    first, last = project.cli("--json", *arguments).lines
    assert first.get("text") or first["schema"]
    assert (last["message_type"], last["exit_code"]) == ("summary", 0)
    assert project.cli(*arguments).stdout.count("message_type") == 0


def test_the_next_command_of_init_can_be_pasted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from batch_scorer.cli.main import run

    place = tmp_path / "my project"
    assert run(["init", str(place)]) == 0
    command = capsys.readouterr().out.partition("then ")[2]
    assert shlex.split(command) == ["batch-scorer", "-p", str(place), "validate-config"]


def test_an_output_that_the_model_does_not_give_is_told_at_its_key(project: TaxiProject) -> None:
    output = {"score": "float64 = proba[1]", "other": "float64 = proba[9]"}
    taxi.write_job(project.root, taxi.job_document(model={"output": output}))
    result = project.cli("--json", "run", "taxi_tips")
    assert result.code == 5
    error = result.lines[-1]
    assert error["where"].startswith("jobs/taxi_tips.yml, model.output.other; taxi_tips@champion = v1")
    assert "proba[9]" in error["what"]
    assert error["fix"] not in error["what"]


def test_a_method_that_the_model_does_not_have_is_told_at_its_key(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(1, model="forest")
    changes = {"method": "decision_function", "output": {"score": "float64 = decision"}}
    taxi.write_job(project.root, taxi.job_document(model=changes))
    result = project.cli("run", "taxi_tips")
    assert result.code == 5
    assert "where: jobs/taxi_tips.yml, model.method; taxi_tips@champion = v1" in result.stderr


def test_a_registry_that_is_gone_is_named(project: TaxiProject) -> None:
    registry = project.root / "data" / "models"
    registry.rename(project.root / "elsewhere")
    result = project.cli("run", "taxi_tips")
    assert result.code == 78
    assert f"where: jobs/taxi_tips.yml, model.uri; registry {registry}" in result.stderr


def test_a_partition_that_was_asked_for_and_cannot_be_read_fails_the_run(project: TaxiProject) -> None:
    (project.day(0) / "notes").mkdir()
    (project.lake / "scratch").mkdir()
    asked = ("--partition", "ride_date=2024-01-01")
    for arguments in (asked, ("--from", "2024-01-01", "--to", "2024-01-01")):
        result = project.cli("run", "taxi_tips", *arguments)
        assert result.code == 1
        assert '"notes" is a directory inside a partition' in result.stderr
    both = project.cli("run", "taxi_tips", "--from", "2024-01-01", "--to", "2024-01-02")
    assert both.code == 3
    other = project.cli("run", "taxi_tips", "--partition", "ride_date=2024-01-02", "--reprocess", "all")
    assert other.code == 0
    assert [line for line in other.stderr.splitlines() if "warning" in line] == [
        'warning: scratch is no partition and was not looked at: "scratch" is not "ride_date=…"'
    ]


def test_data_files_with_another_suffix_are_never_passed_over_in_silence(project: TaxiProject) -> None:
    (project.day(0) / "part-2.csv").write_text("ride_id\n1\n")
    told = project.cli("run", "taxi_tips")
    assert told.code == 0
    assert "ride_date=2024-01-01/part-2.csv is no *.parquet file and is not read" in told.stderr
    (project.day(1) / "part-0.parquet").rename(project.day(1) / "part-0.PARQUET")
    refused = project.cli("run", "taxi_tips")
    assert refused.code == 1
    assert '"part-0.PARQUET" looks like Parquet' in refused.stderr


def test_a_partition_key_whose_type_changed_stops_the_run(make_project: Callable[..., TaxiProject]) -> None:
    project = make_project(0, input={"partition_by": {"shard": "string"}})
    taxi.write_day(project.lake, taxi.FIRST_DAY, taxi.rides(50))
    (project.lake / f"ride_date={taxi.FIRST_DAY}").rename(project.lake / "shard=7")
    assert project.cli("run", "taxi_tips").code == 0
    taxi.write_job(project.root, taxi.job_document(input={"partition_by": {"shard": "int"}}))
    result = project.cli("run", "taxi_tips")
    assert result.code == 78
    assert 'partition key "shard" is int, but shard=7 was published when it was string' in result.stderr


def test_the_same_model_registered_again_makes_nothing_stale(
    project: TaxiProject, model_files: Callable[[str], tuple[Path, Path]]
) -> None:
    project.cli("run", "taxi_tips")
    artefact, training = model_files("linear")
    again = project.cli(
        "models", "register", str(artefact), "--name", "taxi_tips",
        "--reference", str(training), "--allow-pickle", "--alias", "champion",
    )  # fmt: skip
    assert again.code == 0, again.stderr
    assert "2 partitions up to date" in project.cli("plan", "taxi_tips").stdout


def test_a_run_whose_process_is_gone_has_died_before_any_run_says_so(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(1, compute={"cluster": "inline"})
    script = "import os, signal\nfrom batch_scorer.cli.main import run\n"
    script += "from batch_scorer.ledger.sql_ledger import SqlLedger\n"
    script += "SqlLedger.finish_publish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
    script += f"run(['-p', {str(project.root)!r}, 'run', 'taxi_tips'])"
    killed = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    with closing(open_ledger(project.state / "ledger.db")) as ledger:
        assert ledger.run("last").state is RunState.RUNNING
    for arguments in (["status"], ["runs"], ["runs", "taxi_tips", "--failed"], ["show", "last"]):
        told = project.cli(*arguments).stdout
        assert ("died" in told, "running" in told) == (True, False), arguments
    (run, _) = map(json.loads, project.cli("runs", "--failed", "--json").stdout.splitlines())
    assert run["state"] == "died"
    project.cli("repair", "taxi_tips")
    assert project.cli("runs", "--failed").stdout.count("died") == 1


def test_a_run_that_somebody_else_finds_dead_meanwhile_is_listed_once(
    make_project: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(1, compute={"cluster": "inline"})
    assert project.cli("run", "taxi_tips").code == 0
    look = SqlLedger.unfinished_runs
    with closing(open_ledger(project.state / "ledger.db")) as ledger:
        (ended,) = ledger.runs("taxi_tips")
        begun = replace(ended, state=RunState.RUNNING, exit_code=None, finished_at=None)
        ledger.start_run(replace(begun, run_id=str(ULID())))

        def found(looking: SqlLedger) -> tuple[RunRecord, ...]:
            begun = look(looking)
            for run in begun:
                ledger.mark_died(run.run_id)
            return begun

        monkeypatch.setattr(SqlLedger, "unfinished_runs", found)
        told = project.cli("runs", "--failed")
    assert told.stdout.count("died") == 1, told.stdout


def test_a_run_that_goes_on_is_running(
    make_project: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, seen = SqlLedger.finish_run, []

    def looked_at(ledger: SqlLedger, ended: RunRecord) -> None:
        (begun,) = ledger.unfinished_runs()
        seen.append(as_it_stands(ledger, begun).state)
        finish(ledger, ended)

    monkeypatch.setattr(SqlLedger, "finish_run", looked_at)
    project = make_project(1, compute={"cluster": "inline"})
    assert project.cli("run", "taxi_tips").code == 0
    assert seen == [RunState.RUNNING]
