"""What nobody expected is told like everything else: one error, an exit code, no traceback without -v."""

from __future__ import annotations

import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import TaxiProject


def _broken(*_: object, **__: object) -> None:
    raise ZeroDivisionError("no such thing")


def test_a_bug_is_told_as_an_error_to_report_with_exit_code_1(
    project: TaxiProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batch_scorer.execution.survey.survey", _broken)
    result = project.cli("plan", "taxi_tips")
    assert result.code == 1
    assert "error: unexpected ZeroDivisionError: no such thing" in result.stderr
    assert "where: batch_scorer/cli/planning.py, line" in result.stderr
    assert "please report it" in result.stderr


def test_a_bug_ends_json_with_an_error_line(project: TaxiProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batch_scorer.execution.survey.survey", _broken)
    last = project.cli("--json", "plan", "taxi_tips").lines[-1]
    assert (last["message_type"], last["error"], last["exit_code"]) == ("error", "InternalError", 1)


def test_the_traceback_of_a_bug_is_in_the_log_file_and_with_v_on_stderr(
    project: TaxiProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from batch_scorer.cli.main import run

    monkeypatch.setattr("batch_scorer.execution.survey.survey", _broken)
    command = ["-p", str(project.root), "plan", "taxi_tips"]
    log = tmp_path / "log"
    run([*command, "--log-file", str(log)])
    assert "ZeroDivisionError: no such thing" in log.read_text()
    assert "Traceback" in log.read_text()
    capsys.readouterr()
    run([*command, "-v"])
    assert "Traceback" in capsys.readouterr().err


def test_a_bug_in_a_run_still_ends_the_run_in_the_ledger(
    project: TaxiProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("batch_scorer.execution.driver.prepare", _broken)
        result = project.cli("--json", "run", "taxi_tips")
    assert result.code == 1
    assert result.lines[-1]["error"]["error"] == "InternalError"
    (run,) = (line for line in project.cli("--json", "runs").lines if line["message_type"] == "run")
    assert (run["state"], run["exit_code"]) == ("finished", 1)
    assert "died" not in project.cli("run", "taxi_tips").stderr


def test_a_user_without_a_name_can_register_promote_and_run(
    make_project: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container: a uid that no passwd entry and no variable names."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)

    def nobody(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    project = make_project(1)
    promoted = project.cli("models", "promote", "taxi_tips@1", "--alias", "again", "--reason", "nameless")
    assert promoted.code == 0, promoted.stderr
    result = project.cli("run", "taxi_tips", "--cluster", "inline")
    assert result.code == 0, result.stderr
    assert project.cli("init", "--example", str(project.root / "example")).code == 0
