"""A plan over what is up to date asks the ledger for input files only where stamps moved."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from batch_scorer import wiring
from batch_scorer.config.project import Project
from batch_scorer.core.lakefiles import Inventory
from batch_scorer.core.plans import Action, Cause, ModelChoice, Selection
from batch_scorer.core.records import past_of
from batch_scorer.execution import naming, survey
from batch_scorer.execution.parts import JobParts
from batch_scorer.planning.plan import build_plan
from tests.conftest import TaxiProject
from tests.statements import statements_sent

_NOW = dt.datetime(2024, 2, 1, 12, tzinfo=dt.UTC)
_FILE = "part-0.parquet"


@contextmanager
def _opened(project: TaxiProject) -> Iterator[JobParts]:
    parts = wiring.open_job(Project(root=project.root), "taxi_tips")
    try:
        yield parts
    finally:
        parts.ledger.close()


def _seen(project: TaxiProject) -> tuple[survey.Survey, list[str]]:
    """The plan, and which statements asked for input files."""
    with _opened(project) as parts, statements_sent() as sent:
        seen = survey.survey(parts, ModelChoice(), Selection(), _NOW)
    return seen, [text for text, _ in sent if "generation_inputs" in text]


@pytest.fixture
def scored(make_project: Callable[..., TaxiProject]) -> TaxiProject:
    project = make_project(3)
    assert project.cli("run", "taxi_tips").code == 0
    return project


def test_a_quiet_night_asks_for_no_input_file(scored: TaxiProject) -> None:
    seen, asked = _seen(scored)
    assert {entry.action for entry in seen.plan.entries} == {Action.SKIP}
    assert asked == []


def test_only_partitions_whose_stamps_moved_are_compared_file_by_file(
    scored: TaxiProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same size, same mtime, only another ctime: seen and hashed, and then the content decides."""
    asked_for: list[Collection[str] | None] = []
    touched, rewritten = scored.day(0) / _FILE, scored.day(1) / _FILE
    os.utime(touched, ns=(touched.stat().st_atime_ns, touched.stat().st_mtime_ns))  # only its ctime moves
    before, content = rewritten.stat(), bytearray(rewritten.read_bytes())
    content[len(content) // 2] ^= 1
    rewritten.write_bytes(content)
    os.utime(rewritten, ns=(before.st_atime_ns, before.st_mtime_ns))
    with _opened(scored) as parts:
        records_of = parts.ledger.partition_records

        def counted(job: str, paths: Collection[str] | None = None) -> Any:
            asked_for.append(paths)
            return records_of(job, paths)

        monkeypatch.setattr(parts.ledger, "partition_records", counted)
        seen = survey.decided(parts, ModelChoice(), Selection(), _NOW)
    assert asked_for == [("ride_date=2024-01-01", "ride_date=2024-01-02")]
    assert [entry.action for entry in seen.plan.entries] == [Action.SKIP, Action.SCORE, Action.SKIP]
    assert seen.plan.entries[1].reasons[0].cause is Cause.INPUT_CHANGED
    assert [partition.path for partition, _ in seen.plan.refreshed] == ["ride_date=2024-01-01"]


def test_the_plan_is_the_one_that_full_records_give(
    scored: TaxiProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Moved stamps in queries of one partition each, and every other partition without its files."""
    monkeypatch.setattr(naming, "_AT_ONCE", 1)
    for index in (0, 2):
        path = scored.day(index) / _FILE
        path.write_bytes(path.read_bytes())
    with _opened(scored) as parts:
        light = survey.decided(parts, ModelChoice(), Selection(), _NOW)
        records = parts.ledger.partition_records("taxi_tips")
        found = [entry.found for entry in light.plan.entries if entry.found]
        full = build_plan(
            parts.job,
            inventory=Inventory(partitions=tuple(found)),
            model=light.plan.model,
            suite_fingerprint=light.plan.suite_fingerprint,
            config_fingerprint=light.plan.config_fingerprint,
            records={partition: past_of(record) for partition, record in records.items()},
            selection=Selection(),
            now=_NOW,
        )
    assert len(full.refreshed) == 2
    assert replace(light.plan, choice=full.choice) == full
