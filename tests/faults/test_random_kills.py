"""A backfill killed at random moments until it is done: nothing lost, nothing doubled, nothing done twice."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable

import pytest

from tests import taxi
from tests.faults.conftest import TALLY
from tests.faults.lake import N_ROWS, Lake

_DAYS = 8
_CHUNKS_A_DAY = 4


def _kill_later(pid: int, after_s: float) -> threading.Timer:
    def kill() -> None:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return  # it was done before

    timer = threading.Timer(after_s, kill)
    timer.start()
    return timer


def _backfill(lake: Lake, after_s: float | None) -> int:
    days = taxi.days(_DAYS)
    running = lake.start("backfill", "taxi_tips", "--from", str(days[0]), "--to", str(days[-1]), "--yes")
    timer = None if after_s is None else _kill_later(running.pid, after_s)
    ended = running.wait()
    if timer is not None:
        timer.cancel()
        timer.join()
    assert "Traceback" not in ended.stderr
    return ended.code


def _kill_until(make_lake: Callable[..., Lake], n_kills: int, seed: int) -> None:
    chance = random.Random(seed)
    lake = make_lake(_DAYS)
    n_done, version = 0, 0
    while n_done < n_kills:
        code = _backfill(lake, chance.uniform(0.0, 0.9))
        assert code in (0, -signal.SIGKILL), f"seed {seed}, after {n_done} kills: exit {code}"
        lake.assert_whole()
        n_done += code != 0
        if code == 0:
            version += 1
            for index in range(_DAYS):
                lake.write_day(index, version)
    assert _backfill(lake, None) == 0
    lake.assert_settled()
    TALLY["kills at random moments"] += n_done


def test_a_backfill_killed_again_and_again_ends_as_one_that_never_was(
    make_lake: Callable[..., Lake],
) -> None:
    _kill_until(make_lake, 20, seed=20)


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(10))
def test_a_thousand_kills_of_backfills(make_lake: Callable[..., Lake], seed: int) -> None:
    _kill_until(make_lake, 100, seed)


def test_a_backfill_killed_at_its_end_scores_only_what_is_left(make_lake: Callable[..., Lake]) -> None:
    lake = make_lake(_DAYS)
    n_chunks = _CHUNKS_A_DAY * _DAYS
    killed_after = n_chunks - 2
    died = lake.run(faults=f"kill:chunk-recorded:{killed_after}")
    assert died.code == -signal.SIGKILL
    log = lake.root / "points.log"
    assert lake.run(faults=f"log:{log}").code == 0
    assert log.read_text().splitlines().count("chunk-recorded") == n_chunks - killed_after
    lake.assert_settled()
    rows = lake.cli("--json", "status").lines[0]
    assert rows["n_published"] == _DAYS
    assert sum(len(lake.rows(index)) for index in range(_DAYS)) == N_ROWS * _DAYS
