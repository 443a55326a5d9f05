"""A backfill beside the nightly run or another backfill, killed, told to stop: each partition once."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from itertools import accumulate

import pytest

from tests import taxi
from tests.faults.conftest import TALLY
from tests.faults.lake import Lake
from tests.patience import wait_until_stopped

_DAYS = [str(day) for day in taxi.days(8)]
_CHUNKS_A_DAY = 4
_STEPS = {"lease-taken": 1, "attempt-recorded": -1}


def _backfill(first: int, last: int, *more: str) -> tuple[str, ...]:
    return ("backfill", "taxi_tips", "--from", _DAYS[first], "--to", _DAYS[last], *more)


def _generations(lake: Lake) -> list[int]:
    """The number of every generation that was ever published, partition by partition."""
    with sqlite3.connect(lake.state / "ledger.db") as ledger:
        found = ledger.execute("SELECT number FROM generations ORDER BY partition_path, number").fetchall()
    ledger.close()
    return [number for (number,) in found]


def _published_in_order(lake: Lake) -> list[str]:
    with sqlite3.connect(lake.state / "ledger.db") as ledger:
        found = ledger.execute("SELECT partition_label FROM attempts ORDER BY id").fetchall()
    ledger.close()
    return [label for (label,) in found]


def test_the_nightly_run_leaves_the_partition_that_a_backfill_has_in_hand(
    make_lake: Callable[..., Lake],
) -> None:
    lake = make_lake(3)
    backfill = lake.start(*_backfill(0, 2, "-v"), faults="stop:lease-taken:1")
    wait_until_stopped(backfill.pid)  # with the newest day in hand

    nightly = lake.run("-v")
    assert nightly.code == 75, nightly.stderr
    assert f"{_DAYS[2]} HELD" in nightly.stderr
    assert str(backfill.pid) in nightly.stderr  # who has it
    assert "2 published" in nightly.stderr
    assert [lake.seen(index) for index in range(3)] == [0, 0, None]

    os.kill(backfill.pid, signal.SIGCONT)
    ended = backfill.wait()
    assert ended.code == 0, ended.stderr
    assert f"{_DAYS[2]} OK" in ended.stderr
    assert all(f"{day} DONE" in ended.stderr for day in _DAYS[:2])
    assert _generations(lake) == [1, 1, 1]
    lake.assert_settled()
    TALLY["backfills that met another run"] += 1


def test_a_backfill_leaves_the_partition_that_the_nightly_run_has_in_hand(
    make_lake: Callable[..., Lake],
) -> None:
    lake = make_lake(3)
    nightly = lake.start("run", "taxi_tips", "-v", faults="stop:partition-scored:2")
    wait_until_stopped(nightly.pid)  # the newest is published, the one before is about to be

    held = lake.start(*_backfill(0, 2, "-v", "--max-parallel", "1")).wait()
    assert held.code == 75, held.stderr
    # Chunks are sent ahead: the nightly run has the lease of the oldest day as well, or it has not.
    assert f"{_DAYS[1]} HELD" in held.stderr
    assert "FAILED" not in held.stderr

    os.kill(nightly.pid, signal.SIGCONT)
    assert nightly.wait().code == 0
    assert lake.start(*_backfill(0, 2)).wait().code == 0
    assert _generations(lake) == [1, 1, 1]
    lake.assert_settled()
    TALLY["backfills that met another run"] += 1


def test_two_backfills_whose_ranges_overlap_share_what_they_have_in_common(
    make_lake: Callable[..., Lake],
) -> None:
    lake = make_lake(8)
    newer = lake.start(*_backfill(2, 7, "-v"))
    older = lake.start(*_backfill(0, 5, "-v", "--oldest-first"))
    for ended in (newer.wait(), older.wait()):
        assert ended.code in (0, 75), ended.stderr
        assert "FAILED" not in ended.stderr
    assert lake.start(*_backfill(0, 7)).wait().code == 0  # what one left to the other, if it did
    assert _generations(lake) == [1] * 8
    lake.assert_settled()
    TALLY["backfills that met another run"] += 1


def test_a_backfill_that_is_killed_goes_on_with_the_same_command_and_scores_nothing_twice(
    make_lake: Callable[..., Lake],
) -> None:
    lake = make_lake(8)
    points = lake.root / "points.log"
    command = _backfill(0, 7, "--oldest-first", "--max-parallel", "2", "--reason", "the year over")
    killed_after = 3 * _CHUNKS_A_DAY + 2  # in the middle of the fourth day
    died = lake.start(*command, faults=f"log:{points},kill:chunk-recorded:{killed_after}").wait()
    assert died.code == -signal.SIGKILL
    seen = [index for index in range(8) if lake.seen(index) is not None]
    assert seen in ([0, 1], [0, 1, 2])

    again = lake.start(*command, faults=f"log:{points}").wait()
    assert again.code == 0, again.stderr
    assert points.read_text().splitlines().count("chunk-recorded") == 8 * _CHUNKS_A_DAY
    assert _published_in_order(lake) == _DAYS
    assert _generations(lake) == [1] * 8
    lake.assert_settled()
    reasons = {line["reason"] for line in lake.cli("--json", "runs").lines if "reason" in line}
    assert reasons == {"the year over"}
    TALLY["kills of a backfill"] += 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_backfill_that_is_told_to_stop_keeps_what_it_published_and_goes_on(
    make_lake: Callable[..., Lake], number: signal.Signals, code: int
) -> None:
    lake = make_lake(5)
    points = lake.root / "points.log"
    stopped = lake.start(*_backfill(0, 4), faults=f"log:{points},stop:attempt-recorded:2")
    wait_until_stopped(stopped.pid)
    os.kill(stopped.pid, number)
    os.kill(stopped.pid, signal.SIGCONT)
    ended = stopped.wait()
    assert ended.code == code, ended.stderr
    assert f"(exit {code})" in ended.stderr
    assert [lake.seen(index) for index in (3, 4)] == [0, 0]
    assert lake.seen(0) is None

    assert lake.start(*_backfill(0, 4), faults=f"log:{points}").wait().code == 0
    assert points.read_text().splitlines().count("chunk-recorded") == 5 * _CHUNKS_A_DAY
    assert _generations(lake) == [1] * 5
    lake.assert_settled()


def test_partitions_of_a_backfill_are_read_by_others_while_it_goes_on(make_lake: Callable[..., Lake]) -> None:
    lake = make_lake(5)
    going_on = lake.start(*_backfill(0, 4), faults="stop:attempt-recorded:3")
    wait_until_stopped(going_on.pid)
    assert [lake.seen(index) for index in range(2, 5)] == [0, 0, 0]
    assert [lake.seen(index) for index in range(2)] == [None, None]
    os.kill(going_on.pid, signal.SIGCONT)
    assert going_on.wait().code == 0
    lake.assert_settled()


@pytest.mark.parametrize("n_at_most", [1, 2])
def test_no_more_partitions_are_in_hand_than_asked_for(
    make_lake: Callable[..., Lake], n_at_most: int
) -> None:
    lake, options = make_lake(4), ("--max-parallel", str(n_at_most))
    points = lake.root / "points.log"
    assert lake.start(*_backfill(0, 3, *options), faults=f"log:{points}").wait().code == 0
    n_in_hand = list(accumulate(_STEPS.get(point, 0) for point in points.read_text().splitlines()))
    assert max(n_in_hand) == n_at_most  # chunks are sent ahead, and so may be of two partitions
    assert n_in_hand[-1] == 0
