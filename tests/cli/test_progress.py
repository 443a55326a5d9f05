"""How far a run has come and what is left of it, told while it goes on."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.cli.progress import Lines, Progress
from batch_scorer.cli.settings import Settings
from batch_scorer.core.chunks import Accounting
from batch_scorer.core.lakefiles import Footer, RowGroup
from batch_scorer.core.outcomes import Published
from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import Action, PartitionPlan, Plan, Selection
from batch_scorer.core.records import RunRecord, RunState
from tests.planning.conftest import make_model

START = dt.datetime(2024, 4, 1, tzinfo=dt.UTC)


class Clock:
    """Says what it is told, in seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def day(n: int) -> Partition:
    return Partition(names=("ds",), values=(dt.date(2024, 1, 1) + dt.timedelta(days=n),))


def plan_of(*n_rows: int) -> Plan:
    entries = tuple(
        PartitionPlan(
            label=day(n).label,
            action=Action.SCORE,
            reasons=(),
            partition=day(n),
            footers=(Footer(columns=(), row_groups=(RowGroup(n_rows=rows, n_bytes=8),)),),
        )
        for n, rows in enumerate(n_rows)
    )
    return Plan(
        job="tips",
        today=dt.date(2024, 4, 1),
        timezone="UTC",
        selection=Selection(),
        model=make_model(),
        suite_fingerprint="s",
        config_fingerprint="c",
        entries=entries,
        order=tuple(day(n) for n in range(len(n_rows))),
    )


@given(st.lists(st.tuples(st.integers(1, 1000), st.floats(0, 1)), min_size=1, max_size=8))
def test_what_is_left_is_what_partitions_that_go_on_still_have(days: list[tuple[int, float]]) -> None:
    clock = Clock()
    seen = Progress(plan_of(*(rows for rows, _ in days)), clock)
    left = sum(rows for rows, _ in days)
    for n, (rows, share) in enumerate(days):
        n_read = round(rows * share)  # the rest of it failed, or was somebody else's
        clock.now += n_read / 50  # fifty rows a second
        seen.read(day(n).label, n_read)
        seen.ended(day(n).label)
        left -= rows
        assert seen.n_rows_done == seen.n_rows - left
        assert seen.n_ended == n + 1
        if seen.n_read:
            assert seen.rows_per_s == pytest.approx(50)
            assert seen.left_s == pytest.approx(left / 50)
        else:
            assert seen.left_s is None


def test_it_is_told_in_words() -> None:
    clock = Clock()
    seen = Progress(plan_of(*[600] * 1500), clock)
    assert str(seen) == "0 of 1,500 partitions, 0 rows, 0 rows/s"
    clock.now = 60.0
    seen.read(day(0).label, 600)
    seen.ended(day(0).label)
    assert str(seen) == "1 of 1,500 partitions, 600 rows, 10 rows/s, about 24 h 59 min left"


def test_off_a_terminal_with_v_there_is_a_line_per_partition_and_one_every_half_minute(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    lines = Lines(Settings(verbose=1), clock)
    lines.run_started(_run(), plan_of(100, 100, 100))
    for n in range(3):
        clock.now += 20
        lines.rows_read(day(n).label, 100)
        lines.partition_done(_published(n))
    assert capsys.readouterr().err.splitlines() == [
        "run 01ABC: 3 partitions with tips@champion = v7 (a91c…)",
        " 2024-01-01 OK       100 scored",
        " … 1 of 3 partitions, 200 rows, 5 rows/s, about 20 s left",
        " 2024-01-02 OK       100 scored",
        " 2024-01-03 OK       100 scored",
    ]


def _published(n: int) -> Published:
    rows = Accounting(n_read=100, n_scored=100)
    return Published(partition=day(n), label=day(n).label, generation=1, rows=rows)


def _run() -> RunRecord:
    return RunRecord(
        run_id="01ABC", job="tips", state=RunState.RUNNING, started_at=START, finished_at=None,
        exit_code=None, model="tips@7", model_sha256="a91c", command=(), host="h", pid=1, user="u",
        code_version="0",
    )  # fmt: skip
