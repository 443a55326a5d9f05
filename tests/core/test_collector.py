"""Garbage is searched for as ever, but while a program starts."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from batch_scorer.core import collector


@pytest.fixture(autouse=True)
def _is_ours(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(collector, "_is_ours", True)
    yield
    gc.unfreeze()


def test_while_a_program_starts_garbage_is_hardly_searched_for_and_afterwards_as_before() -> None:
    usual = gc.get_threshold()
    with collector.starting_up():
        assert gc.get_threshold()[0] >= 100 * usual[0]
        assert gc.isenabled()
        collector.starts()  # again: what was usual is not forgotten
    assert gc.get_threshold() == usual


def test_what_is_there_once_it_has_started_is_never_looked_through() -> None:
    gc.unfreeze()
    with collector.starting_up():
        collector.has_started()
        assert gc.get_freeze_count() > 10_000
        usual = gc.get_threshold()
    assert gc.get_threshold() == usual


def test_a_process_that_was_not_said_to_start_is_left_alone() -> None:
    """Such as a notebook, or a worker of somebody else: its garbage stays its own."""
    gc.unfreeze()
    usual = gc.get_threshold()
    collector.has_started()
    assert (gc.get_freeze_count(), gc.get_threshold()) == (0, usual)
    collector._is_ours = False
    with collector.starting_up():
        assert gc.get_threshold() == usual
    assert (gc.get_freeze_count(), gc.get_threshold()) == (0, usual)


def test_a_start_that_fails_ends_too() -> None:
    usual = gc.get_threshold()
    with pytest.raises(RuntimeError, match="no"), collector.starting_up():
        raise RuntimeError("no")
    assert gc.get_threshold() == usual
