"""`models promote` and `rollback`: gates before, consequences after; what is refused writes nothing."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from ulid import ULID

from batch_scorer import wiring
from batch_scorer.core.leases import Holder
from batch_scorer.core.plans import JOBS_OWN, ModelChoice
from batch_scorer.core.processes import this_process
from batch_scorer.core.records import RunState
from batch_scorer.ledger.ledger import Ledger
from batch_scorer.ledger.opening import open_ledger, open_ledger_for_reading
from batch_scorer.models.scoring.calling import predict
from tests import taxi
from tests.conftest import TaxiProject

PROMOTE = ("models", "promote", "taxi_tips@2", "--alias", "champion", "--reason", "better")
ROLL_BACK = ("models", "rollback", "taxi_tips", "--reason", "worse after all")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the project of this module's tests is kept, once one of them has made it."""
    return tmp_path_factory.mktemp("template") / "project"


@pytest.fixture
def two(
    template: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    make_project: Callable[..., TaxiProject],
    model_files: Callable[[str], tuple[Path, Path]],
) -> TaxiProject:
    """Three published days, and a second version that nothing means yet."""
    if template.exists():
        shutil.copytree(template, tmp_path / "project")
        return TaxiProject(tmp_path / "project", capsys)
    project = make_project(3, schedule={"timezone": "America/Chicago", "lookback": "3d"})
    assert project.cli("run", "taxi_tips").code == 0
    _register(project, *model_files("boosted"))
    shutil.copytree(project.root, template)
    return project


def _register(project: TaxiProject, artefact: Path, training: Path) -> None:
    of = ("--name", "taxi_tips", "--reference", str(training), "--allow-pickle")
    done = project.cli("models", "register", str(artefact), *of)
    assert done.code == 0, done.stderr


def _history(project: TaxiProject) -> bytes:
    return (project.root / "data/models/taxi_tips/history.jsonl").read_bytes()


def _refused(project: TaxiProject, *command: str, code: int = 5) -> str:
    """What it said; it wrote nothing."""
    before = _history(project)
    done = project.cli(*(command or PROMOTE))
    assert done.code == code, done.stdout + done.stderr
    assert _history(project) == before
    return done.stderr


def _at_work(
    project: TaxiProject, model: str | None, *, choice: ModelChoice = JOBS_OWN, **changes: Any
) -> str:
    """A run of ours that lives, and has said with which model it works, or has not yet; its id."""
    ledger = open_ledger(project.state / "ledger.db")
    with closing(ledger):
        (last, *_) = ledger.runs("taxi_tips")
        now, run_id = dt.datetime.now(dt.UTC), str(ULID())
        holder = Holder(
            token=run_id, job="taxi_tips", verb="run", process=this_process(), user="ana", since=now,
            heartbeat_at=now, run_id=run_id,
        )  # fmt: skip
        ledger.enter(replace(holder, **changes))
        if model is not None:
            begun = replace(last, run_id=run_id, state=RunState.RUNNING, model=model, choice=choice)
            ledger.start_run(begun)
    return run_id


def test_a_promotion_during_a_run_says_that_the_run_goes_on_with_the_model_it_began_with(
    two: TaxiProject,
) -> None:
    """What it publishes after the move is outdated, and no count of what is published has it."""
    run_id = _at_work(two, "taxi_tips@1")
    planning = _at_work(two, None)
    dead = replace(this_process(), started="1")
    others = [
        _at_work(two, "taxi_tips@2"),
        _at_work(two, "taxi_tips@1", process=dead),
        _at_work(two, "taxi_tips@1", verb="rollback"),
        _at_work(two, "taxi_tips@1", choice=ModelChoice(version="taxi_tips@1")),
    ]
    retried = _at_work(two, "taxi_tips@1", choice=ModelChoice(version="taxi_tips@1", stays=False))
    sure = "goes on with taxi_tips@1, and what it publishes {} outdated too; then: "
    unsure = "may go on with what it meant before, and then what it publishes {} outdated too; then: "
    for options, outdated in (["--dry-run"], "would be"), ([], "is"):
        promoted = two.cli(*PROMOTE, *options)
        assert promoted.code == 0
        of_runs = [line for line in promoted.stderr.splitlines() if " by ana" in line]
        for line, (run, then) in zip(
            sorted(of_runs, key=lambda line: line.partition("run ")[2]),
            [(run_id, sure), (planning, unsure), (retried, sure)],
            strict=True,
        ):
            assert f"run {run} by ana" in line
            assert then.format(outdated) in line
            assert "plan taxi_tips" in line
        assert not [other for other in others if other in promoted.stderr]


def test_a_promotion_opens_the_ledger_of_a_job_once_and_leaves_no_connection_to_it(
    two: TaxiProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def opened(database: str | Path) -> Ledger:
        ledger = open_ledger_for_reading(database)
        close = ledger.close

        def closed() -> None:
            done.append("closed")
            close()

        monkeypatch.setattr(ledger, "close", closed)
        done.append("opened")
        return ledger

    monkeypatch.setattr(wiring, "open_ledger_for_reading", opened)
    assert two.cli(*PROMOTE).code == 0
    assert done == ["opened", "closed"]


def test_a_promotion_names_what_it_made_outdated_and_the_command_that_does_it_all(two: TaxiProject) -> None:
    moved = two.cli(*PROMOTE)
    assert moved.code == 0, moved.stderr
    assert "taxi_tips@champion is now version 2; before, it meant version 1" in moved.stdout
    assert (
        "taxi_tips: 3 published partitions outdated, scored with taxi_tips@1: 2024-01-01 to 2024-01-03"
        in (moved.stdout)
    )
    assert "0 due at the next run; 3 not without being asked for" in moved.stdout
    backfill = "backfill taxi_tips --from 2024-01-01 --to 2024-01-03 --reprocess stale"
    assert f"next: batch-scorer -p {two.root} {backfill}" in moved.stdout

    assert two.cli(*backfill.split()).code == 0
    assert {v for n in range(3) for v in two.published(n)["_model_version"]} == {"taxi_tips@2"}
    back = two.cli(*ROLL_BACK)
    assert back.code == 0, back.stderr
    assert "taxi_tips: 3 published partitions outdated, scored with taxi_tips@2" in back.stdout


def test_only_to_look_shows_gates_and_consequences_and_changes_nothing(two: TaxiProject) -> None:
    before = _history(two)
    looked = two.cli(*PROMOTE, "--dry-run")
    assert looked.code == 0
    for gate in ("ok  files: ", "ok  loads: ", "ok  golden rows: ", "ok  taxi_tips, outputs: "):
        assert gate in looked.stdout
    assert "ok  taxi_tips, columns of 2024-01-03: all 12 of the signature" in looked.stdout
    assert "would be version 2" in looked.stdout
    assert "3 published partitions outdated" in looked.stdout
    assert _history(two) == before
    told = two.cli("--json", *PROMOTE, "--dry-run").lines
    assert (told[-1]["was"], told[-1]["version"], told[-1]["moved"], told[-1]["dry_run"]) == (
        1,
        2,
        False,
        True,
    )


def test_a_registration_leads_an_alias_past_no_gate(two: TaxiProject) -> None:
    frame = taxi.rides(500, seed=5)
    joblib.dump(LinearRegression().fit(frame[["fare"]], frame.tips), two.root / "third.joblib")
    frame.to_parquet(two.root / "third.parquet")
    register = ("models", "register", str(two.root / "third.joblib"), "--allow-pickle", "--name", "taxi_tips")
    done = two.cli(*register, "--reference", str(two.root / "third.parquet"), "--alias", "champion")
    assert done.code == 5
    assert "taxi_tips@3 is registered, but champion does not mean it: " in done.stderr
    assert "taxi_tips, outputs: the model has no predict_proba" in done.stderr
    assert two.cli("models", "show", "taxi_tips@champion").stdout.startswith("taxi_tips@1")
    assert two.cli("models", "show", "taxi_tips").stdout.startswith("taxi_tips@3")


def test_a_version_that_an_alias_means_already_is_left_alone(two: TaxiProject) -> None:
    before = _history(two)
    again = two.cli("models", "promote", "taxi_tips@1", "--alias", "champion", "--reason", "again")
    assert (again.code, "already: nothing was written" in again.stdout) == (0, True)
    assert _history(two) == before


@pytest.mark.parametrize("reason", ["", "  \t "])
@pytest.mark.parametrize("command", [PROMOTE, ROLL_BACK])
def test_a_reason_is_not_blank(two: TaxiProject, command: tuple[str, ...], reason: str) -> None:
    assert "say why" in _refused(two, *command[:-1], reason, code=2)
    assert "--reason" in _refused(two, *command[:-2], code=2)


def test_all_gates_are_asked_and_all_that_fail_are_told(two: TaxiProject) -> None:
    """A regressor on a column that went away, of another type: nothing about it fits."""
    frame = taxi.rides(500, seed=5).assign(tip_rate=0.1, company=1.5)
    model = LinearRegression().fit(frame[["fare", "tip_rate", "company"]], frame.tips)
    joblib.dump(model, two.root / "third.joblib")
    frame.to_parquet(two.root / "third.parquet")
    _register(two, two.root / "third.joblib", two.root / "third.parquet")
    command = ("models", "promote", "taxi_tips@3", "--alias", "champion", "--reason", "new")
    told = _refused(two, *command)
    assert "taxi_tips@3 failed 4 of 7 gates; taxi_tips@champion still means version 1" in told
    assert "taxi_tips, outputs: the model has no predict_proba" in told
    for day in ("2024-01-01", "2024-01-02", "2024-01-03"):
        [line] = [line for line in told.splitlines() if f"taxi_tips, columns of {day}: " in line]
        assert 'column "tip_rate"' in line
        assert 'column "company" is string' in line
    gates = [line for line in two.cli("--json", *command).lines if line["message_type"] == "gate"]
    assert [gate["gate"] for gate in gates if gate["state"] == "failed"] == [
        "outputs", "columns of 2024-01-03", "columns of 2024-01-02", "columns of 2024-01-01",
    ]  # fmt: skip


@pytest.mark.parametrize("file", ["model.joblib", "golden_output.parquet"])
def test_bytes_that_nobody_registered_are_no_champion(two: TaxiProject, file: str) -> None:
    path = two.root / "data/models/taxi_tips/2" / file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert f"files: {file} of taxi_tips@2 is not the file that was registered" in _refused(two)
    path.unlink()
    assert f"files: {file} of taxi_tips@2 is gone" in _refused(two)


def test_golden_rows_that_do_not_repeat_here_keep_the_alias_where_it_is(
    two: TaxiProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with another scikit-learn: the bytes are the same, the answers are not."""

    def other_answers(*arguments: Any) -> Any:
        result = predict(*arguments)
        return result * 1.5 if result.dtype.kind == "f" else result

    monkeypatch.setattr("batch_scorer.models.scoring.golden.predict", other_answers)
    monkeypatch.setattr("batch_scorer.models.scoring.loader._cache", {})
    told = _refused(two)
    assert "failed 1 of 7 gates" in told
    assert "golden rows: taxi_tips@2 does not repeat its golden rows" in told


def test_a_job_that_asks_for_a_signature_keeps_an_unsigned_version_from_its_alias(two: TaxiProject) -> None:
    taxi.write_job(two.root, taxi.job_document(model={"trust": "signed"}))
    assert "taxi_tips, signature: only signed models may be used, and no key is trusted" in _refused(two)
    key = two.root / "key"
    assert two.cli("models", "keygen", "--out", str(key), "--comment", "ada").code == 0
    (two.root / "jobs/keys").mkdir()
    shutil.copy(two.root / "key.pub", two.root / "jobs/keys/ada.pub")
    assert "taxi_tips, signature: taxi_tips@2 is not signed" in _refused(two)
    assert two.cli("models", "sign", "taxi_tips@2", "--key", str(key)).code == 0
    looked = two.cli(*PROMOTE, "-v")
    assert looked.code == 0, looked.stderr
    assert "ok  taxi_tips, signature: signed by SHA256:" in looked.stdout
    assert "taxi_tips, signature: taxi_tips@1 is not signed" in _refused(two, *ROLL_BACK)
    told = two.cli("models", "history", "taxi_tips").stdout
    assert "v2 signed with SHA256:" in told


def test_a_rollback_goes_through_the_same_gates(two: TaxiProject) -> None:
    assert two.cli(*PROMOTE).code == 0
    (two.root / "data/models/taxi_tips/1/model.joblib").unlink()
    assert "taxi_tips@champion still means version 2" in _refused(two, *ROLL_BACK)


def test_a_rollback_of_what_meant_nothing_before_says_what_it_meant(two: TaxiProject) -> None:
    told = _refused(two, *ROLL_BACK, code=2)
    assert "taxi_tips@champion means version 1, and it meant nothing before that" in told
    assert 'has no alias "shadow"' in _refused(two, *ROLL_BACK, "--alias", "shadow", code=2)


def test_a_rollback_to_an_earlier_version_goes_back_further(two: TaxiProject) -> None:
    for version in ("2", "1", "2"):
        done = two.cli("models", "promote", f"taxi_tips@{version}", "--alias", "shadow", "--reason", "try")
        assert done.code == 0
    assert two.cli(*ROLL_BACK, "--alias", "shadow", "--to", "1").code == 0
    assert two.cli(*ROLL_BACK, "--alias", "shadow").code == 0
    assert two.cli("models", "show", "taxi_tips@shadow").stdout.startswith("taxi_tips@2")


def test_jobs_that_use_another_alias_or_version_have_no_say(two: TaxiProject) -> None:
    for name, uri in (("by_version", "taxi_tips@1"), ("by_alias", "taxi_tips@shadow")):
        other = taxi.job_document(
            model={"uri": uri, "method": "decision_function", "output": {"d": "float64 = decision"}}
        )
        taxi.write_job(two.root, {**other, "name": name})
    moved = two.cli(*PROMOTE)
    assert moved.code == 0, moved.stderr
    assert "by_" not in moved.stdout + moved.stderr


def test_an_alias_of_that_name_in_mlflow_is_another_alias(two: TaxiProject) -> None:
    taxi.write_job(two.root, {**taxi.job_document(registry="mlflow:http://127.0.0.1:1"), "name": "elsewhere"})
    moved = two.cli(*PROMOTE)
    assert moved.code == 0, moved.stderr
    assert "elsewhere" not in moved.stdout + moved.stderr


def test_every_job_that_uses_the_alias_is_asked_and_told(two: TaxiProject) -> None:
    other = taxi.job_document(output={"path": "data/predictions/other", "state": "data/other"})
    taxi.write_job(two.root, {**other, "name": "other"})
    assert two.cli("run", "other", "--partition", "ride_date=2024-01-02").code == 0
    told = two.cli("--json", *PROMOTE).lines
    consequences = {line["job"]: line for line in told if line["message_type"] == "consequence"}
    assert {job: line["n_outdated"] for job, line in consequences.items()} == {"other": 1, "taxi_tips": 3}
    assert consequences["other"]["command"].endswith(
        "backfill other --from 2024-01-02 --to 2024-01-02 --reprocess stale"
    )


def test_a_target_decides_which_jobs_use_an_alias(two: TaxiProject) -> None:
    document = taxi.job_document(targets={"dev": {"model": {"uri": "taxi_tips@shadow"}}})
    taxi.write_job(two.root, document)
    at_dev = two.cli(*PROMOTE, "-t", "dev")
    assert at_dev.code == 0
    assert "outdated" not in at_dev.stdout


def test_a_broken_job_file_is_a_warning(two: TaxiProject) -> None:
    (two.root / "jobs" / "broken.yml").write_text("version: 1\nname: broken\n")
    moved = two.cli(*PROMOTE)
    assert moved.code == 0
    assert "warning: jobs/broken.yml was left out" in moved.stderr


def test_a_lake_that_is_away_keeps_nobody_from_going_back(two: TaxiProject) -> None:
    assert two.cli(*PROMOTE).code == 0
    shutil.rmtree(two.lake)
    back = two.cli(*ROLL_BACK)
    assert back.code == 0, back.stderr
    assert "warning: not asked: taxi_tips, columns: " in back.stderr
    assert "what became outdated of taxi_tips is not known" in back.stderr
    assert two.cli("models", "show", "taxi_tips@champion").stdout.startswith("taxi_tips@1")


def test_a_ledger_that_is_away_is_a_warning_after_the_move(two: TaxiProject) -> None:
    url = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"
    taxi.write_job(two.root, taxi.job_document(output={"state_db": url}))
    moved = two.cli(*PROMOTE)
    assert moved.code == 0
    assert "what became outdated of taxi_tips is not known" in moved.stderr
    assert two.cli("models", "show", "taxi_tips@champion").stdout.startswith("taxi_tips@2")


def test_pinned_partitions_are_counted_apart_and_no_command_touches_them(two: TaxiProject) -> None:
    day = "ride_date=2024-01-02"
    pinned = two.cli("run", "taxi_tips", "--partition", day, "--model", "taxi_tips@1", "--reprocess", "all")
    assert pinned.code == 0
    told = two.cli(*PROMOTE).stdout
    assert "2 published partitions outdated, scored with taxi_tips@1" in told
    assert "1 pinned partition of another version stay" in told


def test_what_is_due_at_the_next_run_is_told_apart(
    make_project: Callable[..., TaxiProject], model_files: Callable[[str], tuple[Path, Path]]
) -> None:
    project = make_project(0, schedule={"timezone": "UTC", "lookback": "3d", "cron": "30 4 * * *"})
    today = pd.Timestamp.now(tz="UTC").date()
    for back in (1, 2, 8):
        day = today - pd.Timedelta(days=back)
        taxi.write_day(project.lake, day, taxi.rides(200, seed=back, first_id=back * 1_000))
    assert project.cli("run", "taxi_tips").code == 0
    _register(project, *model_files("boosted"))
    told = project.cli("--json", *PROMOTE).lines
    [found] = [line for line in told if line["message_type"] == "consequence"]
    assert (found["n_outdated"], found["n_due"]) == (3, 2)
    assert "T04:30:00" in found["due_at"]


@pytest.mark.parametrize("verb", ["promote", "sign"])
def test_the_newest_version_is_not_decided_on_by_the_model_s_name_alone(two: TaxiProject, verb: str) -> None:
    options = ("--alias", "champion", "--reason", "r") if verb == "promote" else ("--key", "KEY")
    told = _refused(two, "models", verb, "taxi_tips", *options, code=2)
    assert "names a model, but no version or alias of it" in told
    assert "taxi_tips@2" in told


def test_what_became_outdated_is_told_without_opening_a_file_of_what_is_due(
    two: TaxiProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.add_day(3)
    opened: list[object] = []
    monkeypatch.setattr("batch_scorer.execution.survey._footers", lambda *asked: opened.extend(asked))
    moved = two.cli(*PROMOTE)
    assert moved.code == 0, moved.stderr
    assert "3 published partitions outdated" in moved.stdout
    assert not opened


def test_the_first_meaning_of_an_alias_must_suit_the_jobs_that_wait_for_it(
    two: TaxiProject, model_files: Callable[[str], tuple[Path, Path]]
) -> None:
    taxi.write_job(
        two.root,
        taxi.job_document(model={"uri": "taxi_tips@waiting", "output": {"score": "float64 = proba[7]"}}),
    )
    artefact, training = model_files("boosted")
    of = ("--name", "taxi_tips", "--reference", str(training), "--allow-pickle", "--alias", "waiting")
    done = two.cli("models", "register", str(artefact), *of)
    assert done.code == 5, done.stderr
    assert "taxi_tips@3 is registered, but waiting does not mean it" in done.stderr
    assert "waiting" not in two.cli("models", "list").stdout
