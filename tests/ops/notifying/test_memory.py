"""Whether to tell: new trouble at once, old trouble once a day, and that it is over once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.errors import OutputUnwritable
from batch_scorer.core.notices import Event, Notice, Problem
from batch_scorer.ops.notifying.memory import Memory, decide, load, save
from tests.ops.notifying.conftest import BLOCKED, notice

EVERYTHING = frozenset(Event)
TROUBLE = frozenset({Event.FAILED, Event.BLOCKED, Event.RECOVERED})
MONDAY = date(2024, 4, 1)
LOCKED = Problem(partition="", label="", state="stopped", kind="LockHeld", what="another run")
UNREADABLE = replace(BLOCKED, partition="ride_date=2024-03-31", state="failed", kind="FileUnreadable")


class Target:
    """Is told, or not, and remembers; days pass as the test says."""

    def __init__(self, on: frozenset[Event] = TROUBLE) -> None:
        self.memory = Memory()
        self.today = MONDAY
        self._on = on

    def hears(
        self, told: Notice, *, settled: Callable[[str], bool] = lambda _: False, reached: bool = True
    ) -> Notice | None:
        decision = decide(self.memory, told, on=self._on, today=self.today, is_settled=settled)
        self.memory = decision.sent if reached else decision.unsent
        return decision.notice

    def next_day(self) -> None:
        self.today += timedelta(days=1)


def everything(_partition: str) -> bool:
    return True


def bad(*problems: Problem) -> Notice:
    return notice(problems[0].event, problems=problems)


GOOD = notice(Event.SUCCESS)


def test_the_same_trouble_is_told_once_a_day_and_then_as_a_repeat() -> None:
    target = Target()
    first = target.hears(bad(BLOCKED))
    assert (first and first.is_repeat, first and first.since) == (False, None)
    assert target.hears(bad(BLOCKED)) is None
    target.next_day()
    again = target.hears(bad(BLOCKED))
    assert again is not None
    assert again.is_repeat
    assert again.since == notice().at
    assert target.hears(bad(BLOCKED)) is None


def test_other_numbers_are_the_same_trouble_and_another_kind_is_not() -> None:
    target = Target()
    target.hears(bad(BLOCKED))
    assert target.hears(bad(replace(BLOCKED, what="fails for 9.3 %"))) is None
    assert target.hears(bad(replace(BLOCKED, kind="blocked rides_schema"))) is not None


def test_new_trouble_is_told_beside_what_was_told_already() -> None:
    target = Target()
    target.hears(bad(BLOCKED))
    more = target.hears(bad(UNREADABLE, BLOCKED))
    assert more is not None
    assert (more.problems, more.is_repeat) == ((UNREADABLE, BLOCKED), False)


def test_what_remains_of_it_is_no_news() -> None:
    target = Target()
    target.hears(bad(UNREADABLE, BLOCKED))
    assert target.hears(bad(BLOCKED), settled=lambda path: path == UNREADABLE.partition) is None


def test_that_all_is_good_again_is_told_once() -> None:
    target = Target()
    target.hears(bad(BLOCKED))
    over = target.hears(GOOD, settled=everything)
    assert over is not None
    assert (over.event, over.since) == (Event.RECOVERED, notice().at)
    assert target.hears(GOOD, settled=everything) is None
    assert target.memory == Memory()


def test_a_good_run_of_something_else_does_not_end_the_trouble() -> None:
    target = Target()
    target.hears(bad(BLOCKED))
    assert target.hears(GOOD, settled=lambda path: path == "ride_date=2024-01-01") is None
    over = target.hears(GOOD, settled=lambda path: path == BLOCKED.partition)
    assert over is not None
    assert over.event is Event.RECOVERED


def test_a_run_that_never_began_counts_like_every_other() -> None:
    target = Target()
    assert target.hears(bad(LOCKED)) is not None
    assert target.hears(bad(LOCKED)) is None
    over = target.hears(GOOD, settled=everything)
    assert over is not None
    assert over.event is Event.RECOVERED


def test_what_did_not_get_through_is_told_by_the_next_run() -> None:
    target = Target()
    assert target.hears(bad(BLOCKED), reached=False) is not None
    second = target.hears(bad(BLOCKED))
    assert second is not None
    assert not second.is_repeat
    assert target.hears(GOOD, settled=everything, reached=False) is not None
    over = target.hears(GOOD, settled=everything)
    assert over is not None
    assert over.event is Event.RECOVERED


def test_who_wants_only_the_good_news_gets_it_after_bad_ones() -> None:
    target = Target(frozenset({Event.RECOVERED}))
    assert target.hears(GOOD, settled=everything) is None
    assert target.hears(bad(BLOCKED)) is None
    over = target.hears(GOOD, settled=everything)
    assert over is not None
    assert over.event is Event.RECOVERED


def test_who_wants_success_is_told_of_each_and_of_a_recovery_as_one() -> None:
    target = Target(frozenset({Event.SUCCESS}))
    assert target.hears(bad(BLOCKED)) is None
    told = [target.hears(GOOD, settled=everything) for _ in range(2)]
    assert [one and one.event for one in told] == [Event.SUCCESS, Event.SUCCESS]


def test_who_wants_blocked_alone_is_not_told_what_failed() -> None:
    target = Target(frozenset({Event.BLOCKED}))
    assert target.hears(bad(UNREADABLE)) is None
    both = target.hears(bad(UNREADABLE, BLOCKED))
    assert both is not None
    assert both.event is Event.BLOCKED


def test_a_start_is_told_whatever_was_before() -> None:
    target = Target(frozenset({Event.START}))
    for _ in range(2):
        assert target.hears(notice(Event.START)) is not None
    assert target.memory == Memory()


PROBLEMS = st.builds(
    lambda day, kind: replace(BLOCKED, partition=f"d={day}", kind=kind),
    st.integers(0, 3),
    st.sampled_from("ab"),
)
RUNS = st.lists(
    st.tuples(st.lists(PROBLEMS, unique_by=lambda p: (p.partition, p.kind), max_size=3), st.integers(0, 2)),
    max_size=12,
)


@given(RUNS)
def test_no_problem_is_told_twice_a_day_without_news_nor_kept_quiet_for_a_day(
    runs: list[tuple[list[Problem], int]],
) -> None:
    target = Target()
    told_today: set[tuple[str, str]] = set()
    in_trouble = False
    for problems, n_days in runs:
        for _ in range(n_days):
            target.next_day()
            told_today = set()
        keys = {(problem.partition, problem.kind) for problem in problems}
        if problems:
            # Those that this run did not meet stay open: nobody settled them.
            heard = target.hears(bad(*problems))
            assert (heard is not None) == (not keys <= told_today)
            told_today |= keys
        else:
            heard = target.hears(GOOD, settled=everything)
            assert (heard is not None) == in_trouble
            told_today = set()
        in_trouble = bool(problems)


def test_what_is_remembered_survives_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "notified" / "taxi_tips" / "a.json"
    memory = Memory(
        since=datetime(2024, 4, 1, 4, 30, tzinfo=UTC),
        told={("d=1", "blocked a"): MONDAY, ("", "LockHeld"): None},
    )
    save(path, memory)
    assert load(path) == memory


@pytest.mark.parametrize(
    "content", ["", "[]", '{"version": 1}', '{"version": 2, "since": null, "open": []}', "\xff"]
)
def test_a_memory_that_cannot_be_read_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content, encoding="latin-1")
    assert load(tmp_path / "a.json") == Memory()
    assert load(tmp_path / "missing.json") == Memory()


def test_a_memory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputUnwritable):
        save(tmp_path / "file" / "a.json", Memory())
