"""A driver that waits for workers hashes what comes later, and nothing but the time it is done changes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from batch_scorer.core.chunks import ChunkTask
from batch_scorer.execution import prepare, queue, survey
from batch_scorer.execution.clusters.choice import InlineCluster
from batch_scorer.execution.clusters.protocol import Done
from batch_scorer.execution.clusters.task import run_chunk
from tests.conftest import TaxiProject


class _Starting(InlineCluster):
    """Has no answer at first, as if its workers were still starting."""

    n_silent = 20

    def next_done(self, timeout_s: float) -> Done | None:
        if self.n_silent:
            self.n_silent -= 1
            return None
        return super().next_done(timeout_s)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Files that were hashed from now on: ahead of their turn, and when it came."""
    found: dict[str, list[str]] = {"ahead": [], "in turn": []}

    def noting(when: str) -> Callable[..., Any]:
        def note(parts: Any, files: Any, doubtful: Any) -> Any:
            found[when] += [file.path for file in doubtful if file.content_id is None]
            return survey.hashed(parts, files, doubtful)

        return note

    monkeypatch.setattr(queue, "hashed", noting("ahead"))
    monkeypatch.setattr(prepare, "hashed", noting("in turn"))
    monkeypatch.setattr(
        "batch_scorer.execution.run.open_cluster", lambda *_given, **_named: _Starting(run_chunk)
    )
    return found


def test_while_workers_start_the_driver_hashes_what_comes_later_each_file_once(
    make_project: Callable[..., TaxiProject], hashed: dict[str, list[str]]
) -> None:
    project = make_project(6)
    assert project.cli("run", "taxi_tips").code == 0
    assert hashed["ahead"]
    assert len({*hashed["ahead"], *hashed["in turn"]}) == len(hashed["ahead"] + hashed["in turn"]) == 12
    assert project.cli("verify", "taxi_tips", "--deep").code == 0


def test_a_large_partition_is_hashed_in_its_turn(
    make_project: Callable[..., TaxiProject],
    hashed: dict[str, list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queue, "_AHEAD_BYTES", 10)
    project = make_project(6)
    assert project.cli("run", "taxi_tips").code == 0
    assert not hashed["ahead"]
    assert len(hashed["in turn"]) == 12


def test_a_file_that_changes_after_it_was_hashed_ahead_fails_its_partition_and_no_other(
    make_project: Callable[..., TaxiProject], hashed: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(6)
    changed: list[str] = []

    def run_and_change(task: ChunkTask) -> Any:
        if not changed:
            changed.append(hashed["ahead"][-1])
            os.utime(project.lake / changed[0])
        return run_chunk(task)

    monkeypatch.setattr(
        "batch_scorer.execution.run.open_cluster", lambda *_given, **_named: _Starting(run_and_change)
    )
    result = project.cli("run", "taxi_tips", "--json")
    assert result.code != 0
    assert json.loads(result.stdout.splitlines()[-1])["n_published"] == 5
    failed = next(line for line in result.stdout.splitlines() if "changed since the plan" in line)
    assert changed[0].split("/")[0].removeprefix("ride_date=") in failed


def test_a_file_that_cannot_be_hashed_ahead_is_told_when_it_is_its_turn(
    make_project: Callable[..., TaxiProject], hashed: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(6)
    gone = project.day(0) / "part-1.parquet"
    ahead: Any = vars(queue)["hashed"]

    def goes(*given: Any) -> Any:
        gone.unlink(missing_ok=True)
        return ahead(*given)

    monkeypatch.setattr(queue, "hashed", goes)
    result = project.cli("run", "taxi_tips", "--json")
    assert result.code != 0
    assert str(gone.relative_to(project.lake)) in hashed["ahead"]
    assert json.loads(result.stdout.splitlines()[-1])["n_published"] == 5
