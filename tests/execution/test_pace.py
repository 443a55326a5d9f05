"""Which chunks are late, by what others took: no cluster, no clock."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.execution.clusters.pace import Lateness, Pace

_LATENESS = Lateness(factor=3.0, least_s=20.0, n_known=3)


def _pace(*took: tuple[float, int]) -> Pace:
    pace = Pace(_LATENESS)
    for seconds, n_rows in took:
        pace.took(seconds, n_rows)
    return pace


def test_before_some_are_back_nobody_knows_what_is_late() -> None:
    assert not _pace((10.0, 100), (10.0, 100)).is_late(1e6, 100)


def test_a_chunk_is_late_after_three_times_what_half_of_the_others_took() -> None:
    pace = _pace((8.0, 100), (10.0, 100), (500.0, 100))
    assert not pace.is_late(30.0, 100)
    assert pace.is_late(30.1, 100)


def test_what_takes_seconds_is_never_late() -> None:
    pace = _pace(*[(0.1, 100)] * 5)
    assert not pace.is_late(19.9, 100)
    assert pace.is_late(20.0, 100)


def test_a_larger_chunk_may_take_as_much_longer_and_a_smaller_one_no_less() -> None:
    pace = _pace(*[(10.0, 100)] * 5)
    assert not pace.is_late(299.0, 1_000)
    assert pace.is_late(301.0, 1_000)
    assert not pace.is_late(29.0, 1)


def test_what_chunks_took_long_ago_is_forgotten() -> None:
    pace = _pace(*[(1_000.0, 100)] * 50, *[(10.0, 100)] * 99)
    assert pace.is_late(31.0, 100)


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 10**9)), min_size=3),
    st.floats(0, 1e9), st.floats(0, 1e9), st.integers(0, 10**9),
)  # fmt: skip
def test_who_is_late_stays_late(took: list[tuple[float, int]], one: float, other: float, n_rows: int) -> None:
    pace = _pace(*took)
    sooner, later = sorted((one, other))
    assert pace.is_late(sooner, n_rows) <= pace.is_late(later, n_rows)
