"""Holders, leases and openings, on every ledger: who may write about a partition, and who no longer may."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from batch_scorer.core.errors import DamageFound, LeaseLost
from batch_scorer.core.processes import Fate
from batch_scorer.core.records import Pin
from batch_scorer.ledger.ledger import Ledger
from tests.ledger.conftest import (
    DAY,
    NOW,
    TOKEN,
    TWIN,
    begin,
    enter,
    make_attempt,
    make_generation,
    make_holder,
    make_opening,
    publish,
)

LATER = NOW + dt.timedelta(seconds=30)
SILENCE = dt.timedelta(seconds=60)


def take(ledger: Ledger, token: str = TOKEN, instead_of: str | None = None) -> bool:
    enter(ledger, token)
    return ledger.take_lease("tips", DAY, token, NOW, instead_of=instead_of)


def test_a_holder_comes_back_as_it_entered_and_is_gone_with_its_leases_when_it_left(ledger: Ledger) -> None:
    ledger.enter(make_holder())
    assert take(ledger)
    assert ledger.holders("tips") == (make_holder(),)
    assert ledger.holders("fares") == ()
    (lease,) = ledger.leases("tips")
    assert (lease.partition, lease.token, lease.holder) == (DAY, TOKEN, make_holder())
    for _ in range(2):
        ledger.leave(TOKEN)
    assert (ledger.holders("tips"), ledger.leases("tips"), ledger.lease("tips", DAY)) == ((), (), None)


def test_a_heartbeat_moves_time_on_and_brings_the_wish_to_cancel(ledger: Ledger) -> None:
    ledger.enter(make_holder())
    ledger.request_cancel(TOKEN, "ben")
    assert ledger.beat(TOKEN, LATER) == make_holder(heartbeat_at=LATER, cancelled_by="ben")
    ledger.leave(TOKEN)
    assert ledger.beat(TOKEN, LATER) is None


def test_a_lease_is_taken_by_one_and_only_instead_of_whom_was_seen(ledger: Ledger) -> None:
    assert take(ledger, "a")
    assert not take(ledger, "b")
    assert not take(ledger, "b", instead_of="c")
    assert take(ledger, "b", instead_of="a")
    lease = ledger.lease("tips", DAY)
    assert lease is not None
    assert lease.token == "b"
    ledger.release_lease("tips", DAY, "a")  # not theirs any more
    assert ledger.lease("tips", DAY) is not None
    ledger.release_lease("tips", DAY, "b")
    assert ledger.lease("tips", DAY) is None
    assert ledger.take_lease("tips", TWIN, "b", NOW, instead_of=None)


def test_who_was_taken_for_dead_takes_nothing_more(ledger: Ledger) -> None:
    ledger.enter(make_holder())
    ledger.leave(TOKEN)
    with pytest.raises(LeaseLost, match="taken for dead"):
        ledger.take_lease("tips", DAY, TOKEN, NOW, instead_of=None)


def test_who_lost_the_lease_cannot_open_close_or_publish(ledger: Ledger) -> None:
    assert take(ledger)
    ledger.open_generation(make_opening(), TOKEN)
    enter(ledger, "thief", run_id="01THIEF")
    assert take(ledger, "thief", instead_of=TOKEN)
    with pytest.raises(LeaseLost, match="lost to run 01THIEF"):
        ledger.begin_publishes([make_generation()], TOKEN)
    with pytest.raises(LeaseLost, match="lost to run 01THIEF"):
        ledger.open_generation(make_opening(2), TOKEN)
    with pytest.raises(LeaseLost, match="lost to run 01THIEF"):
        ledger.close_opening("tips", DAY, TOKEN)
    assert ledger.openings("tips") == (make_opening(),)
    assert ledger.unfinished_publishes("tips") == ()


def test_a_lease_ends_with_the_attempt_of_who_has_it(ledger: Ledger) -> None:
    assert take(ledger)
    assert ledger.take_lease("tips", TWIN, TOKEN, NOW, instead_of=None)
    ledger.record_attempt(make_attempt(), "somebody else")
    ledger.record_attempt(make_attempt())
    assert {lease.partition for lease in ledger.leases("tips")} == {DAY, TWIN}
    ledger.record_attempt(make_attempt(), TOKEN)
    assert [lease.partition for lease in ledger.leases("tips")] == [TWIN]


def test_an_opening_is_one_per_partition_and_is_closed_by_the_end_of_its_publish(ledger: Ledger) -> None:
    assert take(ledger)
    ledger.open_generation(make_opening(), TOKEN)
    ledger.open_generation(make_opening(staging="01OTHER"), TOKEN)
    assert ledger.openings("tips", DAY) == (make_opening(staging="01OTHER"),)
    assert ledger.openings("tips", TWIN) == ()
    publish(ledger)
    assert ledger.openings("tips") == ()


def test_a_publish_that_is_reopened_never_began_and_keeps_its_opening(ledger: Ledger) -> None:
    assert take(ledger)
    ledger.open_generation(make_opening(), TOKEN)
    begin(ledger, make_generation())
    ledger.reopen_publish("tips", DAY, 1)
    assert ledger.generations("tips", DAY) == ()
    assert ledger.openings("tips") == (make_opening(),)
    with pytest.raises(DamageFound, match="does not know as unfinished"):
        ledger.reopen_publish("tips", DAY, 1)
    publish(ledger)  # the same number, again


def test_an_abandoned_publish_closes_its_opening(ledger: Ledger) -> None:
    assert take(ledger)
    ledger.open_generation(make_opening(), TOKEN)
    begin(ledger, make_generation())
    ledger.abandon_publish("tips", DAY, 1)
    assert ledger.openings("tips") == ()


def test_a_pin_is_kept_with_who_when_and_why_and_so_is_its_lifting(ledger: Ledger) -> None:
    pin = Pin(by="ana", at=NOW, why="v6 is good")
    publish(ledger, 1, pin=pin, restores=7)
    current = ledger.generation("tips", DAY, None)
    assert current is not None
    assert (current.pin, current.restores, current.pinned) == (pin, 7, True)
    lifted = replace(pin, lifted_by="ben", lifted_at=LATER)
    ledger.set_pin("tips", DAY, 1, lifted)
    current = ledger.generation("tips", DAY, None)
    assert current is not None
    assert (current.pin, current.pinned) == (lifted, False)


@pytest.mark.parametrize(
    ("fate", "silent_s", "gone"),
    [
        (Fate.DEAD, 0, True), (Fate.ALIVE, 59, False), (Fate.ALIVE, 61, True),
        (Fate.UNKNOWN, 59, False), (Fate.UNKNOWN, 61, True),
    ],
)  # fmt: skip
def test_a_holder_is_gone_when_it_is_dead_or_silent(fate: Fate, silent_s: int, gone: bool) -> None:
    assert make_holder().is_gone(fate, NOW + dt.timedelta(seconds=silent_s), SILENCE) is gone
