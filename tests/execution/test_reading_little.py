"""Looking at a large job reads what it tells of, and tells what a look at everything would."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from batch_scorer import wiring
from batch_scorer.config.project import Project
from batch_scorer.core.lakefiles import Footer
from batch_scorer.core.plans import ModelChoice, Selection
from batch_scorer.core.records import GenerationState
from batch_scorer.execution import naming, survey
from batch_scorer.execution.auditing import quarantine
from batch_scorer.execution.doctor import places
from batch_scorer.execution.parts import JobParts
from batch_scorer.execution.publishing import quarantined
from batch_scorer.execution.retrying import rest_of
from batch_scorer.lake.reading import footers
from tests import taxi
from tests.conftest import TaxiProject
from tests.execution.dirty import FARE_RULE, add_dirty, write_suite
from tests.statements import statements_sent

pytestmark = pytest.mark.usefixtures("shared_judge")


@contextmanager
def opened(project: TaxiProject) -> Iterator[JobParts]:
    parts = wiring.open_job_for_reading(Project(root=project.root), "taxi_tips")
    try:
        yield parts
    finally:
        parts.ledger.close()


def selects(project: TaxiProject, *arguments: str) -> list[str]:
    """Those that a command sends, which ends well."""
    with statements_sent("SELECT") as sent:
        result = project.cli(*arguments)
    assert result.code == 0, result.stdout + result.stderr
    return [statement for statement, _ in sent]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Collection[str] | None]:
    """Of which partitions the ledger was asked for its records."""
    kept: list[Collection[str] | None] = []
    from batch_scorer.ledger.sql_ledger import SqlLedger

    records_of = SqlLedger.partition_records

    def counted(self: SqlLedger, job: str, paths: Collection[str] | None = None) -> Any:
        kept.append(paths)
        return records_of(self, job, paths)

    monkeypatch.setattr(SqlLedger, "partition_records", counted)
    return kept


@pytest.fixture
def mixed(make_dirty: Callable[..., TaxiProject]) -> TaxiProject:
    """Two generations with rows set aside, a clean day, a day that was blocked by what it would set aside,
    and one that failed.
    """
    project = make_dirty("60%", n_days=1)
    for index in (1, 4):
        taxi.write_day(project.lake, taxi.days(index + 1)[index], taxi.rides(50, seed=index))
    add_dirty(project, 2)
    add_dirty(project, 3, share=0.6)
    broken = next(project.day(4).glob("*.parquet"))
    os.truncate(broken, broken.stat().st_size - 10)
    assert project.cli("run", "taxi_tips").code != 0
    project.cli("backfill", "taxi_tips", "--partition", "ride_date=2024-01-01", "--reprocess", "all")
    return project


def plain_list(parts: JobParts) -> Iterator[quarantine.RowsAside]:
    """As it was: every partition is looked at."""
    records = parts.ledger.partition_records(parts.job.name)
    for partition in sorted(records, key=lambda each: each.path):
        blocked = quarantine.blocked_by_quarantine(records[partition])
        if blocked is not None:
            yield quarantine._of_attempt(partition, blocked)
        for number in reversed(quarantined.numbers(parts, partition)):
            record = parts.ledger.generation(parts.job.name, partition, number)
            if record is not None and record.state is GenerationState.PUBLISHED:
                is_current = record == records[partition].current
                yield quarantine._of_generation(parts, record, is_current=is_current)


@pytest.mark.parametrize("at_once", [1, 500])
def test_rows_set_aside_are_listed_without_a_look_at_the_other_partitions(
    mixed: TaxiProject,
    asked: list[Collection[str] | None],
    monkeypatch: pytest.MonkeyPatch,
    at_once: int,
) -> None:
    monkeypatch.setattr(naming, "_AT_ONCE", at_once)
    odd = mixed.state / "quarantine" / "taxi_tips"
    (odd / "nobody").mkdir()
    Path(os.fsdecode(os.fsencode(odd) + b"/ride_date=\xff")).mkdir()
    with opened(mixed) as parts:
        found = list(quarantine.list_aside(parts))
        paths = list(chain.from_iterable(each or ["all of them"] for each in asked))
        plain = list(plain_list(parts))
    assert [(aside.partition.label, aside.generation, aside.is_current) for aside in found] == [
        ("2024-01-01", 2, True),
        ("2024-01-01", 1, False),
        ("2024-01-03", 1, True),
        ("2024-01-04", None, False),
    ]
    assert found == plain
    assert paths == ["nobody", *(f"ride_date=2024-01-0{day}" for day in (1, 3, 4))]


def test_what_a_run_set_aside_is_asked_of_its_partitions_alone(
    mixed: TaxiProject, asked: list[Collection[str] | None]
) -> None:
    with opened(mixed) as parts:
        first = parts.ledger.runs()[-1]
        found, moved = quarantine.aside_by_run(parts, first.run_id)
    assert (sorted(found), moved) == (
        ["ride_date=2024-01-03", "ride_date=2024-01-04"],
        ["ride_date=2024-01-01"],
    )
    assert [sorted(each or ["all"]) for each in asked] == [[f"ride_date=2024-01-0{day}" for day in (1, 3, 4)]]


def test_what_a_run_left_is_asked_of_those_partitions_however_many_they_are(
    mixed: TaxiProject, asked: list[Collection[str] | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(mixed) as parts:
        first = parts.ledger.runs()[-1]
        at_once = rest_of(parts.ledger, first)
        monkeypatch.setattr(naming, "_AT_ONCE", 1)
        one_by_one = rest_of(parts.ledger, first)
    assert at_once == one_by_one
    assert sorted(at_once.partitions) == ["ride_date=2024-01-04", "ride_date=2024-01-05"]
    assert [len(each or ()) for each in asked] == [2, 1, 1]


def test_the_room_that_outputs_take_is_told_by_the_newest_few(
    make_project: Callable[..., TaxiProject],
    asked: list[Collection[str] | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At 100,000 partitions the whole history took longer than doctor's patience: a healthy disk was BAD."""
    project = make_project(4)
    assert project.cli("run", "taxi_tips").code == 0
    assert project.cli("backfill", "taxi_tips", "--partition", "ride_date=2024-01-01",
                       "--reprocess", "all").code == 0  # fmt: skip
    monkeypatch.setattr(places, "_MOST_LOOKED_AT", 2)
    with opened(project) as parts:
        ratio = places._output_per_input(parts)
        assert asked == []
        records = parts.ledger.partition_records("taxi_tips").values()
        current = [record.current for record in records if record.current]
        newest = sorted(current, key=lambda record: record.created_at, reverse=True)[:2]
        manifests = [parts.manifests.read(each.job, each.partition, each.number) for each in newest]
    assert newest[0].number == 2
    read = sum(file.stamp.size for each in manifests for file in each.inputs)
    assert ratio == sum(file.n_bytes for each in manifests for file in each.outputs) / read


def test_verify_asks_as_much_of_a_long_history_as_of_a_short_one(
    make_project: Callable[..., TaxiProject],
) -> None:
    """A run for each generation was read with all that it planned, one by one."""
    project = make_project(1)
    n_asked = []
    for _ in range(3):
        assert project.cli("run", "taxi_tips", "--reprocess", "all").code == 0
        sent = selects(project, "verify", "taxi_tips")
        assert not any("runs.planned" in text for text in sent)
        n_asked.append((len(sent), sum("generation_inputs" in text for text in sent)))
    assert n_asked == [n_asked[0]] * 3
    assert n_asked[0][1] == 1  # what the history was is read once, and whether it moved costs no files


def test_a_partition_is_shown_without_the_runs_that_tried_it(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(1)
    n_asked = []
    for _ in range(3):
        assert project.cli("run", "taxi_tips", "--reprocess", "all").code == 0
        sent = selects(project, "show", "taxi_tips/2024-01-01")
        assert not any("runs.planned" in text for text in sent)
        n_asked.append(len(sent))
    assert n_asked[1] == n_asked[2]


def test_which_columns_a_suite_watches_is_worked_out_when_it_is_bound(
    make_project: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, and not for every partition; only what blocks is worth the statistics."""
    blocking = {"suite": "rides", "on_fail": "block"}
    project = make_project(2, validate={"input": [blocking, {"suite": "others", "on_fail": "warn"}]})
    write_suite(project, FARE_RULE, name="rides")
    write_suite(project, {**FARE_RULE, "kwargs": {"column": "trip_miles", "min_value": 0}}, name="others")
    watched: list[Collection[str]] = []

    def kept(*arguments: Any, **named: Any) -> Footer:
        watched.append(named["watched"])
        return read(*arguments, **named)

    read = footers.read_footer
    monkeypatch.setattr(footers, "read_footer", kept)
    with opened(project) as parts:
        blank = tuple(replace(use, suite=replace(use.suite, document={})) for use in parts.suites)
        plan = survey.decided(parts, ModelChoice(), Selection(), datetime.now(UTC)).plan
        for entry in plan.to_score:
            assert entry.found is not None
            survey.read_footers(replace(parts, suites=blank), entry.found)
    assert len(watched) >= 2
    assert set(watched) == {frozenset({"fare"})}
