"""Every verb ends with the codes of the contract.

Signals and timeouts of runs are in tests/execution/test_recovery.py, which code counts in
test_gates_and_exits.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from batch_scorer.core.partitions import Partition
from batch_scorer.execution.publishing.leases import at_work
from tests import taxi
from tests.cli.test_docs import VERBS
from tests.conftest import TaxiProject
from tests.patience import WAIT_S

OK, FAILED, USAGE, STORE_AWAY, HELD, CONFIG, BROKEN_PIPE = 0, 1, 2, 69, 75, 78, 141
DAY = "ride_date=2024-01-01"

# What each verb needs to be told; JOB stands for the job's name, RUN for the last run.
ARGUMENTS = {
    "init": ["DIR"],
    "validate-config": ["JOB"],
    "schema": [],
    "doctor": ["JOB"],
    "plan": ["JOB"],
    "run": ["JOB"],
    "backfill": ["JOB", "--from", "2024-01-01", "--to", "2024-01-02"],
    "retry": ["last"],
    "status": ["JOB"],
    "runs": ["JOB"],
    "show": ["JOB/2024-01-01"],
    "verify": ["JOB"],
    "audit": ["JOB", "--partition", DAY],
    "ledger rebuild": ["JOB"],
    "quarantine list": ["JOB"],
    "quarantine show": ["JOB/2024-01-01"],
    "quarantine release": ["JOB/2024-01-01", "--reason", "why"],
    "rollback": ["JOB", "--partition", DAY],
    "unpin": ["JOB", "--partition", DAY],
    "repair": ["JOB"],
    "unlock": ["JOB"],
    "cancel": ["last"],
    "gc": ["JOB", "--older-than", "90d"],
    "models register": ["MODEL", "--name", "other", "--no-golden-rows"],
    "models import": ["models:/taxi_tips@champion", "--tracking-uri", "sqlite:///there-is-none.db"],
    "models list": [],
    "models show": ["taxi_tips"],
    "models promote": ["taxi_tips@1", "--alias", "best", "--reason", "why"],
    "models rollback": ["taxi_tips", "--reason", "why"],
    "models at": ["2024-01-01", "taxi_tips"],
    "models history": ["taxi_tips"],
    "models diff": ["taxi_tips@1", "taxi_tips@champion"],
    "models keygen": ["--out", "KEY"],
    "models sign": ["taxi_tips@1", "--key", "KEY"],
    "models verify": ["taxi_tips@1"],
    "suites list": [],
    "suites new": ["drafted", "--from-parquet", "LAKE"],
    "suites diff": ["SUITE", "SUITE"],
    "suites check": ["SUITE", "--job", "JOB", "--partition", DAY],
    "suites coverage": ["JOB"],
    "suites docs": ["last"],
    "schedule render": ["cron", "JOB"],
    "completion": ["bash"],
}
# Refused although everything is healthy: there is nothing to do this to.
REFUSED_WHEN_HEALTHY = {
    "ledger rebuild", "quarantine release", "rollback", "unpin", "cancel", "models register",
    "models rollback", "models import",
}  # fmt: skip
# Look at no job file, or are there to name its mistakes one by one.
WITHOUT_A_JOB = {
    "init", "schema", "models register", "models import", "models list", "models show", "models promote",
    "models rollback", "models at", "models history", "models diff", "models keygen", "models sign",
    "models verify", "suites list", "suites new", "suites diff", "completion",
}  # fmt: skip
# Warn of the broken job, and look for the run among those of the others.
LOOKS_AMONG_ALL_JOBS = {"retry", "cancel", "suites docs"}
READS_THE_LEDGER = {
    "plan", "run", "backfill", "status", "runs", "show", "verify", "audit", "quarantine list",
    "quarantine show", "quarantine release", "rollback", "unpin", "repair", "unlock", "cancel", "gc",
    "suites check", "suites coverage", "suites docs", "ledger rebuild", "retry",
}  # fmt: skip
UNKNOWN_NAME = {
    "JOB": "taxi_tip", "SUITE": "ride", "JOB/2024-01-01": "taxi_tip/2024-01-01", "last": "01NOSUCHRUN",
    "taxi_tips": "taxi_tip", "taxi_tips@1": "taxi_tip@1",
}  # fmt: skip
SILENT = ["run", "backfill", "repair", "unlock", "gc"]

EVERY_VERB = pytest.mark.parametrize("verb", VERBS)


def _needs(verb: str) -> list[str]:
    assert verb in ARGUMENTS, f'say in ARGUMENTS what "{verb}" is told, and in the sets below it what it does'
    return ARGUMENTS[verb]


def _command(project: TaxiProject, verb: str, needs: list[str]) -> list[str]:
    stands_for = {
        "DIR": str(project.root / "new"), "MODEL": str(project.root / "model.skops"),
        "KEY": str(project.root / "key.pem"), "LAKE": str(project.lake), "SUITE": "rides",
    }  # fmt: skip
    told = [stands_for.get(word, word.replace("JOB", "taxi_tips")) for word in needs]
    return [*verb.split(), *told]


@pytest.fixture
def healthy(project: TaxiProject) -> TaxiProject:
    """A job that has run, with a suite beside it."""
    suites = project.root / "jobs" / "suites"
    suites.mkdir()
    rule = {"type": "expect_column_to_exist", "kwargs": {"column": "fare"}}
    (suites / "rides.json").write_text(json.dumps({"name": "rides", "expectations": [rule]}))
    document = taxi.job_document(schedule={"timezone": "America/Chicago", "cron": "30 4 * * *"})
    taxi.write_job(project.root, document)
    assert project.cli("run", "taxi_tips").code == 0
    return project


def test_every_verb_ends_with_0_in_a_healthy_project_and_says_why_where_it_does_not(
    healthy: TaxiProject,
) -> None:
    for verb in VERBS:
        done = healthy.cli(*_command(healthy, verb, _needs(verb)))
        if verb in REFUSED_WHEN_HEALTHY:
            assert done.code != OK, verb
            assert "fix:" in done.stderr or "next:" in done.stderr, (verb, done.stderr)
        else:
            assert done.code == OK, (verb, done.stderr)


@EVERY_VERB
def test_an_unknown_option_is_a_usage_error(project: TaxiProject, verb: str) -> None:
    done = project.cli(*_command(project, verb, _needs(verb)), "--no-such-option")
    assert done.code == USAGE
    assert "No such option" in done.stderr


def test_an_unknown_name_is_a_usage_error_that_names_what_there_is(healthy: TaxiProject) -> None:
    for verb in VERBS:
        needs = [UNKNOWN_NAME.get(word, word) for word in _needs(verb)]
        if needs == ARGUMENTS[verb]:
            continue
        done = healthy.cli(*_command(healthy, verb, needs))
        assert done.code == USAGE, (verb, done.stderr)
        assert "fix:" in done.stderr or "next:" in done.stderr, (verb, done.stderr)


def test_a_broken_job_file_is_78_for_every_verb_that_reads_it(healthy: TaxiProject) -> None:
    taxi.write_job(healthy.root, {**taxi.job_document(), "output": {"pth": "x"}})
    for verb in VERBS:
        if verb in WITHOUT_A_JOB | LOOKS_AMONG_ALL_JOBS:
            continue
        done = healthy.cli(*_command(healthy, verb, _needs(verb)))
        assert done.code == CONFIG, (verb, done.stderr)
        assert 'did you mean "path"?' in done.stderr + done.stdout, (verb, done.stderr)


def test_a_ledger_that_does_not_answer_is_69_for_every_verb_that_reads_it(healthy: TaxiProject) -> None:
    url = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"
    taxi.write_job(healthy.root, taxi.job_document(output={"state_db": url}))
    for verb in sorted(READS_THE_LEDGER & set(VERBS)):
        done = healthy.cli(*_command(healthy, verb, _needs(verb)))
        assert done.code == STORE_AWAY, (verb, done.stderr)


def test_a_partition_that_another_run_holds_is_75(project: TaxiProject) -> None:
    with _held(project):
        for verb in ("run", "backfill"):
            done = project.cli(*_command(project, verb, _needs(verb)))
            assert done.code == HELD, (verb, done.stderr)
            assert "held" in done.stderr.lower(), done.stderr


@contextmanager
def _held(project: TaxiProject) -> Iterator[None]:
    """Both days leased by somebody who lives: this process."""
    from batch_scorer import wiring
    from batch_scorer.config.project import Project

    parts = wiring.open_job(Project(project.root), "taxi_tips")
    with at_work(parts.ledger, parts.places.presence, job="taxi_tips", verb="run", run_id="01HELD") as leases:
        for day in taxi.days(2):
            leases.take(Partition(names=("ride_date",), values=(day,)))
        yield


def test_verbs_that_work_are_silent_off_a_terminal_when_all_is_well(healthy: TaxiProject) -> None:
    healthy.add_day(2)
    for verb in SILENT:
        done = healthy.cli(*_command(healthy, verb, _needs(verb)))
        assert (done.code, done.stdout, done.stderr) == (OK, "", ""), verb


def test_a_reader_that_goes_away_breaks_the_command_off(project: TaxiProject) -> None:
    """As `| head -1` does: the rest was not said, so it did not end well."""
    command = [sys.executable, "-m", "batch_scorer", "-p", str(project.root), "schema"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.close()
    _, stderr = process.communicate(timeout=WAIT_S)
    assert (process.returncode, stderr) == (BROKEN_PIPE, "")


def test_a_run_whose_lines_nobody_takes_is_broken_off_and_the_ledger_says_so(project: TaxiProject) -> None:
    command = [sys.executable, "-m", "batch_scorer", "-p", str(project.root), "run", "taxi_tips", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.close()
    _, stderr = process.communicate(timeout=WAIT_S)
    assert (process.returncode, stderr) == (BROKEN_PIPE, "")
    assert f"exit {BROKEN_PIPE}" in project.cli("runs").stdout
    assert project.cli("run", "taxi_tips").code == OK
    assert len(project.published(0)) == 600
