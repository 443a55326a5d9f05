from __future__ import annotations

import datetime as dt
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from batch_scorer.core.errors import ModelRefused
from batch_scorer.models.registry.history import (
    HistoryEntry,
    HistoryEvent,
    aliases_of,
    decode_history,
    encode_entry,
    following,
    meanings_of,
    pinned_manifests,
)

_texts = st.text(max_size=20)
_aliases = st.sampled_from(["champion", "candidate", "shadow"])


@st.composite
def histories(draw: st.DrawFn) -> list[HistoryEntry]:
    entries: list[HistoryEntry] = []
    for is_registration in draw(st.lists(st.booleans(), max_size=8)):
        who, why = draw(_texts), draw(_texts)
        n_versions = len(pinned_manifests(entries))
        if is_registration or not n_versions:
            entries.append(_registered(n_versions + 1, who=who, why=why))
        else:
            version = draw(st.integers(1, n_versions))
            entries.append(
                HistoryEntry(
                    event=HistoryEvent.ALIAS_MOVED,
                    version=version,
                    at="2026-01-02T03:04:05+00:00",
                    who=who,
                    why=why,
                    alias=draw(_aliases),
                )
            )
    return entries


def _registered(version: int, *, who: str = "ada", why: str = "") -> HistoryEntry:
    return HistoryEntry(
        event=HistoryEvent.REGISTERED,
        version=version,
        at="2026-01-02T03:04:05+00:00",
        who=who,
        why=why,
        manifest_sha256="ab" * 32,
    )


@given(histories())
def test_a_history_is_read_as_it_was_written(entries: list[HistoryEntry]) -> None:
    assert decode_history(b"".join(map(encode_entry, entries)), "h") == tuple(entries)


@given(histories(), st.integers(0, 7), st.text("xyz", min_size=1, max_size=3))
def test_a_line_that_was_edited_or_taken_out_later_is_found_by_the_line_after_it(
    entries: list[HistoryEntry], at: int, who: str
) -> None:
    data = b""
    for entry in entries:
        data = following(data, entry)
    lines = data.splitlines(keepends=True)
    assert [replace(e, previous=None) for e in decode_history(data, "h")] == entries
    assume(at < len(lines) - 1 and len(lines) > 1)
    edited = lines[at].replace(b'"who": "', b'"who": "' + who.encode())
    for changed in (edited, b""):
        with pytest.raises(ModelRefused):
            decode_history(b"".join([*lines[:at], changed, *lines[at + 1 :]]), "h")


@given(histories())
def test_an_alias_means_its_last_move(entries: list[HistoryEntry]) -> None:
    for alias, version in aliases_of(entries).items():
        moves = [entry.version for entry in entries if entry.alias == alias]
        assert version == moves[-1]


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (lambda data: data[:-1], 2),  # torn
        (lambda data: data.replace(b'"who"', b'"whom"', 1), 1),
        (lambda data: data.replace(b'"version": 2', b'"version": "2"', 1), 2),
        (lambda data: data.replace(b'"version": 2', b'"version": 1', 1), 2),  # registered twice
        (lambda data: b"garbage\n" + data, 1),
        (lambda data: data.replace(b"registered", b"unregistered", 1), 1),
        (lambda data: data + b"\n", 3),
        (lambda data: b"[]\n" + data, 1),
    ],
)
def test_a_damaged_line_is_named(damage: object, line: int) -> None:
    data = encode_entry(_registered(1)) + encode_entry(_registered(2))
    assert callable(damage)
    with pytest.raises(ModelRefused, match=f"line {line} ") as caught:
        decode_history(damage(data), "models/x/history.jsonl")
    assert caught.value.exit_code == 5
    assert caught.value.where == "models/x/history.jsonl"


def test_an_entry_that_says_both_or_neither_is_not_born() -> None:
    with pytest.raises(ValueError, match="pins a manifest, moves an alias or holds"):
        HistoryEntry(event=HistoryEvent.REGISTERED, version=1, at="", who="", why="")


CHICAGO = ZoneInfo("America/Chicago")
JANUARY = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


def _moved(version: int, at: dt.datetime, alias: str = "champion") -> HistoryEntry:
    return HistoryEntry(
        event=HistoryEvent.ALIAS_MOVED, version=version, at=at.isoformat(), who="ada", why="", alias=alias
    )


@given(st.lists(st.integers(0, 20 * 24 * 60), max_size=6).map(sorted), st.integers(0, 20))
def test_at_the_end_of_a_day_an_alias_means_its_last_move_before_midnight_on_that_wall(
    minutes: list[int], n_days: int
) -> None:
    moves = [_moved(n + 1, JANUARY + dt.timedelta(minutes=m)) for n, m in enumerate(minutes)]
    day = dt.date(2023, 12, 31) + dt.timedelta(days=n_days)
    midnight = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), CHICAGO)
    before = [e.version for e in moves if dt.datetime.fromisoformat(e.at) < midnight]
    meanings = meanings_of(moves, "champion", "America/Chicago")
    assert meanings.at_the_end_of(day) == (before[-1] if before else None)
    assert (meanings.first_day is not None and meanings.first_day <= day) is bool(before)


@pytest.mark.parametrize(
    ("at", "last_of", "first_of"),
    [
        ("2024-03-11T04:59:59+00:00", "2024-03-10", None),  # 23:59:59 on the day that has 23 hours
        ("2024-03-11T05:00:00+00:00", None, "2024-03-11"),
        ("2024-11-04T05:59:59+00:00", "2024-11-03", None),  # on the one that has 25
        ("2024-11-04T06:00:00+00:00", None, "2024-11-04"),
    ],
)
def test_the_job_s_clock_says_when_a_day_ends_when_it_changes_too(
    at: str, last_of: str | None, first_of: str | None
) -> None:
    meanings = meanings_of([_moved(1, dt.datetime.fromisoformat(at))], "champion", "America/Chicago")
    day = dt.date.fromisoformat(last_of or first_of or "")
    assert meanings.first_day == day
    assert meanings.at_the_end_of(day) == 1
    assert meanings.at_the_end_of(day - dt.timedelta(days=1)) is None


def test_other_aliases_do_not_matter_and_the_calendar_s_last_day_ends_too() -> None:
    entries = [_registered(1), _moved(1, JANUARY), _moved(2, JANUARY, alias="shadow")]
    assert meanings_of(entries, "champion", "UTC").at_the_end_of(dt.date.max) == 1
    assert meanings_of(entries, "nobody", "UTC").first_day is None


def test_where_a_clock_went_back_the_order_of_the_history_decides() -> None:
    entries = [_moved(1, JANUARY + dt.timedelta(days=2)), _moved(2, JANUARY + dt.timedelta(days=1))]
    meanings = meanings_of(entries, "champion", "UTC")
    assert [meanings.at_the_end_of(dt.date(2024, 1, n)) for n in (1, 2, 3)] == [None, 2, 2]


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00", "yesterday"])
def test_a_time_that_no_clock_shows_is_told_as_damage(at: str) -> None:
    moved = HistoryEntry(
        event=HistoryEvent.ALIAS_MOVED, version=1, alias="champion", at=at, who="ada", why=""
    )
    for zone in ("America/Chicago", "Asia/Tokyo"):
        with pytest.raises(ValueError, match=r"no time|isoformat"):
            meanings_of([moved], "champion", zone)
