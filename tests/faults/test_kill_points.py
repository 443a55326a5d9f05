"""kill -9 at every named point of a run: readers see one whole generation, and the next run completes."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable

import pytest

from batch_scorer.core.faults import FaultPoint
from tests.faults.conftest import TALLY
from tests.faults.lake import Lake

_RECOVERY = {
    FaultPoint.RECOVERY_BEGUN, FaultPoint.RECOVERY_RENAMING, FaultPoint.RECOVERY_FENCED,
    FaultPoint.RECOVERY_SETTLED,
}  # fmt: skip
_DELTA = {FaultPoint.FILES_MOVED, FaultPoint.BEFORE_COMMIT, FaultPoint.AFTER_COMMIT}
_EXCHANGE = {FaultPoint.BEFORE_EXCHANGE, FaultPoint.AFTER_EXCHANGE, FaultPoint.AFTER_REPLACED}
_OTHER = {FaultPoint.BETWEEN_RENAMES, FaultPoint.ROLLBACK_STAGED}
# A first publish replaces nothing, and so cleans nothing away.
_REPLACING = {FaultPoint.AFTER_REPLACED, FaultPoint.BEFORE_CLEANUP}

PARQUET = [point for point in FaultPoint if point not in _DELTA | _OTHER | _RECOVERY]
# What differs from the other sink, and the steps next to it.
DELTA = [
    FaultPoint.PARTITION_SCORED, FaultPoint.AFTER_MANIFEST, FaultPoint.PUBLISHING_RECORDED, *sorted(_DELTA),
    FaultPoint.BEFORE_PUBLISHED, FaultPoint.PUBLISHED_RECORDED,
]  # fmt: skip


def _kill_and_complete(lake: Lake, point: FaultPoint, nth: int = 1, extra: str = "") -> None:
    died = lake.run(faults=f"kill:{point}:{nth}{extra}")
    assert died.code == -signal.SIGKILL, f"{point} was never reached: exit {died.code}, {died.stderr}"
    TALLY["kills at fault points"] += 1
    lake.assert_whole()
    _complete(lake, extra)


def _complete(lake: Lake, extra: str = "") -> None:
    again = lake.run(faults=extra.removeprefix(","))
    assert again.code == 0, again.stderr
    lake.assert_settled()


@pytest.mark.parametrize("point", [point for point in PARQUET if point not in _REPLACING])
def test_a_first_publish_killed_anywhere_is_whole_and_completed(lake: Lake, point: FaultPoint) -> None:
    _kill_and_complete(lake, point)


@pytest.mark.parametrize("point", PARQUET)
def test_a_replacing_publish_killed_anywhere_shows_old_or_new_and_is_completed(
    replacing: Lake, point: FaultPoint
) -> None:
    _kill_and_complete(replacing, point)


@pytest.mark.parametrize(
    "point", [FaultPoint.BEFORE_EXCHANGE, FaultPoint.BETWEEN_RENAMES, FaultPoint.AFTER_REPLACED]
)
def test_without_an_atomic_exchange_a_kill_leaves_both_generations_to_decide_from(
    replacing: Lake, point: FaultPoint
) -> None:
    _kill_and_complete(replacing, point, extra=",no-exchange")


@pytest.mark.parametrize("kind", ["first", "replacing"])
@pytest.mark.parametrize("point", DELTA)
def test_a_publish_to_a_delta_table_killed_anywhere_is_whole_and_completed(
    make_lake: Callable[..., Lake], make_replacing: Callable[..., Lake], point: FaultPoint, kind: str
) -> None:
    make = make_replacing if kind == "replacing" else make_lake
    _kill_and_complete(make(format="delta"), point)


QUARANTINE = [
    FaultPoint.FILE_SYNCED, FaultPoint.QUARANTINE_PLACED, FaultPoint.PUBLISHING_RECORDED,
    FaultPoint.AFTER_EXCHANGE, FaultPoint.BEFORE_CLEANUP,
]  # fmt: skip


@pytest.mark.parametrize("point", QUARANTINE)
def test_a_publish_with_quarantined_rows_killed_anywhere_counts_every_row_once(
    lake: Lake, point: FaultPoint
) -> None:
    lake.write_suite()
    assert lake.run().code == 0
    for index in lake.versions:
        lake.write_day(index, 1)
    died = lake.run(faults=f"kill:{point}:1")
    assert died.code == -signal.SIGKILL, f"{point} was never reached: exit {died.code}, {died.stderr}"
    TALLY["kills at fault points"] += 1
    lake.assert_whole()
    assert lake.run().code == 0
    lake.write_day(0, 2)  # another publish also takes away what the killed one had no time to
    lake.write_day(1, 2)
    assert lake.run().code == 0
    lake.assert_settled()


@pytest.mark.parametrize("before", [FaultPoint.PUBLISHING_RECORDED, FaultPoint.AFTER_EXCHANGE])
@pytest.mark.parametrize("point", sorted(_RECOVERY))
def test_a_recovery_that_is_killed_itself_is_begun_anew(
    replacing: Lake, point: FaultPoint, before: FaultPoint
) -> None:
    assert replacing.run(faults=f"kill:{before}:1").code == -signal.SIGKILL
    _kill_and_complete(replacing, point)


@pytest.mark.parametrize(
    "point",
    [
        FaultPoint.GENERATION_OPENED, FaultPoint.ROLLBACK_STAGED, FaultPoint.AFTER_MANIFEST,
        FaultPoint.PUBLISHING_RECORDED, FaultPoint.AFTER_EXCHANGE, FaultPoint.PUBLISHED_RECORDED,
    ],
)  # fmt: skip
def test_a_rollback_killed_anywhere_shows_old_or_new_and_can_be_done_again(
    make_lake: Callable[..., Lake], point: FaultPoint
) -> None:
    lake = make_lake(1, output={"keep_generations": 3})
    for version in (0, 1):
        lake.write_day(0, version)
        assert lake.run().code == 0
    back = ("rollback", "taxi_tips", "--partition", "2024-01-01")
    died = lake.cli(*back, faults=f"kill:{point}:1")
    assert died.code == -signal.SIGKILL, died.stderr
    TALLY["kills at fault points"] += 1
    assert lake.assert_whole()[0] in (0, 1)
    assert lake.run().code == 0
    if lake.seen(0) == 1:
        assert lake.cli(*back).code == 0
    assert lake.seen(0) == 0
    assert lake.cli("verify", "taxi_tips", "--deep").code == 0


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(
    ("format", "point"), [*(("parquet", p) for p in PARQUET), *(("delta", p) for p in DELTA)]
)
def test_fifty_kills_at_each_point_at_any_time_it_is_passed(
    make_lake: Callable[..., Lake], format: str, point: FaultPoint
) -> None:
    lake, chance = make_lake(format=format), random.Random(point)
    assert lake.run().code == 0
    for version in range(1, 51):
        for index in lake.versions:
            lake.write_day(index, version)
        died = lake.run(faults=f"kill:{point}:{chance.choice((1, 2))}")
        assert died.code in (0, -signal.SIGKILL)
        TALLY["kills at fault points"] += died.code != 0
        lake.assert_whole()
        if chance.random() < 0.5:
            _complete(lake)
    _complete(lake)
