"""What a signal does to a run, by when it comes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from batch_scorer.core.errors import Interrupted
from batch_scorer.execution.stop import StopRequest, listening


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """SIGTERMs that came to whoever listened before the run."""
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: heard.append(number))
    yield heard
    signal.signal(signal.SIGTERM, before)


def _sigterm() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_of_signals_once_the_end_stands_the_first_is_kept_and_others_are_for_who_listened_before(
    heard: list[int],
) -> None:
    with listening(StopRequest(None)) as stop:
        stop.too_late()
        stop.outcome_stands()
        _sigterm()
        assert (heard, stop.was_signalled()) == ([], True)
        _sigterm()
        _sigterm()
        assert heard == [signal.SIGTERM] * 2


def test_until_others_know_how_a_run_ended_that_is_recorded_they_hear_of_no_signal(heard: list[int]) -> None:
    """They would let it end in another way."""
    with listening(StopRequest(None)) as stop:
        stop.too_late()
        _sigterm()
        _sigterm()
        assert heard == []
        stop.outcome_stands()
        _sigterm()
        assert heard == [signal.SIGTERM]


def test_a_cancelled_run_hears_its_first_signal_as_the_first(heard: list[int]) -> None:
    with listening(StopRequest(None)) as stop:
        stop.cancel("anna@host")
        stop.too_late()
        stop.outcome_stands()
        assert not stop.was_signalled()
        _sigterm()
        assert (heard, stop.was_signalled()) == ([], True)


def test_what_may_be_broken_off_is_over_when_it_fails(heard: list[int]) -> None:
    """Or the second signal would break off whatever comes next."""
    with listening(StopRequest(None)) as stop:
        stop.too_late()
        stop.outcome_stands()
        with pytest.raises(ZeroDivisionError), stop.unless_hurried():
            raise ZeroDivisionError
        _sigterm()
        _sigterm()
    assert heard == [signal.SIGTERM]


def test_a_signal_that_is_ignored_stays_so_and_the_other_is_heard(heard: list[int]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with listening(StopRequest(None)) as stop:
        _sigterm()
        stop.check()
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Interrupted):
            stop.check()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
