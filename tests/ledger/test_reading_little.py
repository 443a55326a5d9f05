"""What is asked of a few partitions, generations or runs costs these few, and is what all of them tell."""

from __future__ import annotations

import datetime as dt
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from batch_scorer.core.partitions import Partition
from batch_scorer.core.records import AttemptState, GenerationRecord, GenerationState, RunState
from batch_scorer.core.runs import RunHead
from batch_scorer.ledger import encoding, generation_rows, run_rows, sql_ledger
from batch_scorer.ledger.ledger import Ledger
from batch_scorer.ledger.opening import open_ledger
from tests.ledger.conftest import (
    DAY,
    NOW,
    TOKEN,
    TWIN,
    begin,
    make_attempt,
    make_generation,
    make_run,
    make_waiver,
    publish,
)
from tests.statements import statements_sent

NEVER = Partition(names=("ds",), values=(7,))


def days(n: int) -> list[Partition]:
    return [Partition(names=("ds",), values=(dt.date(2024, 1, 1) + dt.timedelta(days=i),)) for i in range(n)]


def fill(ledger: Ledger) -> None:
    """Failures before and since a publish, and without one; of three partitions at different numbers."""
    ledger.record_attempt(make_attempt(headline="before"))
    publish(ledger, 1)
    ledger.record_attempt(make_attempt(AttemptState.PUBLISHED, generation=1))
    ledger.record_attempt(make_attempt(headline="between"))
    publish(ledger, 2)
    ledger.record_attempt(make_attempt(headline="since"))
    ledger.record_attempt(make_attempt(AttemptState.BLOCKED, headline="newest"))
    publish(ledger, 1, partition=TWIN)
    of_twin = {"partition": TWIN, "partition_path": TWIN.path}
    ledger.record_attempt(make_attempt(AttemptState.BLOCKED, **of_twin))
    publish(ledger, 2, partition=TWIN)
    ledger.record_attempt(make_attempt(partition=NEVER, partition_path=NEVER.path))
    ledger.record_attempt(make_attempt(job="fares", partition=NEVER, partition_path=NEVER.path))
    ledger.record_waiver(make_waiver(), TOKEN)


@pytest.mark.parametrize("asked", [[DAY], [TWIN], [NEVER], [DAY, NEVER], [NEVER, TWIN, DAY]])
def test_named_partitions_have_the_records_that_they_have_among_all(
    ledger: Ledger, asked: list[Partition]
) -> None:
    fill(ledger)
    everything = ledger.partition_records("tips")
    named = ledger.partition_records("tips", [partition.path for partition in asked])
    assert named == {partition: everything[partition] for partition in asked}
    assert [attempt.headline for attempt in everything[DAY].attempts] == ["newest", "since"]


def test_failures_since_the_current_generation_are_found_without_the_attempts_before(tmp_path: Path) -> None:
    """100,000 nights of one partition were read for the two attempts since the last of them."""
    place = tmp_path / "ledger.db"
    with closing(open_ledger(place)) as ledger:
        ledger.start_run(make_run())
        fill(ledger)
        with statements_sent("SELECT") as sent:
            ledger.partition_records("tips", [DAY.path])
    of_attempts = [(text, given) for text, given in sent if "FROM attempts" in text]
    assert len(of_attempts) == 1
    with closing(sqlite3.connect(place)) as raw:
        steps = [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {of_attempts[0][0]}", of_attempts[0][1])]
    assert re.search(r"\(job=\? AND partition_path=\? AND after_generation=\?\)", steps[0]), steps


def test_the_current_generations_that_were_made_last_are_those_of_all_records(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made in another order than begun, two at the same moment; of several of a partition the current one."""
    hours = [5, 1, 9, 9, 3, 0]
    for partition, hour in zip(days(6), hours, strict=True):
        publish(ledger, 1, partition=partition, created_at=NOW + dt.timedelta(hours=hour))
    publish(ledger, 2, partition=days(6)[5], created_at=NOW + dt.timedelta(hours=4))
    publish(ledger, 1, job="fares", created_at=NOW + dt.timedelta(hours=20))
    begin(ledger, make_generation(2, partition=days(1)[0], created_at=NOW + dt.timedelta(hours=30)))
    records = ledger.partition_records("tips").values()
    plain = sorted(
        (record.current for record in records if record.current),
        key=lambda record: record.created_at,
        reverse=True,
    )
    read = _counted(monkeypatch)
    assert ledger.newest_currents("tips", 4) == tuple(plain[:4])
    assert len(read) == 4  # each with its input files; of the others not a row
    assert ledger.newest_currents("tips", 99) == tuple(plain)
    assert ledger.newest_currents("nobody", 4) == ()


def _counted(monkeypatch: pytest.MonkeyPatch) -> list[GenerationRecord]:
    """Generations read from now on."""
    read: list[GenerationRecord] = []
    make = encoding.generation_from_row

    def keep(*row: Any) -> GenerationRecord:
        read.append(make(*row))
        return read[-1]

    monkeypatch.setattr(generation_rows, "generation_from_row", keep)
    return read


def test_blocked_partitions_are_those_with_such_an_attempt_among_all_records(ledger: Ledger) -> None:
    assert ledger.blocked_paths("tips") == ()
    fill(ledger)
    ledger.record_attempt(make_attempt(AttemptState.BLOCKED, headline="twice"))
    records = ledger.partition_records("tips").items()
    blocked = {
        partition.path
        for partition, record in records
        if any(attempt.state is AttemptState.BLOCKED for attempt in record.attempts)
    }
    assert sorted(ledger.blocked_paths("tips")) == sorted(blocked) == [DAY.path]


def test_the_states_of_a_history_are_those_of_its_generations(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(ledger, 1)
    begin(ledger, make_generation(2))
    ledger.abandon_publish("tips", DAY, 2)
    begin(ledger, make_generation(3))
    publish(ledger, 1, partition=TWIN)
    plain = ledger.generations("tips", DAY)
    read = _counted(monkeypatch)
    assert ledger.states("tips", DAY) == tuple((record.number, record.state) for record in plain[::-1])
    assert [state for _, state in ledger.states("tips", DAY)] == [
        GenerationState.PUBLISHED,
        GenerationState.ABANDONED,
        GenerationState.PUBLISHING,
    ]
    assert ledger.states("tips", NEVER) == ()
    assert read == []


def test_the_heads_of_many_runs_come_some_at_a_time_and_without_what_they_planned(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_rows, "_AT_ONCE", 2)
    first = make_run("01JQ8ZAAAA")
    others = [
        replace(make_run(f"01JQ8ZBBB{n}"), parent_run_id=first.run_id, planned={DAY.path: 0}, job=f"job {n}")
        for n in range(4)
    ]
    for run in others:
        ledger.start_run(run)
    runs = [first, *others]
    with statements_sent("SELECT") as sent:
        heads = ledger.run_heads([*(run.run_id for run in runs), "01JQ8Z", "gone"])
    assert heads == {
        run.run_id: RunHead(job=run.job, model_sha256=run.model_sha256, parent_run_id=run.parent_run_id)
        for run in runs
    }
    assert len(sent) == 4
    assert not any("planned" in text or "config" in text for text, _ in sent)
    assert ledger.run_heads([]) == {}


def fill_with_runs(ledger: Ledger) -> None:
    """Of two jobs, most of them good; each fifth failed, each seventh died, and the last is at work."""
    for n in range(40):
        job = "fares" if n % 3 == 0 else "tips"
        ledger.start_run(make_run(f"01JQ8ZC{n:03}", job=job))
        if n % 7 == 0:
            ledger.mark_died(f"01JQ8ZC{n:03}")
        elif n != 39:
            finish(ledger, f"01JQ8ZC{n:03}", exit_code=4 if n % 5 == 0 else 0)


def finish(ledger: Ledger, run_id: str, *, exit_code: int) -> None:
    ledger.finish_run(make_run(run_id, exit_code=exit_code, finished_at=NOW, n_published=1))


@pytest.mark.parametrize("job", [None, "tips", "nobody"])
@pytest.mark.parametrize("limit", [1, 4, 5, 1_000])
def test_unsuccessful_runs_are_those_of_all_that_did_not_end_well(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, job: str | None, limit: int
) -> None:
    """Read in pages, whose ends may be the end of what was asked for."""
    fill_with_runs(ledger)
    plain = [
        run
        for run in ledger.runs(job, limit=1_000)
        if run.state is RunState.DIED or run.exit_code not in (None, 0)
    ]
    monkeypatch.setattr(sql_ledger, "_AT_ONCE", 4)
    assert ledger.runs(job, limit=limit, unsuccessful=True) == tuple(plain[:limit])
    assert ledger.runs(job, limit=limit) == tuple(ledger.runs(job, limit=1_000)[:limit])


def test_runs_are_read_when_they_are_asked_for(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_with_runs(ledger)
    monkeypatch.setattr(sql_ledger, "_AT_ONCE", 4)
    with statements_sent("SELECT") as sent:
        runs = ledger.each_run(None, 30)
        assert sent == []
        next(runs)
        assert len(sent) == 1
        list(runs)
    assert len(sent) == 8  # seven pages of four, and the rest of two


@pytest.mark.parametrize("job", [None, "tips"])
def test_runs_that_did_not_end_well_are_found_without_those_that_did(tmp_path: Path, job: str | None) -> None:
    """By an index that holds these alone; 100,000 runs were read for none of them."""
    place = tmp_path / "ledger.db"
    with closing(open_ledger(place)) as ledger:
        ledger.start_run(make_run())
        with statements_sent("SELECT") as sent:
            ledger.runs(job, unsuccessful=True)
    with closing(sqlite3.connect(place)) as raw:
        steps = [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {sent[0][0]}", sent[0][1])]
    assert steps == ["SCAN runs USING INDEX runs_unsuccessful"]


def test_a_ledger_of_version_6_learns_which_runs_did_not_end_well(tmp_path: Path) -> None:
    """With the very indexes that a new one has."""
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    for place in (old, new):
        open_ledger(place).close()
    with closing(sqlite3.connect(old)) as raw:
        raw.execute("DROP INDEX runs_unsuccessful")
        raw.execute("UPDATE ledger_info SET schema_version = 6")
        raw.commit()
    open_ledger(old).close()
    assert _indexes_of_runs(old) == _indexes_of_runs(new)
    assert any("WHERE exit_code <> 0 OR state = 'died'" in text for text in _indexes_of_runs(new))


def _indexes_of_runs(place: Path) -> set[str]:
    with closing(sqlite3.connect(place)) as raw:
        found = raw.execute("SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'runs'")
        return {" ".join(row[0].split()) for row in found if row[0]}
