"""`show RUN --logs` prints what a run logged, and gc removes it."""

from __future__ import annotations

import json

from tests.conftest import TaxiProject

USAGE = 2


def test_a_run_shows_what_it_logged_until_gc_removes_it(project: TaxiProject) -> None:
    assert project.cli("run", "taxi_tips").stderr == ""
    shown = project.cli("show", "last", "--logs").stdout
    assert "batch_scorer.told: 2 partitions of taxi_tips to score with taxi_tips@1" in shown
    assert "batch_scorer.told: 2024-01-02: 600 scored" in shown

    run, *others = project.cli("--json", "show", "last", "--logs").lines
    logged = [line for line in others if line["message_type"] == "log"]
    assert {line["run_id"] for line in logged} == {run["run_id"]}
    assert logged[-1]["message"] == "ended with exit code 0"

    assert project.cli("--json", "gc", "--older-than", "1h").lines[-1]["n_removed"] == 0
    (removed, _) = project.cli("--json", "gc", "--older-than", "0s").lines
    assert (removed["kind"], removed["name"], removed["partition"]) == ("log", run["run_id"], None)
    gone = project.cli("show", "last", "--logs")
    assert gone.code == 0
    assert "has no log" in gone.stderr


def test_a_partition_has_no_log_of_its_own(project: TaxiProject) -> None:
    assert project.cli("show", "taxi_tips/2024-01-01", "--logs").code == USAGE


def test_with_a_json_log_an_error_is_a_log_line_too(project: TaxiProject) -> None:
    told = project.cli("--log-format", "json", "plan", "nothing")
    (line,) = told.stderr.splitlines()
    assert json.loads(line)["error"] == "UsageError"
    unknown = project.cli("pla", "--log-format", "json")
    assert "did you mean" in json.loads(unknown.stderr)["message"]
