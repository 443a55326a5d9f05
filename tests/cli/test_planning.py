"""`plan` and what follows from it: ranges, explanations, guesses, and plans that are kept and run later."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from batch_scorer.cli.output import command
from batch_scorer.cli.settings import Settings
from batch_scorer.execution.publishing.recovery import recover
from tests import taxi
from tests.conftest import TaxiProject

INLINE = {"compute": {"cluster": "inline"}}


@pytest.fixture
def kept(project: TaxiProject, tmp_path: Path) -> Path:
    """A plan of both days, as it was written."""
    path = tmp_path / "plans" / "tonight.json"
    assert project.cli("plan", "taxi_tips", "-o", str(path)).code == 0
    return path


def refused(project: TaxiProject, path: Path, *more: str) -> str:
    """What a run of the plan says when it does nothing."""
    result = project.cli("run", "taxi_tips", "--plan", str(path), *more)
    assert (result.code, result.stdout) == (2, "")
    return result.stderr


def table(text: str) -> list[list[str]]:
    """The lines of a plan's partitions, without columns for rows and bytes."""
    return [line.split(maxsplit=2)[:2] for line in text.splitlines() if line.startswith(" ")]


def test_a_plan_looks_as_promised(make_project: Callable[..., TaxiProject]) -> None:
    project = make_project(3, input={"ready": {"marker": "_SUCCESS"}}, **INLINE)
    for index in (0, 1):
        (project.day(index) / "_SUCCESS").touch()
    assert project.cli("run", "taxi_tips", "--to", "2024-01-01").code == 0
    shown = project.cli("plan", "taxi_tips", "--from", "2024-01-01", "--to", "2024-01-03").stdout.splitlines()
    assert shown[0].startswith(
        "3 days, both ends included, America/Chicago · model taxi_tips@champion = v1 ("
    )
    assert shown[1].startswith(" 2024-01-01  SKIP   up to date (v1, input ")
    assert shown[2].startswith(" 2024-01-02  SCORE  missing ")
    assert shown[2].endswith(" kB")
    assert " 600 rows  " in shown[2]
    assert shown[3].startswith(" 2024-01-03  WAIT   not ready: no _SUCCESS")
    assert shown[4].startswith("1 to score, about ")
    assert shown[4].endswith(" s (last run)")


def test_the_guess_is_taken_from_at_most_ten_runs_of_this_job(project: TaxiProject) -> None:
    assert project.cli("plan", "taxi_tips").stdout.splitlines()[-1] == "2 to score"
    for _ in range(2):
        assert project.cli("run", "taxi_tips", "--reprocess", "all", "--limit", "1").code == 0
    summary = project.cli("plan", "taxi_tips", "--reprocess", "all", "--json").lines[-1]
    assert summary["estimate"]["n_rows"] == 1200
    assert summary["estimate"]["n_runs"] == 2
    assert summary["estimate"]["seconds"] > 0


def test_since_a_day_is_from_that_day_on(make_project: Callable[..., TaxiProject]) -> None:
    project = make_project(4)
    since = project.cli("plan", "taxi_tips", "--since", "2024-01-03")
    assert table(since.stdout) == [["2024-01-03", "SCORE"], ["2024-01-04", "SCORE"]]
    assert since.stdout == project.cli("plan", "taxi_tips", "--from", "2024-01-03").stdout
    assert since.stdout.startswith("2 partitions since 2024-01-03, America/Chicago")


def test_since_the_last_success_begins_at_the_newest_day_that_a_success_published(
    make_project: Callable[..., TaxiProject],
) -> None:
    """After nights that were partly failures: these do not count, and their failures are in the range."""
    project = make_project(3, validate={"volume": {"min_rows": 500}}, **INLINE)
    everything = project.cli("plan", "taxi_tips", "--since", "last-success")
    assert len(table(everything.stdout)) == 3
    assert project.cli("run", "taxi_tips").code == 0
    project.add_day(3, n_rows=20)
    project.add_day(4)
    assert project.cli("run", "taxi_tips").code == 4
    assert project.cli("run", "taxi_tips", "--to", "2024-01-01", "--reprocess", "all").code == 0
    since = project.cli("plan", "taxi_tips", "--since", "last-success")
    assert table(since.stdout) == [["2024-01-03", "SKIP"], ["2024-01-04", "SCORE"], ["2024-01-05", "SKIP"]]
    done = project.cli("backfill", "taxi_tips", "--since", "last-success", "--reprocess", "all")
    assert done.code == 4
    assert len(project.published(2)) == 600


def test_a_beginning_that_makes_no_sense_is_a_usage_error(project: TaxiProject) -> None:
    for arguments in (
        ["plan", "taxi_tips", "--since", "yesterday"],
        ["plan", "taxi_tips", "--since", "2024-01-01", "--from", "2024-01-01"],
        ["run", "taxi_tips", "--since", "last-success", "--from", "2024-01-01"],
        ["plan", "taxi_tips", "--since", "2024-01-02", "--to", "2024-01-01"],
        ["backfill", "taxi_tips", "--from", "2024-01-01"],
    ):
        assert project.cli(*arguments).code == 2, arguments


def test_explain_tells_every_ingredient_below_the_line_of_its_partition(project: TaxiProject) -> None:
    assert project.cli("run", "taxi_tips", "--to", "2024-01-01").code == 0
    project.add_day(0, n_rows=601)
    shown = project.cli("plan", "taxi_tips", "--explain").stdout
    first, second = shown.split(" 2024-01-02 ")
    lines = [line.split(maxsplit=1) for line in first.splitlines()[2:]]
    assert [name for name, _ in lines] == [
        "rule", "input", "model", "suites", "config", "code", "ready", "lease",
    ]  # fmt: skip
    told = dict(lines)
    assert told["rule"].startswith("stale, and changed input is always due")
    assert "→" in told["input"]
    assert "part-0.parquet was" in told["input"]
    assert told["model"].endswith("as before")
    assert told["lease"] == "free"
    assert "rule    missing, and without catchup.max_partitions" in second


def test_explain_tells_earlier_tries_and_who_holds_a_partition(
    make_project: Callable[..., TaxiProject],
) -> None:
    from batch_scorer.core.partitions import Partition
    from batch_scorer.execution.publishing.leases import at_work
    from batch_scorer.ledger.opening import open_ledger

    project = make_project(1, validate={"volume": {"min_rows": 9999}}, **INLINE)
    assert project.cli("run", "taxi_tips").code == 4
    run_id = project.cli("--json", "runs").lines[0]["run_id"]
    ledger = open_ledger(project.state / "ledger.db")
    day = Partition(names=("ride_date",), values=(taxi.FIRST_DAY,))
    with at_work(ledger, project.state / "locks" / "x.lock", job="taxi_tips", verb="rollback") as leases:
        leases.take_or_refuse(day)
        text = project.cli("plan", "taxi_tips", "--explain").stdout
        (entry, _summary) = project.cli("plan", "taxi_tips", "--explain", "--json").lines
    ledger.close()
    assert f"run {run_id} blocked: " in text
    assert "lease   rollback by " in text
    assert entry["explain"]["tries"][0]["run_id"] == run_id
    assert entry["explain"]["tries"][0]["counts"] is True
    assert entry["explain"]["lease"].startswith("rollback by ")
    assert set(entry["explain"]["model"]) == {"then", "now", "same", "note"}
    (plain, _summary) = project.cli("plan", "taxi_tips", "--json").lines
    assert {name: value for name, value in entry.items() if name != "explain"} == plain


def test_a_poisoned_day_is_tried_given_up_and_told_once_while_new_days_go_on(
    make_project: Callable[..., TaxiProject],
) -> None:
    catchup = {"max_partitions": 1, "give_up_after": 2}
    schedule = {"timezone": "America/Chicago", "catchup": catchup}
    project = make_project(1, schedule=schedule, **INLINE)
    (project.day(0) / "part-0.parquet").write_bytes(b"PAR1 is how it begins")
    codes = []
    for index in (1, 2, 3):
        project.add_day(index)
        codes.append(project.cli("run", "taxi_tips").code)
        assert len(project.published(index)) == 600
    assert codes == [0, 0, 0]  # there is room for one missing day a night, and the newest comes first
    codes = [project.cli("run", "taxi_tips").code for _ in range(3)]
    assert codes == [1, 1, 0]
    plan = project.cli("plan", "taxi_tips").stdout
    assert dict(table(plan))["2024-01-01"] == "GAVE_UP"
    assert plan.count("2024-01-01  GAVE_UP") == plan.count("given up") == 1
    assert project.cli("status", "taxi_tips").stdout.count("2024-01-01:") == 1
    project.add_day(4)
    assert project.cli("run", "taxi_tips").code == 0
    project.add_day(0)  # mended: new input is a new chance
    assert project.cli("run", "taxi_tips").code == 0
    assert len(project.published(0)) == 600


def test_a_plan_that_was_kept_is_run_as_it_is(project: TaxiProject, kept: Path) -> None:
    told = project.cli("plan", "taxi_tips", "--limit", "1", "-o", str(kept))
    assert f"--plan {kept}" in told.stderr
    assert told.stderr.startswith("next: batch-scorer -p ")
    dry = project.cli("run", "taxi_tips", "--plan", str(kept), "--dry-run")
    assert (dry.code, dry.stdout) == (0, told.stdout)
    assert project.cli("run", "taxi_tips", "--plan", str(kept), *["--cluster", "inline"]).code == 0
    assert [directory.name for directory in project.predictions.iterdir()] == ["ride_date=2024-01-02"]


def test_a_plan_is_run_once(project: TaxiProject, kept: Path) -> None:
    assert project.cli("run", "taxi_tips", "--plan", str(kept)).code == 0
    before = project.snapshot()
    said = refused(project, kept)
    assert "2 things have moved since" in said
    assert "ride_date=2024-01-01: was SCORE (missing), is SKIP (up to date" in said
    assert f"plan taxi_tips -o {kept}" in said
    assert project.snapshot() == before


def _new_champion(project: TaxiProject, files: tuple[Path, Path]) -> None:
    artefact, training = files
    project.cli(
        "models", "register", str(artefact), "--name", "taxi_tips",
        "--reference", str(training), "--allow-pickle", "--alias", "champion",
    )  # fmt: skip


def test_a_plan_is_refused_when_the_alias_has_moved_unless_it_named_a_version(
    project: TaxiProject, kept: Path, model_files: Callable[[str], tuple[Path, Path]]
) -> None:
    named = kept.with_name("named.json")
    assert project.cli("plan", "taxi_tips", "--model", "taxi_tips@1", "-o", str(named)).code == 0
    _new_champion(project, model_files("boosted"))
    said = refused(project, kept)
    assert "model: was taxi_tips@1 (" in said
    assert "is taxi_tips@2 (" in said
    assert project.cli("run", "taxi_tips", "--plan", str(named)).code == 0
    assert set(project.published(0)["_model_version"]) == {"taxi_tips@1"}
    shown = project.cli("plan", "taxi_tips", "-v").stdout
    assert shown.count("KEEP") == 2  # as with --model: what was asked for by name is pinned


def _touch(project: TaxiProject) -> None:
    os.utime(project.day(1) / "part-0.parquet", ns=(1, 1))


def _more(project: TaxiProject) -> None:
    project.add_day(2)


def _filter(project: TaxiProject) -> None:
    taxi.write_job(project.root, taxi.job_document(input={"where": "fare > 10"}))


def _suite(project: TaxiProject) -> None:
    taxi.write_job(project.root, taxi.job_document(validate={"input": [{"suite": "rides"}]}))
    (project.root / "jobs" / "suites").mkdir(exist_ok=True)
    rule = {"type": "expect_column_to_exist", "kwargs": {"column": "fare"}, "severity": "critical"}
    suite = {
        "name": "rides",
        "expectations": [rule],
        "meta": {"great_expectations_version": "1.24.1"},
    }
    (project.root / "jobs" / "suites" / "rides.json").write_text(json.dumps(suite))


def test_a_plan_is_refused_when_anything_has_moved(project: TaxiProject, kept: Path) -> None:
    moves: list[tuple[Callable[[TaxiProject], None], str]] = [
        (_touch, "ride_date=2024-01-02: its input moved: was 2 files, "),
        (_more, "ride_date=2024-01-03: was not there, is SCORE (missing)"),
        (_filter, "config: changed ("),
        (_suite, "suites: changed ("),
    ]
    for move, says in moves:
        move(project)
        assert says in refused(project, kept)
    assert "suites: changed (" in refused(project, kept, "--dry-run")
    assert not project.predictions.exists()
    assert project.cli("runs").stdout.strip() == "no runs yet"


def test_the_plan_that_is_compared_is_the_one_that_is_run(
    project: TaxiProject, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that arrives as late as the run's own recovery is still seen."""

    def late(*arguments: Any) -> Any:
        _touch(project)
        return recover(*arguments)

    monkeypatch.setattr("batch_scorer.execution.run.recover", late)
    assert "its input moved" in refused(project, kept)


def test_many_moves_are_counted_and_the_first_ten_told(make_project: Callable[..., TaxiProject]) -> None:
    project = make_project(0)
    for day in taxi.days(12):
        taxi.write_day(project.lake, day, taxi.rides(5), n_files=1)
    path = project.root / "plan.json"
    assert project.cli("plan", "taxi_tips", "--from", "2024-01-01", "-o", str(path)).code == 0
    for day in taxi.days(12):
        (project.lake / f"ride_date={day}" / "part-0.parquet").unlink()
    said = refused(project, path)
    assert said.count("was SCORE (missing), is WAIT") == 10
    assert "and 2 more" in said
    assert f"plan taxi_tips --from 2024-01-01 -o {path}" in said


def test_what_is_no_plan_is_refused_with_a_way_out(project: TaxiProject, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    for content in (
        b"",
        b"SCORE everything",
        b"\xff\xfe\x00",
        b"[]",
        b"{}",
        b'{"format": "batch-scorer plan", "version": 99}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"format": "batch-scorer plan", "version": ' + b"9" * 10_000 + b"}",
    ):
        path.write_bytes(content)
        said = refused(project, path)
        assert "cannot be used as a plan" in said, content[:60]
        assert f"plan taxi_tips -o {path}" in said
    with path.open("wb") as file:
        file.truncate(300 << 20)
    assert "it has more than" in refused(project, path)


def test_an_edited_plan_another_jobs_plan_and_a_missing_one_are_refused(
    project: TaxiProject, kept: Path
) -> None:
    assert "No such file" in refused(project, kept.with_name("nothing.json"))
    assert "it is no plain file" in refused(project, kept.parent)
    taxi.write_job(project.root, taxi.job_document(name="other", output={"path": "data/predictions/other"}))
    foreign = project.cli("run", "other", "--plan", str(kept))
    assert foreign.code == 2
    assert f"run taxi_tips --plan {kept}" in foreign.stderr
    document = json.loads(kept.read_text())
    kept.write_text(json.dumps({**document, "entries": document["entries"][:1]}))
    assert "it was edited or damaged" in refused(project, kept)


def test_a_plan_and_options_that_say_what_to_score_exclude_each_other(
    project: TaxiProject, kept: Path
) -> None:
    for more in (["--from", "2024-01-01"], ["--limit", "1"], ["--model", "x@1"], ["--since", "last-success"]):
        assert "--plan says which partitions" in refused(project, kept, *more)


@pytest.mark.parametrize("verb", ["plan", "run", "backfill"])
def test_an_empty_model_is_refused_and_not_taken_for_the_jobs_own(project: TaxiProject, verb: str) -> None:
    result = project.cli(verb, "taxi_tips", "--since", "2024-01-01", "--model", "")
    assert result.code == 2
    assert "it is empty: write NAME@V" in result.stderr


def test_a_plan_that_cannot_be_written_leaves_the_old_one(project: TaxiProject, kept: Path) -> None:
    before = kept.read_bytes()
    inside = kept / "below.json"
    assert project.cli("plan", "taxi_tips", "-o", str(inside)).code == 1
    assert kept.read_bytes() == before
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


def test_the_commands_in_a_plan_can_be_typed_as_they_are(
    project: TaxiProject, model_files: Callable[[str], tuple[Path, Path]]
) -> None:
    assert project.cli("run", "taxi_tips").code == 0
    _new_champion(project, model_files("boosted"))
    (line, _) = [line for line in project.cli("plan", "taxi_tips").stdout.splitlines() if "OUTDATED" in line]
    command = shlex.split(line[line.index("batch-scorer ") :])
    assert command[1:3] == ["-p", str(project.root)]
    assert project.cli(*command[3:]).code == 0
    assert set(project.published(0)["_model_version"]) == {"taxi_tips@2"}


@pytest.mark.parametrize("verb", [["run"], ["backfill", "--from", "2024-01-01", "--to", "2024-01-02"]])
def test_a_dry_run_is_looked_at_as_a_plan_is(project: TaxiProject, tmp_path: Path, verb: list[str]) -> None:
    kept = tmp_path / "plan.json"
    looked = project.cli(*verb, "taxi_tips", "--dry-run", "--explain", "-o", str(kept))
    assert looked.code == 0
    assert "     lease   free" in looked.stdout.splitlines()
    assert project.cli("run", "taxi_tips", "--plan", str(kept)).code == 0
    assert project.cli(*verb, "taxi_tips", "--explain").code == 2


def test_a_value_that_is_called_as_we_are_stays_as_it_is() -> None:
    said = command(Settings(project="p"), "batch-scorer backfill j --partition 'city=batch-scorer run'")
    assert said == "batch-scorer -p p backfill j --partition 'city=batch-scorer run'"
