"""`models at`, `models history`, `models diff`: asked of a registry whose moves were at known times."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from batch_scorer.models.registry.files import FileRegistry
from tests import taxi
from tests.conftest import TaxiProject
from tests.models.drafts import FILES, draft


class _Clock:
    def __init__(self) -> None:
        self.now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.now


@pytest.fixture
def past(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> TaxiProject:
    """champion: v1 since noon of the 2nd, v2 since the 4th at 03:00 (the 3rd in Chicago), v1 again since
    the 6th. shadow: v2 since the 5th. All times UTC. `quiet` has no alias.
    """
    project = TaxiProject(tmp_path, capsys)
    taxi.write_job(project.root, taxi.job_document())
    clock = _Clock()
    registry = FileRegistry(project.root / "data" / "models", clock=clock)
    registry.add_version(replace(draft(), metrics={"auc": 0.75}, author="ana"), FILES, why="first")
    registry.add_version(replace(draft(), metrics={"auc": 0.71}, author="bob"), FILES, why="second")
    registry.add_version(draft("quiet"), FILES)
    for day, hour, version, alias in ((2, 12, 1, "champion"), (4, 3, 2, "champion"), (5, 12, 2, "shadow")):
        clock.now = dt.datetime(2026, 1, day, hour, tzinfo=dt.UTC)
        registry.promote("taxi_tips", version, alias, reason=f"because of {day}", who="ana")
    clock.now = dt.datetime(2026, 1, 6, 12, tzinfo=dt.UTC)
    registry.roll_back(registry.way_back("taxi_tips", "champion"), reason="worse", who="bob")
    return project


@pytest.mark.parametrize(
    ("date", "options", "meant"),
    [
        ("2026-01-01", (), None),
        ("2026-01-02", (), 1),
        ("2026-01-03", (), 2),  # 03:00Z on the 4th is still the 3rd on the jobs' wall
        ("2026-01-03", ("--timezone", "UTC"), 1),
        ("2026-01-05", (), 2),
        ("2026-01-06", (), 1),
        ("2031-01-01", (), 1),
        ("2026-01-04T02:59Z", (), 1),
        ("2026-01-04T03:00Z", (), 2),
        ("2026-01-03T20:59", (), 1),  # without a zone: in Chicago
        ("2026-01-03T21:00", (), 2),
        ("2026-01-04T04:00+01:00", (), 2),
        ("2026-01-04 03:59:59+01:00", (), 1),
    ],
)
def test_what_an_alias_meant_at_the_end_of_a_day_or_at_a_moment(
    past: TaxiProject, date: str, options: tuple[str, ...], meant: int | None
) -> None:
    [told] = past.cli("--json", "models", "at", date, "taxi_tips", "--alias", "champion", *options).lines[:-1]
    assert (told["name"], told["alias"], told["version"]) == ("taxi_tips", "champion", meant)


def test_every_alias_says_since_when_by_whom_and_why_and_in_which_zone_the_day_ended(
    past: TaxiProject,
) -> None:
    told = past.cli("models", "at", "2026-01-05").stdout
    assert "at the end of 2026-01-05, America/Chicago (as the jobs say)" in told
    assert "taxi_tips@champion  v2  since 2026-01-04 03:00:00Z, by ana: because of 4" in told
    assert "taxi_tips@shadow    v2  since 2026-01-05 12:00:00Z, by ana: because of 5" in told
    assert "taxi_tips@shadow    nothing" in past.cli("models", "at", "2026-01-04").stdout
    assert "no alias has ever pointed anywhere" in past.cli("models", "at", "2026-01-05", "quiet").stdout


def test_where_the_jobs_do_not_agree_a_day_ends_in_utc_and_that_is_said(past: TaxiProject) -> None:
    taxi.write_job(past.root, {**taxi.job_document(schedule={"timezone": "Asia/Tokyo"}), "name": "tokyo"})
    told = past.cli("models", "at", "2026-01-03").stdout
    assert "UTC (the jobs do not agree on one)" in told
    assert "taxi_tips@champion  v1" in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("at", "yesterday"), "neither a day nor a moment"),
        (("at", "2026-02-30"), "neither a day nor a moment"),
        (("at", ""), "neither a day nor a moment"),
        (("at", "2026-01-03", "--timezone", "Mars/Base"), 'no time zone "Mars/Base"'),
        (("at", "2026-01-03", "--timezone", "../etc"), "no time zone"),
        (("at", "2026-01-03", "--alias", "champoin"), 'did you mean "champion"'),
        (("at", "2026-01-03", "taxi_tip"), 'did you mean "taxi_tips"'),
        (("history", "taxi_tip"), 'did you mean "taxi_tips"'),
        (("history", "taxi_tips", "--alias", "best"), "known aliases: champion, shadow"),
        (("diff", "quiet"), "no version before it"),
        (("diff", "taxi_tips@2"), "is the newest itself"),
        (("diff", "taxi_tips@1", "taxi_tips@9"), 'has no version "9"'),
    ],
)
def test_what_nobody_can_answer_is_a_usage_error(
    past: TaxiProject, words: tuple[str, ...], told: str
) -> None:
    done = past.cli("models", *words)
    assert (done.code, told in done.stderr) == (2, True), done.stderr


def test_the_history_has_every_event_with_who_when_and_why(past: TaxiProject) -> None:
    lines = [
        line.split(maxsplit=2) for line in past.cli("models", "history", "taxi_tips").stdout.splitlines()
    ]
    assert [" ".join(line[2].split()) for line in lines] == [
        "v1 registered ada first",
        "v2 registered ada second",
        "champion → v1 ana because of 2",
        "champion v1 → v2 ana because of 4",
        "shadow → v2 ana because of 5",
        "champion v2 → v1, rolled back bob worse",
    ]
    assert lines[-1][:2] == ["2026-01-06", "12:00:00Z"]
    told = past.cli("--json", "models", "history", "taxi_tips", "--alias", "champion").lines[:-1]
    assert [(line["event"], line["was"], line["version"]) for line in told] == [
        ("alias moved", None, 1), ("alias moved", 1, 2), ("alias rolled back", 2, 1),
    ]  # fmt: skip
    assert all(line["previous"] for line in told)


@pytest.mark.parametrize(
    "words", [("taxi_tips",), ("taxi_tips@champion",), ("taxi_tips@1", "taxi_tips@shadow")]
)
def test_two_versions_are_compared_by_number_by_alias_or_the_newest_two(
    past: TaxiProject, words: tuple[str, ...]
) -> None:
    told = past.cli("models", "diff", *words)
    assert told.code == 0
    assert told.stdout.splitlines()[0] == "taxi_tips@1 → taxi_tips@2"
    assert "~ auc  0.75 → 0.71 (-0.04)" in told.stdout
    assert "~ author  ana → bob" in told.stdout
    lines = past.cli("--json", "models", "diff", *words).lines
    assert lines[-1]["n_differences"] == len(lines) - 1 == 2
    assert lines[0]["delta"] == pytest.approx(-0.04)


def test_a_version_compared_with_itself_differs_in_nothing(past: TaxiProject) -> None:
    told = past.cli("models", "diff", "taxi_tips@1", "taxi_tips@champion")
    assert told.stdout == "taxi_tips@1 → taxi_tips@1: nothing differs\n"


def test_nobody_writes_a_line_of_the_history_into_their_reason(past: TaxiProject) -> None:
    """A reason of two lines was shown as two moves; the second one never happened."""
    registry = FileRegistry(past.root / "data" / "models")
    forged = "ok\n2026-01-07 12:00:00Z  champion v1 → v2  ana  approved \x1b[31m"
    registry.promote("quiet", 1, "champion", reason=forged, who="eve")
    registry.add_version(replace(draft("quiet"), purpose=forged), FILES)
    for verb in (("history", "quiet"), ("at", "2031-01-01", "quiet"), ("diff", "quiet")):
        lines = past.cli("models", *verb).stdout.splitlines()
        assert not any(line.startswith("2026-01-07") for line in lines)
        assert [line for line in lines if r"ok\n2026-01-07" in line]
        assert "\x1b" not in "".join(lines)
