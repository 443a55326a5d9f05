"""kill -9 while several partitions begin their publish together: each shows old or new, none is lost."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from batch_scorer.core.faults import FaultPoint
from tests.faults.conftest import TALLY
from tests.faults.lake import Lake

_N = 4


@pytest.fixture
def together(make_lake: Callable[..., Lake]) -> Lake:
    """Days of one small chunk each: they go to the worker, and begin their publish, as one."""
    lake = make_lake(0, compute={"chunk": "1MB"})
    lake.n_files = 1
    for index in range(_N):
        lake.write_day(index)
    return lake


# The point, how often it is passed before the kill, and how many publishes are unfinished then.
_KILLS = [
    (FaultPoint.CHUNK_SCORED, 3, 0),  # two are written, none of them proven or recorded
    (FaultPoint.CHUNK_HANDED_IN, 2, 0),
    (FaultPoint.CHUNK_RECORDED, 3, 0),
    (FaultPoint.AFTER_MANIFEST, 3, 0),
    (FaultPoint.PUBLISHING_RECORDED, 1, _N),
    (FaultPoint.MANIFEST_IN_PLACE, 1, _N),
    (FaultPoint.BEFORE_EXCHANGE, 2, _N - 1),
    (FaultPoint.AFTER_EXCHANGE, 2, _N - 1),
    (FaultPoint.BEFORE_PUBLISHED, _N, 1),
    (FaultPoint.ATTEMPT_RECORDED, 2, _N - 2),
]


@pytest.mark.parametrize(("point", "nth", "n_unfinished"), _KILLS)
def test_partitions_that_publish_together_are_each_old_or_new_wherever_the_run_is_killed(
    together: Lake, point: FaultPoint, nth: int, n_unfinished: int
) -> None:
    assert together.run().code == 0
    for index in range(_N):
        together.write_day(index, 1)
    died = together.run(faults=f"kill:{point}:{nth}")
    assert died.code == -signal.SIGKILL, f"{point} was never reached: exit {died.code}, {died.stderr}"
    TALLY["kills at fault points"] += 1
    unfinished = [row for row in together.unfinished() if row[0] == "publishing"]
    assert len(unfinished) == n_unfinished
    together.assert_whole()
    again = together.run()
    assert again.code == 0, again.stderr
    together.assert_settled()


def test_one_that_may_not_begin_does_not_keep_the_others_from_it(together: Lake) -> None:
    """Its place was taken while it was scored: the rest is published all the same."""
    strange = together.predictions / "ride_date=2024-01-02"
    strange.mkdir(parents=True)
    (strange / "theirs.parquet").write_bytes(b"not ours")
    assert together.run().code == 3
    assert [together.seen(index) for index in (0, 2, 3)] == [0, 0, 0]
    assert (strange / "theirs.parquet").read_bytes() == b"not ours"
