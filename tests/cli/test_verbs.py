"""Each verb as a user meets it: text for people, JSON Lines for machines, the exit code for schedulers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from batch_scorer.ledger.opening import open_ledger
from batch_scorer.models.scoring import loader
from tests import taxi
from tests.conftest import TaxiProject

FARE_RULE = {
    "name": "rides_input",
    "expectations": [
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "fare", "min_value": 0, "max_value": 500, "mostly": 0.95},
            "severity": "critical",
        },
        {
            "type": "expect_column_values_to_not_be_null",
            "kwargs": {"column": "company", "mostly": 0.99},
            "severity": "warning",
        },
    ],
    "meta": {"great_expectations_version": "1.24.1"},
}
SCORE_RULE = {
    "name": "predictions",
    "expectations": [
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "score", "min_value": 0, "max_value": 1},
            "severity": "critical",
        }
    ],
    "meta": {"great_expectations_version": "1.24.1"},
}


def _write_suites(root: Path, *suites: Mapping[str, object]) -> None:
    directory = root / "jobs" / "suites"
    directory.mkdir(parents=True, exist_ok=True)
    for suite in suites:
        (directory / f"{suite['name']}.json").write_text(json.dumps(suite))


@pytest.fixture
def guarded(make_project: Callable[..., TaxiProject], tmp_path: Path, shared_judge: None) -> TaxiProject:
    """Two days, the second with broken fares; suites on input and output."""
    _write_suites(tmp_path / "project", FARE_RULE, SCORE_RULE)
    project = make_project(
        2,
        validate={
            "input": [{"suite": "rides_input", "on_fail": "block"}],
            "output": [{"suite": "predictions", "on_fail": "block"}],
        },
    )
    project.add_day(1, fare=[-5.0] * 60 + [20.0] * 540)
    return project


def test_a_bad_day_is_blocked_explained_and_leaves_the_others_alone(guarded: TaxiProject) -> None:
    result = guarded.cli("run", "taxi_tips")
    assert result.code == 4
    assert "2024-01-02 BLOCKED" in result.stderr
    assert "fare between 0 and 500 fails for 10 % (limit 5 %)" in result.stderr
    assert "ride_id 1000000" in result.stderr
    assert "company" in result.stderr  # the warning of the published day
    assert "--validation" in result.stderr
    assert len(guarded.published(0)) == 600
    assert not (guarded.predictions / "ride_date=2024-01-02").exists()

    shown = guarded.cli("show", "last", "--validation")
    assert "FAIL  fare between 0 and 500 fails for 10 %" in shown.stdout
    assert "ok    score between 0 and 1" in shown.stdout
    assert "input suite rides_input: 2 expectations failed (block)" in shown.stdout
    stored = sorted((guarded.state / "validation").rglob("*ride_date=2024-01-02/*rides_input.json"))[0]
    assert json.loads(stored.read_text())

    status = guarded.cli("status", "taxi_tips")
    assert "BLOCKED" in status.stdout
    assert guarded.cli("show", "taxi_tips/2024-01-02").stdout.startswith(
        "taxi_tips/ride_date=2024-01-02: never published"
    )

    checked = guarded.cli("suites", "check", "rides_input", "--job", "taxi_tips", "--partition", "2024-01-02")
    assert checked.code == 4
    assert "fare between 0 and 500" in checked.stdout


def test_a_blocked_day_keeps_its_old_predictions_until_it_is_mended(guarded: TaxiProject) -> None:
    guarded.add_day(1)
    assert guarded.cli("run", "taxi_tips").code == 0
    before = guarded.snapshot()
    guarded.add_day(1, fare=[-5.0] * 600)
    blocked = guarded.cli("run", "taxi_tips")
    assert blocked.code == 4
    assert "old predictions untouched" in blocked.stderr
    assert guarded.snapshot() == before
    guarded.add_day(1, n_rows=650)
    assert guarded.cli("run", "taxi_tips").code == 0
    assert len(guarded.published(1)) == 650


def test_a_day_that_fails_as_often_as_allowed_is_left_for_a_person(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(
        1,
        schedule={"timezone": "UTC", "catchup": {"give_up_after": 2}},
        validate={"volume": {"min_rows": 9999}},
    )
    assert [project.cli("run", "taxi_tips").code for _ in range(3)] == [4, 4, 0]
    plan = project.cli("plan", "taxi_tips").stdout
    assert "GAVE_UP" in plan
    assert "backfill taxi_tips" in plan
    project.add_day(0, n_rows=601)  # new input: a new chance
    assert project.cli("run", "taxi_tips").code == 4


def test_plan_changes_nothing_and_says_what_and_why(project: TaxiProject) -> None:
    result = project.cli("plan", "taxi_tips")
    assert result.code == 0
    assert "2024-01-01  SCORE  missing" in result.stdout
    assert "600 rows" in result.stdout
    assert "2 to score" in result.stdout
    assert "taxi_tips@champion = v1" in result.stdout
    assert not project.predictions.exists()


def test_a_range_includes_both_ends(make_project: Callable[..., TaxiProject]) -> None:
    project = make_project(5)
    plan = project.cli("plan", "taxi_tips", "--from", "2024-01-02", "--to", "2024-01-04")
    assert "3 days, both ends included" in plan.stdout
    assert project.cli("backfill", "taxi_tips", "--from", "2024-01-02", "--to", "2024-01-04").code == 0
    assert sorted(d.name for d in project.predictions.iterdir()) == [
        f"ride_date=2024-01-0{day}" for day in (2, 3, 4)
    ]


def test_a_long_backfill_asks_and_off_a_terminal_needs_yes(
    make_project: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(0)
    for index in range(51):
        taxi.write_day(project.lake, taxi.days(51)[index], taxi.rides(5, first_id=index * 10), n_files=1)
    asked = project.cli("backfill", "taxi_tips", "--from", "2024-01-01", "--to", "2024-03-01")
    assert asked.code == 2
    assert "--yes" in asked.stderr
    assert (
        project.cli("backfill", "taxi_tips", "--from", "2024-01-01", "--to", "2024-03-01", "--yes").code == 0
    )
    assert len(list(project.predictions.iterdir())) == 51


def test_json_lines_end_with_a_summary_or_an_error_that_holds_the_exit_code(project: TaxiProject) -> None:
    ran = project.cli("--json", "run", "taxi_tips")
    assert ran.lines[-1]["message_type"] == "summary"
    assert ran.lines[-1]["exit_code"] == ran.code == 0
    assert ran.lines[-1]["n_published"] == 2
    assert {line["schema_version"] for line in ran.lines} == {1}
    done = [line for line in ran.lines if line["message_type"] == "partition_done"]
    assert [line["rows"]["scored"] for line in done] == [600, 600]

    for arguments in (
        ["runs"],
        ["show", "last"],
        ["status"],
        ["models", "list"],
        ["doctor"],
        ["validate-config"],
    ):
        result = project.cli(*arguments, "--json")
        assert result.lines[-1]["message_type"] == "summary", arguments
        assert result.lines[-1]["exit_code"] == result.code == 0

    wrong = project.cli("show", "nothing", "--json")
    assert wrong.lines[-1]["message_type"] == "error"
    assert wrong.lines[-1]["exit_code"] == wrong.code == 2


def test_global_options_work_before_and_after_the_verb_and_from_the_environment(
    project: TaxiProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (
        project.cli("--json", "plan", "taxi_tips").lines == project.cli("plan", "taxi_tips", "--json").lines
    )
    monkeypatch.setenv("BATCH_SCORER_JSON", "1")
    assert project.cli("plan", "taxi_tips").lines[-1]["message_type"] == "summary"


def test_runs_and_show_tell_the_story_of_a_run(project: TaxiProject) -> None:
    project.cli("run", "taxi_tips")
    run_id = project.cli("--json", "runs").lines[0]["run_id"]
    assert run_id in project.cli("runs").stdout
    shown = project.cli("show", run_id[:12])
    assert f"run {run_id} of taxi_tips: 2 published" in shown.stdout
    assert "600 scored" in shown.stdout
    partition = project.cli("show", "taxi_tips/ride_date=2024-01-01", "--files")
    assert "600 read = 600 scored + 0 quarantined + 0 dropped" in partition.stdout
    assert "taxi_tips@1" in partition.stdout
    assert partition.stdout.count("part-") == 4  # two in, two out


def test_show_suggests_when_there_is_no_such_thing(project: TaxiProject) -> None:
    assert project.cli("show", "last").code == 2
    project.cli("run", "taxi_tips")
    assert project.cli("show", "taxi_tips/2031-01-01").code == 2
    assert project.cli("show", "ZZZ").code == 2


def test_the_last_success_is_told_however_many_runs_failed_since(project: TaxiProject) -> None:
    assert project.cli("run", "taxi_tips").code == 0
    with closing(open_ledger(project.state / "ledger.db")) as ledger:
        success = ledger.run("last")
        for number in range(51):
            failed = replace(success, run_id=f"{success.run_id[:-3]}Z{number:02}")
            ledger.start_run(failed)
            ledger.finish_run(
                replace(failed, exit_code=1, finished_at=datetime.now(UTC), n_published=0, n_failed=1)
            )
    (status, _) = project.cli("--json", "status", "taxi_tips", "--max-age", "26h").lines
    assert success.finished_at is not None
    assert (status["last_success"], status["late"]) == (success.finished_at.isoformat(), False)


def test_status_is_late_when_the_last_success_is_too_old(project: TaxiProject) -> None:
    assert project.cli("status", "taxi_tips", "--max-age", "26h").code == 1
    project.cli("run", "taxi_tips")
    assert project.cli("status", "taxi_tips", "--max-age", "26h").code == 0
    assert project.cli("status", "taxi_tips", "--max-age", "0s").code == 1
    assert project.cli("status", "--max-age", "soon").code == 2


def test_models_are_listed_shown_and_promoted(
    project: TaxiProject, model_files: Callable[[str], tuple[Path, Path]]
) -> None:
    artefact, training = model_files("boosted")
    project.cli(
        "models",
        "register",
        str(artefact),
        "--name",
        "taxi_tips",
        "--reference",
        str(training),
        "--allow-pickle",
    )
    assert "taxi_tips@1  champion" in project.cli("models", "list").stdout
    promoted = project.cli("models", "promote", "taxi_tips@2", "--alias", "champion", "--reason", "better")
    assert promoted.code == 0
    shown = project.cli("models", "show", "taxi_tips@champion").stdout
    assert "taxi_tips@2 (champion)" in shown
    assert "HistGradientBoostingClassifier" in shown
    assert "champion → v2" in shown
    assert "better" in shown
    assert project.cli("models", "show", "taxi_tipz").code == 2
    assert project.cli("models", "promote", "taxi_tips@7", "--alias", "x", "--reason", "y").code == 2


def test_a_pickle_is_refused_without_the_flag_and_a_model_without_reference_too(
    project: TaxiProject, model_files: Callable[[str], tuple[Path, Path]]
) -> None:
    artefact, training = model_files("linear")
    refused = project.cli("models", "register", str(artefact), "--name", "n", "--reference", str(training))
    assert refused.code == 5
    assert "--allow-pickle" in refused.stderr
    bare = project.cli("models", "register", str(artefact), "--name", "n", "--allow-pickle")
    assert bare.code == 2
    assert "--no-golden-rows" in bare.stderr


def test_a_model_that_was_tampered_with_stops_the_run_with_exit_5(
    project: TaxiProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "_cache", {})  # as in a process that has loaded nothing yet
    artefact = sorted((project.root / "data" / "models").rglob("model.joblib"))[0]
    content = bytearray(artefact.read_bytes())
    content[len(content) // 2] ^= 1
    artefact.write_bytes(bytes(content))
    result = project.cli("run", "taxi_tips")
    assert result.code == 5
    assert "sha256" in result.stderr
    assert not list(project.predictions.rglob("*.parquet"))


def test_validate_config_tells_all_mistakes_at_once_with_their_places(project: TaxiProject) -> None:
    document = taxi.job_document(input={"partion_by": {}, "key": []}, compute={"workers": "many"})
    path = taxi.write_job(project.root, document)
    result = project.cli("validate-config", "taxi_tips")
    assert result.code == 78
    assert 'unknown key "partion_by"; did you mean "partition_by"?' in result.stderr
    assert result.stderr.count(f"jobs/{path.name}:") >= 3
    assert "^" in result.stderr
    assert project.cli("run", "taxi_tips").code == 78


def test_validate_config_finds_two_jobs_that_publish_into_each_other(project: TaxiProject) -> None:
    taxi.write_job(project.root, taxi.job_document(name="other"))
    result = project.cli("validate-config")
    assert result.code == 78
    assert "other" in result.stderr


def test_resolved_values_name_their_source(project: TaxiProject) -> None:
    shown = project.cli("validate-config", "taxi_tips", "--resolved").stdout
    assert 'schedule.timezone = "America/Chicago"  # jobs/taxi_tips.yml:' in shown
    assert 'compute.cluster = "auto"  # default' in shown


def test_doctor_finds_what_a_night_would_trip_over(project: TaxiProject) -> None:
    healthy = project.cli("doctor", "taxi_tips")
    assert healthy.code == 0, healthy.stdout
    assert "golden rows repeat" in healthy.stdout
    document = taxi.job_document(output={"keep_columns": ["surge"]})
    taxi.write_job(project.root, document)
    sick = project.cli("doctor", "taxi_tips")
    assert sick.code == 1
    assert "surge" in sick.stdout


def test_the_schedule_renders_as_a_cron_line(make_project: Callable[..., TaxiProject]) -> None:
    project = make_project(0, schedule={"timezone": "America/Chicago", "cron": "30 4 * * *"})
    shown = project.cli("schedule", "render", "cron", "taxi_tips").stdout
    assert "CRON_TZ=America/Chicago" in shown
    assert "30 4 * * * " in shown
    assert str(project.root) in shown


def test_a_schedule_calls_the_command_that_rendered_it_not_another_on_the_path(
    make_project: Callable[..., TaxiProject], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("ours", "other"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "batch-scorer").touch(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "ours/python"))
    monkeypatch.setenv("PATH", str(tmp_path / "other"))
    project = make_project(0, schedule={"timezone": "America/Chicago", "cron": "30 4 * * *"})
    shown = project.cli("schedule", "render", "cron", "taxi_tips").stdout
    assert f"30 4 * * * {tmp_path}/ours/batch-scorer --project" in shown


def test_an_unknown_verb_suggests_the_nearest(project: TaxiProject) -> None:
    result = project.cli("statsu")
    assert result.code == 2
    assert '"status"' in result.stderr


def test_a_mistyped_verb_of_a_group_and_a_mistyped_option_suggest_the_nearest(project: TaxiProject) -> None:
    assert "'list'" in project.cli("models", "lst").stderr
    assert "'--reprocess'" in project.cli("plan", "taxi_tips", "--reproces", "all").stderr


def test_outside_a_project_the_way_in_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "batch_scorer", "plan", "x"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "batch-scorer init" in done.stderr


def test_the_example_project_runs_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = TaxiProject(tmp_path / "example", capsys)
    from batch_scorer.cli.main import run

    assert run(["init", "--example", str(project.root)]) == 0
    assert run(["init", "--example", str(project.root)]) == 0
    assert project.cli("validate-config").code == 0
    result = project.cli("run", "taxi_tips", "--from", "2024-03-26", "--to", "2024-03-27")
    assert result.code == 4, result.stderr
    assert "2024-03-27 BLOCKED" in result.stderr
    job = yaml.safe_load((project.root / "jobs" / "taxi_tips.yml").read_text())
    assert job["name"] == "taxi_tips"
