"""A service and a timer that systemd takes, at the minutes that cron means, restarted when it may help."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from batch_scorer.core import errors
from batch_scorer.ops.schedules.calendar import on_calendar
from batch_scorer.ops.schedules.call import DO_NOT_TRY_AGAIN, TRY_AGAIN, Call
from batch_scorer.ops.schedules.systemd import render_systemd

ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed here")


def _call(project: str = "/srv/scoring", **changes: object) -> Call:
    fields = {"job": "taxi_tips", "executable": "/bin/true", "project": project}
    fields |= {"cron": "30 4 * * *", "timezone": "America/Chicago"}
    return Call(**(fields | changes))  # type: ignore[arg-type]


def _systemd(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert ANALYZE is not None
    environment = os.environ | {"TZ": "UTC", "LC_ALL": "C"}
    return subprocess.run([ANALYZE, *arguments], capture_output=True, text=True, env=environment, check=False)


def _setting(text: str, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)


@needs_systemd
@pytest.mark.parametrize("name", ["plain", "odd 100% 'quoted' \"$HOME\" back\\slash"])
@pytest.mark.parametrize(
    "changes",
    [
        {"target": "prod", "timeout": timedelta(hours=2)},
        {"cron": "*/10 6-20 * * mon-fri"},
        {"cron": "0 0 1 * sun"},
    ],
)
def test_systemd_has_nothing_to_say_against_it(name: str, changes: dict[str, object], tmp_path: Path) -> None:
    project = tmp_path / name
    project.mkdir()
    files = render_systemd(_call(str(project), **changes))
    for file, text in files.items():
        (tmp_path / file).write_text(text)
    done = _systemd("verify", "--man=no", "--recursive-errors=no", *(str(tmp_path / file) for file in files))
    ours = [line for line in done.stderr.splitlines() if "batch-scorer" in line or str(tmp_path) in line]
    assert (done.returncode, ours) == (0, [])


def test_what_is_run_is_the_command_with_its_target() -> None:
    service, timer = render_systemd(_call("/srv/my 100% $x", target="prod")).values()
    assert _setting(service, "ExecStart") == [
        '/bin/true --project "/srv/my 100%% $$x" --target prod -v run taxi_tips'
    ]
    assert _setting(service, "WorkingDirectory") == ["/srv/my 100%% $x"]
    assert _setting(timer, "OnCalendar") == ["*-*-* 04:30:00 America/Chicago"]
    assert list(render_systemd(_call(target="prod"))) == [
        "batch-scorer-taxi_tips-prod.service",
        "batch-scorer-taxi_tips-prod.timer",
    ]


def test_every_exit_code_is_tried_again_or_not() -> None:
    def below(error: type[errors.BatchScorerError]) -> set[int]:
        return {error.exit_code}.union(*map(below, error.__subclasses__()))

    assert sorted(TRY_AGAIN + DO_NOT_TRY_AGAIN) == sorted(below(errors.BatchScorerError) | {3, 4})
    service = next(iter(render_systemd(_call()).values()))
    assert _setting(service, "Restart") == ["on-failure"]
    assert _setting(service, "RestartPreventExitStatus") == ["1 2 4 5 6 78"]
    assert (_setting(service, "StartLimitBurst"), _setting(service, "StartLimitIntervalSec")) == (
        ["4"],
        ["23h"],
    )


@pytest.mark.parametrize("cron", ["0 * * * *", "0 6,18 * * *", "*/5 4 * * *"])
def test_what_comes_again_soon_is_not_restarted(cron: str) -> None:
    service = next(iter(render_systemd(_call(cron=cron)).values()))
    assert _setting(service, "Restart") == ["no"]
    assert _setting(service, "StartLimitBurst") == []


def test_our_own_time_limit_comes_before_systemds() -> None:
    service = next(iter(render_systemd(_call(timeout=timedelta(hours=2))).values()))
    assert _setting(service, "TimeoutStartSec") == [str(2 * 3600 + 300)]
    assert _setting(next(iter(render_systemd(_call()).values())), "TimeoutStartSec") == ["infinity"]


def test_a_line_break_is_refused() -> None:
    with pytest.raises(errors.UsageError, match="line break"):
        _call("/srv/a\nExecStart=/bin/false")


_NAMES = dict(zip(("sun", "mon", "tue", "wed", "thu", "fri", "sat"), range(7), strict=True)) | {
    "jan": 1,
    "dec": 12,
}


def _cron_says(cron: str, when: datetime) -> bool:
    """crontab(5), read again by hand: is this minute one of them?"""
    minute, hour, day, month, weekday = cron.lower().split()

    def holds(field: str, value: int, lowest: int, highest: int) -> bool:
        for part in field.split(","):
            span, _, step = part.partition("/")
            first, _, last = span.partition("-")
            if first == "*":
                low, high = lowest, highest
            else:
                low = _NAMES[first] if first in _NAMES else int(first)
                high = low if not last else _NAMES[last] if last in _NAMES else int(last)
            if low <= value <= high and (value - low) % int(step or 1) == 0:
                return True
        return False

    if not (holds(minute, when.minute, 0, 59) and holds(hour, when.hour, 0, 23)):
        return False
    on_day = holds(day, when.day, 1, 31)
    sunday_first = when.isoweekday() % 7
    on_weekday = holds(weekday, sunday_first, 0, 6) or (sunday_first == 0 and holds(weekday, 7, 7, 7))
    both = day.startswith("*") or weekday.startswith("*")
    is_day = (on_day and on_weekday) if both else (on_day or on_weekday)
    return is_day and holds(month, when.month, 1, 12)


@needs_systemd
@pytest.mark.parametrize(
    "cron",
    [
        "30 4 * * *",
        "0 0 1 * *",
        "*/20 6-8 * * mon-fri",
        "15,45 22 13 * fri",  # either
        "0 12 */10 * 1",  # both
        "0 3 * jan,dec sun",
        "5 1 * * 5-7",
        "0 4 28 2 *",
    ],
)
def test_systemd_elapses_when_cron_says(cron: str) -> None:
    zone = ZoneInfo("America/Chicago")
    base = datetime(2023, 12, 27, 3, 10, tzinfo=UTC)
    found: set[datetime] = set()
    for event in on_calendar(cron, str(zone)):
        told = _systemd("calendar", "--iterations=40", f"--base-time={base:%Y-%m-%d %H:%M:%S}", event)
        assert told.returncode == 0, told.stderr
        pattern = r"(?:Next elapse|Iter(?:\.|ation) #\d+): \w+ (\S+ \S+) UTC"
        found |= {
            datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
            for text in re.findall(pattern, told.stdout)
        }
    elapses = sorted(moment for moment in found if moment < base + timedelta(days=430))[:12]
    assert len(elapses) > 1
    every_5_minutes = (base + n * timedelta(minutes=5) for n in range(1, 430 * 24 * 12))
    expected = (moment for moment in every_5_minutes if _cron_says(cron, moment.astimezone(zone)))
    assert elapses == list(islice(expected, len(elapses)))
