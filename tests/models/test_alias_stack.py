from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.errors import UsageError
from batch_scorer.models.registry.alias_stack import meanings_before, way_back
from batch_scorer.models.registry.history import (
    HistoryEntry,
    HistoryEvent,
    aliases_of,
    last_move,
    meanings_of,
)

MOVED, ROLLED_BACK = HistoryEvent.ALIAS_MOVED, HistoryEvent.ALIAS_ROLLED_BACK


def _entry(
    version: int, event: HistoryEvent = MOVED, alias: str = "champion", n_day: int = 1
) -> HistoryEntry:
    at = f"2026-01-{n_day:02}T12:00:00+00:00"
    return HistoryEntry(event=event, version=version, at=at, who="ada", why="", alias=alias)


@given(st.lists(st.one_of(st.integers(1, 4), st.just("back"), st.integers(1, 4).map(lambda v: f"to {v}"))))
def test_promotions_and_rollbacks_are_a_stack(steps: Sequence[int | str]) -> None:
    """The oracle is what a person would keep on paper: write a version below, strike the last ones out."""
    paper: list[int] = []
    entries: list[HistoryEntry] = []
    for step in steps:
        if isinstance(step, int):
            entries.append(_entry(step))
            if paper[-1:] != [step]:
                paper.append(step)
            continue
        to = int(step[3:]) if step != "back" else None
        possible = bool(paper[:-1]) if to is None else to in paper[:-1] and to != paper[-1]
        if not possible:
            with pytest.raises(UsageError):
                way_back(entries, "taxi_tips", "champion", to)
            continue
        way = way_back(entries, "taxi_tips", "champion", to)
        assert way.was == paper.pop()
        while to is not None and paper[-1] != to:
            paper.pop()
        assert way.to == paper[-1]
        entries.append(_entry(way.to, ROLLED_BACK))
    assert meanings_before(entries, "champion") == tuple(paper)
    assert aliases_of(entries).get("champion") == (paper[-1] if paper else None)


def test_a_second_rollback_goes_further_back_and_never_to_what_was_rolled_back() -> None:
    entries = [_entry(1), _entry(2), _entry(3), _entry(2, ROLLED_BACK)]
    assert way_back(entries, "taxi_tips", "champion").to == 1
    assert meanings_before([*entries, _entry(4)], "champion") == (1, 2, 4)


@pytest.mark.parametrize(
    ("entries", "to", "told"),
    [
        ([_entry(1)], None, "means version 1, and it meant nothing before that"),
        ([_entry(1), _entry(2), _entry(1)], 1, "that is the version it should go back to"),
        ([_entry(1), _entry(2), _entry(1, ROLLED_BACK)], 2, "it meant nothing before that"),
        ([_entry(1), _entry(2), _entry(3)], 4, "a rollback leads back to v2, v1, not to v4"),
        ([_entry(1, alias="shadow")], None, 'has no alias "champion"'),
    ],
)
def test_where_there_is_no_way_back_what_it_meant_is_told(
    entries: list[HistoryEntry], to: int | None, told: str
) -> None:
    with pytest.raises(UsageError) as caught:
        way_back(entries, "taxi_tips", "champion", to)
    assert told in caught.value.what
    assert caught.value.fix


def test_other_aliases_have_stacks_of_their_own() -> None:
    entries = [_entry(1), _entry(2, alias="shadow"), _entry(2), _entry(1, alias="shadow")]
    assert meanings_before(entries, "champion") == (1, 2)
    assert meanings_before(entries, "shadow") == (2, 1)


def test_a_rollback_counts_for_what_an_alias_meant_on_a_day_and_at_a_moment() -> None:
    entries = [_entry(1), _entry(2, n_day=3), _entry(1, ROLLED_BACK, n_day=5)]
    meanings = meanings_of(entries, "champion", "UTC")
    assert [meanings.at_the_end_of(dt.date(2026, 1, n)) for n in range(1, 7)] == [1, 1, 2, 2, 1, 1]
    noon = dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC)
    just_before = last_move(entries, "champion", lambda moment: moment < noon)
    assert just_before is not None
    assert just_before.version == 2
    assert last_move(entries, "champion", lambda moment: moment <= noon) == entries[-1]
    assert last_move(entries, "champion", lambda moment: moment.year < 2026) is None
