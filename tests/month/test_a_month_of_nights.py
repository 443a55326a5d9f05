"""Thirty nights by the crontab's own line, each on its date: late data, a bad day, an outage, a new model,
backfills at the same minute, a full disk. Nobody does anything but what upstream must and errors suggest.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import joblib
import pandas as pd
import pytest

from tests import taxi
from tests.disks import small_disk
from tests.forking import forking
from tests.month.clock import Clock
from tests.month.machine import ZONE, Machine, Morning, night_after
from tests.ops.notifying.conftest import Web, no_proxy, serve
from tests.patience import WAIT_S

__all__ = ["no_proxy", "serve"]  # fixtures

FIRST = dt.date(2026, 2, 26)  # over a month's end, and the night in which clocks go forward
DAYS = [FIRST + dt.timedelta(days=n) for n in range(30)]
BEFORE = [FIRST - dt.timedelta(days=n) for n in (3, 2, 1)]  # what the first night finds
LATE_BY_TWO_DAYS = DAYS[4]
GROWS_LATER = {DAYS[6]: 2, DAYS[25]: 1}  # days until more of its rides arrive
BAD = DAYS[9]
OUTAGE = DAYS[12:15]
PROMOTED_ON = DAYS[18]
BACKFILLED = (DAYS[2], DAYS[5])
BACKFILL_NIGHT = DAYS[21]
FULL_DISK = DAYS[26]
AS_INSTALLED = (DAYS[0], BAD, FULL_DISK, DAYS[-1])  # and the night of the backfill
LOOKBACK = 3
# Who of the three holds the day is up to chance, and with it whether the others have anything to tell.
_AROUND_THE_BACKFILL = (BACKFILL_NIGHT, BACKFILL_NIGHT + dt.timedelta(days=1))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own, for one night to fill."""
    with small_disk(tmp_path / "disk", "24m") as disk:
        yield disk


@pytest.fixture
def chat(serve: Callable[..., Web], monkeypatch: pytest.MonkeyPatch) -> Web:
    """Where the job tells of its troubles."""
    web = serve(200)
    monkeypatch.setenv("CHAT", web.url)
    return web


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


@pytest.fixture
def program(clock: Clock, chat: Web) -> Iterator[Path]:
    with forking(clock.at(night_after(FIRST))) as program:
        yield program


@pytest.fixture
def machine(
    tmp_path: Path, disk: Path, clock: Clock, program: Path, model_files: Callable[[str], tuple[Path, Path]]
) -> Machine:
    """Two versions of a model, of which the first is the champion since before the first night."""
    machine = Machine(tmp_path / "project", disk, clock, program)
    suites = machine.root / "jobs" / "suites"
    suites.mkdir(parents=True)
    fares = {"column": "fare", "min_value": 0, "max_value": 500, "mostly": 0.99}
    rule = {"type": "expect_column_values_to_be_between", "kwargs": fares}
    (suites / "rides_input.json").write_text(json.dumps({"name": "rides_input", "expectations": [rule]}))
    machine.write_job(
        taxi.job_document(
            schedule={
                "timezone": str(ZONE),
                "cron": "30 4 * * *",
                "expect": "daily",
                "lookback": f"{LOOKBACK}d",
                "catchup": {"max_partitions": 7, "give_up_after": 3},
            },
            validate={"input": [{"suite": "rides_input", "on_fail": "block"}]},
            compute={"timeout": "30m"},
            notify=[{"on": ["failed", "blocked", "recovered"], "to": {"webhook": {"secret": "env:CHAT"}}}],
        )
    )
    artefact, training = model_files("boosted")
    machine.models = {1: joblib.load(artefact), 2: _another_model(tmp_path / "second.joblib")}
    before = night_after(FIRST) - dt.timedelta(days=2)
    register = f"--name taxi_tips --reference {training} --allow-pickle"
    machine.command(f"batch-scorer models register {artefact} {register} --alias champion", before)
    machine.command(f"batch-scorer models register {tmp_path / 'second.joblib'} {register}", before)
    return machine


def _another_model(file: Path) -> object:
    frame = taxi.rides(3_000, seed=7)
    model = taxi.estimators()["boosted"].fit(
        frame[taxi.FEATURES], (frame.tips > 0.1 * frame.fare).astype(int)
    )
    joblib.dump(model, file)
    return model


def _rides(day: dt.date, n_rows: int = 150) -> pd.DataFrame:
    return taxi.rides(n_rows, seed=day.toordinal(), first_id=day.toordinal() * 1_000)


@pytest.mark.timeout(600)
def test_thirty_nights_end_with_every_day_whole_and_explained(
    machine: Machine, disk: Path, chat: Web
) -> None:
    nights: dict[dt.date, Morning] = {}
    for day in BEFORE:
        machine.arrive(day, _rides(day), night_after(day))
    for day in DAYS:
        _daytime(machine, day)
        if day in OUTAGE:
            continue
        filler = disk / "somebody else's"
        if day == FULL_DISK:
            _fill(filler)
        nights[day] = _night(machine, day)
        filler.unlink(missing_ok=True)
        for command in nights[day].next_commands:
            machine.command(command, night_after(day) + dt.timedelta(hours=4))

    _assert_only_these_mailed(nights)
    _assert_told(chat)
    _assert_whole(machine)
    _assert_explained(machine)


def _night(machine: Machine, day: dt.date) -> Morning:
    """Most begin without their imports; some are what cron starts, to the last bit."""
    if day == BACKFILL_NIGHT:
        return _backfill_meets_the_night(machine, day)
    if day in AS_INSTALLED:
        return machine.morning(machine.start_night_after(day))
    return machine.night_after(day)


def _daytime(machine: Machine, day: dt.date) -> None:
    """What the world does before the night that first sees `day`."""
    evening = night_after(day) - dt.timedelta(hours=6)
    if day == LATE_BY_TWO_DAYS + dt.timedelta(days=2):
        machine.arrive(LATE_BY_TWO_DAYS, _rides(LATE_BY_TWO_DAYS), evening)
    for grown, n_days in GROWS_LATER.items():
        if day == grown + dt.timedelta(days=n_days):
            machine.arrive(grown, _rides(grown, 190), evening)
    if day == BAD + dt.timedelta(days=1):
        machine.arrive(BAD, _rides(BAD), evening)  # upstream mends it
    if day == PROMOTED_ON:
        machine.command(
            'batch-scorer models promote taxi_tips@2 --alias champion --reason "better on March"', evening
        )
    if day == BAD:
        machine.arrive(day, _rides(day).assign(fare=-1.0), evening)
    elif day != LATE_BY_TWO_DAYS:
        machine.arrive(day, _rides(day), evening)


def _fill(filler: Path) -> None:
    n_free = shutil.disk_usage(filler.parent).free
    filler.write_bytes(bytes(n_free))
    assert shutil.disk_usage(filler.parent).free == 0


def _backfill_meets_the_night(machine: Machine, day: dt.date) -> Morning:
    """Old days with the new model, and tonight's, which both want."""
    first, last = BACKFILLED
    backfill = machine.start(
        f"batch-scorer backfill taxi_tips --from {first} --to {last} --reason 'the new model' -v",
        night_after(day),
    )
    tonight = machine.start(
        f"batch-scorer backfill taxi_tips --from {day} --to {day} --wait-lock 1m -v", night_after(day)
    )
    night = machine.start_night_after(day)
    for started in (backfill, tonight):
        _, told = started.communicate(timeout=WAIT_S)
        assert started.returncode in (0, 75), told
    return machine.morning(night)


def _assert_only_these_mailed(nights: dict[dt.date, Morning]) -> None:
    """A good night is silent, and a bad one says which kind of bad it is."""
    late = [LATE_BY_TWO_DAYS, LATE_BY_TWO_DAYS + dt.timedelta(days=1)]
    expected = {**dict.fromkeys(late, 75), BAD: 4, FULL_DISK: 1}
    told = {day: morning.code for day, morning in nights.items() if morning.mail}
    told.pop(BACKFILL_NIGHT, None)  # 75, when the other had tonight's day in hand
    assert told == expected, {str(day): nights[day] for day in told}


def _assert_told(chat: Web) -> None:
    """Each trouble when it began and when it was over; what goes on is told on each day that it does."""
    told = [json.loads(body) for _path, _headers, body in chat.got]
    events = [
        (dt.datetime.fromisoformat(each["at"]).astimezone(ZONE).date() - dt.timedelta(days=1), each["event"])
        for each in told
    ]
    tomorrow = dt.timedelta(days=1)
    expected = [
        (LATE_BY_TWO_DAYS, "failed"),
        (LATE_BY_TWO_DAYS + tomorrow, "failed"),
        (LATE_BY_TWO_DAYS + 2 * tomorrow, "recovered"),
        (BAD, "blocked"),
        (BAD + tomorrow, "recovered"),
        (FULL_DISK, "failed"),  # and a full disk cannot remember that it was told, so nothing is over later
    ]
    assert [event for event in events if event[0] not in _AROUND_THE_BACKFILL] == expected
    assert [each["is_repeat"] for each in told[:2]] == [False, True]


def _assert_whole(machine: Machine) -> None:
    """The version that each day shows is the one that its rule gives."""
    since = PROMOTED_ON - dt.timedelta(days=LOOKBACK - 1)
    first, last = BACKFILLED
    days = (*BEFORE, *DAYS)
    expected = {day: 2 if day >= since or first <= day <= last else 1 for day in days}
    assert {day: machine.whole(day) for day in days} == expected


def _assert_explained(machine: Machine) -> None:
    afterwards = night_after(DAYS[-1]) + dt.timedelta(hours=4)
    machine.command("batch-scorer verify taxi_tips --deep --rescore 20", afterwards)
    assert "published" in machine.command("batch-scorer status taxi_tips --max-age 26h", afterwards).stdout
    for day in (BEFORE[0], LATE_BY_TWO_DAYS, *GROWS_LATER, BAD, OUTAGE[0], BACKFILLED[0], DAYS[-1]):
        audited = machine.command(f"batch-scorer audit taxi_tips --partition ride_date={day}", afterwards)
        assert f"taxi_tips@{machine.whole(day)}, " in audited.stdout
    plan = machine.command("batch-scorer --json plan taxi_tips", afterwards)
    actions = {line["action"] for line in plan.lines[:-1]}
    assert actions <= {"SKIP", "OUTDATED"}
