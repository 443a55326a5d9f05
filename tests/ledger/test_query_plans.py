"""What `status` and `show` ask of a ledger reads by an index, however long its history is."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from batch_scorer.ledger.ledger import Ledger
from batch_scorer.ledger.opening import open_ledger
from tests.ledger.conftest import DAY, make_attempt, make_run, publish
from tests.statements import statements_sent

_ASKED: dict[str, Callable[[Ledger], object]] = {
    "standing": lambda ledger: ledger.standing("tips"),
    "last success": lambda ledger: ledger.last_success("tips"),
    "newest runs": lambda ledger: ledger.runs("tips", limit=1),
    "attempts of a run": lambda ledger: ledger.attempts("01JQ8ZAAAA"),
    "retries": lambda ledger: ledger.retries_of("01JQ8ZAAAA"),
    "one partition": lambda ledger: ledger.partition_records("tips", [DAY.path]),
    "its attempts": lambda ledger: ledger.attempts_on("tips", DAY.path, 10),
    "its current generation": lambda ledger: ledger.generation("tips", DAY, None),
    "its footing": lambda ledger: ledger.footing("tips", DAY),
    "its generations": lambda ledger: ledger.generations("tips", DAY),
    "the newest of them": lambda ledger: ledger.generations("tips", DAY, below=9, limit=5),
    "how many there are": lambda ledger: ledger.count_generations("tips", DAY, below=9),
    "what was visible": lambda ledger: list(ledger.published("tips", DAY)),
    "published partitions": lambda ledger: list(ledger.partitions("tips")),
    "heads of runs": lambda ledger: ledger.run_heads(["01JQ8ZAAAA", "01JQ8ZBBBB"]),
    "its states": lambda ledger: ledger.states("tips", DAY),
    "blocked partitions": lambda ledger: ledger.blocked_paths("tips"),
    "one run": lambda ledger: ledger.run("01JQ8ZAAAA"),
    "unfinished": lambda ledger: ledger.unfinished_publishes("tips"),
}
_WHOLE = re.compile(r"^SCAN (generations|generation_inputs|attempts|currents|runs)\b")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.mark.parametrize("asked", list(_ASKED))
def test_no_table_that_grows_with_the_history_is_read_whole(place: Path, asked: str) -> None:
    ledger = open_ledger(place)
    ledger.start_run(make_run())
    with statements_sent("SELECT") as queries, closing(ledger):
        _ASKED[asked](ledger)
    assert queries
    with closing(sqlite3.connect(place)) as raw:
        for text, given in queries:
            steps = [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {text}", given)]
            assert [step for step in steps if _WHOLE.match(step)] == [], text
            if " LIMIT " in text:  # else the whole history is read to be sorted
                assert [step for step in steps if step == "USE TEMP B-TREE FOR ORDER BY"] == [], text


def test_a_job_at_a_glance_names_the_newest_day_and_the_newest_try_of_each_partition(ledger: Ledger) -> None:
    empty = ledger.standing("tips")
    assert (empty.n_published, empty.newest, empty.unsettled) == (0, None, ())
    publish(ledger)
    publish(ledger, 2)
    failed = make_attempt()
    ledger.record_attempt(failed)
    ledger.record_attempt(failed)
    standing = ledger.standing("tips")
    assert (standing.n_published, standing.newest) == (1, DAY)
    records = ledger.partition_records("tips")
    assert list(standing.unsettled) == [record.attempts[0] for record in records.values() if record.attempts]
    assert ledger.partition_records("tips", [DAY.path]) == {DAY: records[DAY]}
    assert ledger.partition_records("tips", ["ds=1999-01-01"]) == {}
