"""`--model-as-of-date`: each partition with the version that the job's alias meant when its day ended."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from batch_scorer.models.registry.files import FileRegistry
from tests import taxi
from tests.conftest import TaxiProject
from tests.execution.test_rebuild import lose_ledger

RANGE = ("--from", "2024-01-01", "--to", "2024-01-04")
BACKFILL = ("backfill", "taxi_tips", *RANGE, "--model-as-of-date", "--cluster", "inline")
MODELS = ["linear", "boosted", "boosted", "linear"]  # of the four days


def _clock_at(utc: str) -> Callable[[], dt.datetime]:
    moment = dt.datetime.fromisoformat(utc).replace(tzinfo=dt.UTC)
    return lambda: moment


@pytest.fixture
def make_then(
    make_project: Callable[..., TaxiProject], model_files: Callable[[str], tuple[Path, Path]]
) -> Callable[..., TaxiProject]:
    """Four days. champion: version 1 (linear) from the first, 2 (boosted) from an hour before the second ends
    in Chicago, 1 again from an hour after the third ended there, 3 (a forest) since much later.
    """

    def make(n_days: int = 4, first: str = "2024-01-01T18:00:00", **changes: object) -> TaxiProject:
        project = make_project(n_days, **changes)
        history = project.root / "data/models/taxi_tips/history.jsonl"
        lines = [line for line in history.read_text().splitlines() if '"alias"' not in line]
        history.write_text("\n".join(lines) + "\n")  # the alias of `make_project` moved today
        for model in ("boosted", "forest"):
            artefact, training = model_files(model)
            project.cli(
                "models", "register", str(artefact), "--name", "taxi_tips",
                "--reference", str(training), "--allow-pickle",
            )  # fmt: skip
        for at, version in (
            (first, 1), ("2024-01-03T05:00:00", 2), ("2024-01-04T07:00:00", 1), ("2026-01-01T00:00:00", 3),
        ):  # fmt: skip
            registry = FileRegistry(project.root / "data/models", clock=_clock_at(at))
            registry.promote("taxi_tips", version, "champion", reason="it was then", who="ana")
        return project

    return make


@pytest.fixture
def then(make_then: Callable[..., TaxiProject]) -> TaxiProject:
    return make_then()


def _versions(project: TaxiProject, n_days: int = 4) -> list[set[str]]:
    return [set(project.published(index)["_model_version"]) for index in range(n_days)]


def test_each_partition_is_scored_by_the_version_of_its_day_and_says_so_everywhere(then: TaxiProject) -> None:
    plan = then.cli("plan", "taxi_tips", *RANGE, "--model-as-of-date")
    assert "taxi_tips@champion by date: v1, v2" in plan.stdout
    assert "2024-01-03  SCORE  missing; with v2" in plan.stdout

    ran = then.cli(*BACKFILL, "--reason", "what would we have said")
    assert ran.code == 0, ran.stderr
    assert _versions(then) == [{"taxi_tips@1"}, {"taxi_tips@2"}, {"taxi_tips@2"}, {"taxi_tips@1"}]
    for index, name in enumerate(MODELS):
        rides = pd.read_parquet(then.day(index), partitioning=None)
        expected = taxi.fitted(name).predict_proba(rides[taxi.FEATURES])[:, 1]
        assert np.array_equal(then.published(index)["score"].to_numpy(), expected)

    run = then.cli("--json", "runs").lines[0]
    assert run["model"] == "taxi_tips@1, taxi_tips@2"
    assert len(set(run["model_sha256"].split(", "))) == 2
    told = then.cli("--json", "audit", "taxi_tips", "--partition", "2024-01-03").lines[0]
    assert (told["model"]["version"], told["model"]["alias"]) == (2, "champion")
    assert told["run"]["reason"] == "what would we have said"
    assert told["pin"]["why"].startswith("what would we have said; scored with taxi_tips@2, which ")
    assert (
        "reason     what would we have said"
        in then.cli("audit", "taxi_tips", "--partition", "2024-01-03").stdout
    )
    verified = then.cli("verify", "taxi_tips", "--deep", "--rescore", "50")
    assert verified.code == 0, verified.stdout


def test_what_was_scored_so_stays_whatever_the_alias_says_now(then: TaxiProject) -> None:
    assert then.cli(*BACKFILL).code == 0
    before = then.snapshot()
    kept = then.cli("plan", "taxi_tips", *RANGE).stdout
    assert kept.count("KEEP") == 4
    assert then.cli("run", "taxi_tips", *RANGE).code == 0
    assert then.cli(*BACKFILL).code == 0
    assert then.snapshot() == before
    assert then.cli("unpin", "taxi_tips", "--partition", "2024-01-01").code == 0
    assert "up to date (v1" in then.cli("plan", "taxi_tips", *RANGE, "--model-as-of-date", "-v").stdout
    assert "stale: scored with v1" in then.cli("plan", "taxi_tips", *RANGE).stdout


def test_a_day_on_which_the_alias_pointed_nowhere_refuses_the_whole_range(
    make_then: Callable[..., TaxiProject],
) -> None:
    project = make_then(first="2024-01-02T18:00:00")
    for verb in (BACKFILL, ("plan", "taxi_tips", *RANGE, "--model-as-of-date")):
        refused = project.cli(*verb)
        assert refused.code == 5
        assert (
            "pointed nowhere yet at the end of 2024-01-01; the earliest date is 2024-01-02" in refused.stderr
        )
        assert "backfill taxi_tips --from 2024-01-02 --to 2024-01-04 --model-as-of-date" in refused.stderr
    assert not project.predictions.exists()
    later = project.cli(
        "backfill", "taxi_tips", "--from", "2024-01-02", "--to", "2024-01-04", "--model-as-of-date"
    )
    assert later.code == 0, later.stderr


def test_where_it_makes_no_sense_the_command_line_is_wrong(
    make_then: Callable[..., TaxiProject],
) -> None:
    project = make_then(1)
    both = project.cli(*BACKFILL, "--model", "taxi_tips@1")
    assert (both.code, "contradict each other" in both.stderr) == (2, True)
    taxi.write_job(project.root, taxi.job_document(model={"uri": "taxi_tips@2"}))
    versioned = project.cli(*BACKFILL)
    assert (versioned.code, "model.uri names a version" in versioned.stderr) == (2, True)
    taxi.write_job(project.root, taxi.job_document(input={"partition_by": {"region": "string"}}))
    undated = project.cli("plan", "taxi_tips", "--model-as-of-date")
    assert (undated.code, "one partition key of type date" in undated.stderr) == (2, True)


def test_a_partition_whose_model_was_trained_on_its_day_is_marked_where_a_model_is_asked_for(
    then: TaxiProject,
) -> None:
    """The training rides of the tests are of 2024-01-01."""
    mark = "taxi_tips@1 was trained on this day too (started_at 2024-01-01 to 2024-01-01)"
    plan = then.cli("--json", "plan", "taxi_tips", *RANGE, "--model-as-of-date").lines
    assert [line["warnings"] for line in plan[:-1]] == [[mark], [], [], []]
    ran = then.cli(*BACKFILL)
    assert ran.stderr == f"warning: 2024-01-01: {mark}\n"
    manifest = then.state / "manifests/taxi_tips/ride_date=2024-01-01/1.json"
    assert json.loads(manifest.read_text())["warnings"] == [mark]
    audit = ("audit", "taxi_tips", "--partition", "2024-01-01")
    for look in (("show", "last"), ("show", "taxi_tips/2024-01-01"), audit):
        assert mark in then.cli(*look).stdout

    named = then.cli("plan", "taxi_tips", "--model", "taxi_tips@1", "--reprocess", "all").stdout
    assert named.count("was trained on this day too") == 1
    assert "was trained" not in then.cli("plan", "taxi_tips", "--reprocess", "all").stdout


def test_the_ledger_of_a_run_with_several_models_is_told_again_from_manifests(then: TaxiProject) -> None:
    assert then.cli(*BACKFILL).code == 0
    before = then.cli("--json", "runs").lines[0]
    lose_ledger(then)
    assert then.cli("ledger", "rebuild", "taxi_tips").code == 0
    after = then.cli("--json", "runs").lines[0]
    assert (after["model"], after["model_sha256"]) == (before["model"], before["model_sha256"])
    assert then.cli("verify", "taxi_tips", "--deep").code == 0


def test_a_run_s_models_that_were_edited_are_found(then: TaxiProject) -> None:
    assert then.cli(*BACKFILL).code == 0
    with sqlite3.connect(then.state / "ledger.db") as ledger:
        ledger.execute("UPDATE runs SET model_sha256 = substr(model_sha256, 1, 64)")
    ledger.close()
    found = then.cli("verify", "taxi_tips")
    assert found.code == 6
    assert found.stdout.count("the run's job and model") == 2  # of the days of the version that is gone


def test_on_workers_each_chunk_is_scored_by_its_partition_s_model(
    make_then: Callable[..., TaxiProject],
) -> None:
    project = make_then(compute={"chunk": "20kB", "workers": 1})
    assert project.cli(*BACKFILL[:-1], "local", "--max-parallel", "4").code == 0
    for index, name in enumerate(MODELS):
        rides = pd.read_parquet(project.day(index), partitioning=None)
        expected = taxi.fitted(name).predict_proba(rides[taxi.FEATURES])[:, 1]
        assert np.array_equal(project.published(index)["score"].to_numpy(), expected)
