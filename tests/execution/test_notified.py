"""A job's runs, told to real servers: what arrives, what is repeated, and that no secret is left anywhere."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from batch_scorer.core import faults
from tests.conftest import TaxiProject
from tests.ops.notifying.conftest import Web, no_proxy, serve

__all__ = ["no_proxy", "serve"]  # fixtures

TOKEN = "T0P-s3cret-t0ken"
TROUBLE = ["failed", "blocked", "recovered"]
HOOK = {"webhook": {"secret": "env:HOOK"}}
PING = {"healthcheck": {"secret": "env:PING"}}


@pytest.fixture
def make_told(
    make_project: Callable[..., TaxiProject], serve: Callable[..., Web], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[TaxiProject, Web]]:
    """`make_told(entries, n_days=1, **changes)`: a project whose `notify` leads to a server here."""

    def make(*entries: Any, n_days: int = 1, **changes: Any) -> tuple[TaxiProject, Web]:
        web = serve()
        monkeypatch.setenv("HOOK", f"{web.url}/hook/{TOKEN}")
        monkeypatch.setenv("PING", f"{web.url}/ping/{TOKEN}")
        return make_project(n_days, notify=list(entries), **changes), web

    return make


def _messages(web: Web) -> list[dict[str, Any]]:
    return [json.loads(body) for path, _, body in web.got if path.startswith("/hook")]


def _pings(web: Web) -> list[str]:
    paths = (path.partition("?")[0] for path, _, _ in web.got)
    return [path.removeprefix(f"/ping/{TOKEN}") for path in paths if path.startswith("/ping")]


def _no_secret_below(root: Path) -> None:
    for path in root.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes(), path


def test_a_blocked_night_is_told_once_and_its_end_once(
    make_told: Callable[..., tuple[TaxiProject, Web]], tmp_path: Path
) -> None:
    project, web = make_told(
        {"on": TROUBLE, "to": HOOK},
        {"on": ["start", "success", "failed"], "to": PING},
        validate={"volume": {"min_rows": 1000}},
    )
    log = tmp_path / "log"
    nights = [project.shell("-vv", "--log-file", str(log), "run", "taxi_tips") for _ in range(2)]
    assert [night.code for night in nights] == [4, 4], nights[0].stderr
    assert TOKEN not in nights[0].stderr
    (blocked,) = _messages(web)
    assert (blocked["event"], blocked["exit_code"], blocked["n_blocked"]) == ("blocked", 4, 1)
    assert [problem["partition"] for problem in blocked["problems"]] == ["ride_date=2024-01-01"]
    assert blocked["next"] == f"batch-scorer -p {project.root} show {blocked['run_id']} --validation"
    assert project.cli("show", blocked["run_id"], "--validation").code == 0

    project.add_day(0, n_rows=1_100)
    assert [project.cli("run", "taxi_tips").code for _ in range(2)] == [0, 0]
    assert [message["event"] for message in _messages(web)] == ["blocked", "recovered"]
    assert _messages(web)[1]["since"] == blocked["at"]
    assert _pings(web) == ["/start", "/4", "/start", "/4", "/start", "", "/start", ""]
    _no_secret_below(tmp_path)


def test_a_night_that_never_began_is_told(make_told: Callable[..., tuple[TaxiProject, Web]]) -> None:
    project, web = make_told({"on": TROUBLE, "to": HOOK}, {"on": ["failed"], "to": PING})
    job = project.root / "jobs" / "taxi_tips.yml"
    good = job.read_text()
    job.write_text(good.replace("predict_proba", "predict_prob"))
    assert project.cli("run", "taxi_tips").code == 78
    (told,) = _messages(web)
    assert (told["event"], told["exit_code"], told["run_id"]) == ("failed", 78, None)
    assert "validate-config" in told["next"]
    assert _pings(web) == ["/78"]
    job.write_text(good)
    assert project.cli("run", "taxi_tips").code == 0
    assert [message["event"] for message in _messages(web)] == ["failed", "recovered"]


def test_looking_tells_nobody(make_told: Callable[..., tuple[TaxiProject, Web]]) -> None:
    project, web = make_told({"on": ["start", "success", "failed"], "to": PING})
    project.cli("run", "taxi_tips", "--dry-run")
    project.cli("plan", "taxi_tips")
    project.cli("status", "taxi_tips")
    assert web.got == []


def test_a_stop_by_signal_is_told_with_its_exit_code(
    make_told: Callable[..., tuple[TaxiProject, Web]], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, web = make_told({"on": ["failed"], "to": HOOK}, {"on": ["failed"], "to": PING})
    from batch_scorer.execution import run

    def at(point: faults.FaultPoint) -> None:
        if point is faults.FaultPoint.RUN_STARTED:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(run, "fault_point", at)
    assert project.cli("run", "taxi_tips").code == 143
    (told,) = _messages(web)
    assert (told["exit_code"], told["problems"][0]["kind"]) == (143, "Terminated")
    assert _pings(web) == ["/143"]


def test_who_cannot_be_reached_is_a_warning_of_a_good_night(
    make_told: Callable[..., tuple[TaxiProject, Web]], closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, _ = make_told({"on": ["success"], "to": HOOK}, {"on": ["start", "success"], "to": PING})
    monkeypatch.setenv("HOOK", f"http://127.0.0.1:{closed_port}/{TOKEN}")
    monkeypatch.delenv("PING")
    result = project.cli("run", "taxi_tips")
    assert result.code == 0
    assert sorted(result.stderr.splitlines()) == [
        "warning: healthcheck PING: the environment variable PING is not set",
        "warning: webhook HOOK: the connection failed: refused, reset, or no such host",
    ]
    assert TOKEN not in result.stderr
    checked = project.cli("doctor", "taxi_tips").stdout
    assert "BAD secrets: not set in this environment: PING" in checked
