"""Which short chunks go to a worker together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.planning.bundles import BUNDLE_BYTES, BUNDLE_S, MOST_TOGETHER, goes_along, share

_SHARES = st.lists(
    st.one_of(
        st.integers(0, 2 * BUNDLE_BYTES).map(lambda n: share(seconds=None, n_bytes=n, n_chunks=1)),
        st.floats(0, 2 * BUNDLE_S).map(lambda s: share(seconds=s, n_bytes=1 << 40, n_chunks=7)),
    ),
    min_size=1,
    max_size=80,
)


def _bundles(shares: list[float], slots: int) -> list[list[float]]:
    """As the driver makes them."""
    made: list[list[float]] = [[]]
    for index, each in enumerate(shares):
        bundle = made[-1]
        n_left = len(bundle) + len(shares) - index
        if not goes_along(len(bundle), sum(bundle), each, n_left=n_left, slots=slots):
            made.append([])
        made[-1].append(each)
    return made


@given(shares=_SHARES, slots=st.integers(1, 8))
def test_a_bundle_is_short_and_of_few_chunks_and_no_slot_is_left_without_one(
    shares: list[float], slots: int
) -> None:
    bundles = _bundles(shares, slots)
    assert [each for bundle in bundles for each in bundle] == shares
    for bundle in bundles:
        assert len(bundle) == 1 or sum(bundle) <= 1.0
        assert len(bundle) <= MOST_TOGETHER
    assert len(bundles) >= min(len(shares), slots)


@given(n_bytes=st.integers(0, 1 << 40), n_chunks=st.integers(0, 50).filter(lambda n: n != 1))
def test_before_anything_is_known_a_chunk_of_a_partition_that_is_cut_goes_by_itself(
    n_bytes: int, n_chunks: int
) -> None:
    more = share(seconds=None, n_bytes=n_bytes, n_chunks=n_chunks)
    assert more == 1.0
    assert not goes_along(1, 1 / MOST_TOGETHER, more, n_left=1_000, slots=1)


@pytest.mark.parametrize(
    ("seconds", "most"), [(0.045, 13), (0.11, 5), (0.25, 2), (0.4, 1), (30.0, 1), (0.0001, 16)]
)
def test_as_many_chunks_go_together_as_take_six_tenths_of_a_second_whatever_their_bytes(
    seconds: float, most: int
) -> None:
    more = share(seconds=seconds, n_bytes=1 << 40, n_chunks=60)
    assert len(_bundles([more] * 60, slots=1)[0]) == most


def test_towards_the_end_bundles_become_shorter_so_that_no_slot_works_long_after_the_others() -> None:
    chunks = [share(seconds=0.12, n_bytes=1, n_chunks=60)] * 60
    sizes = [len(bundle) for bundle in _bundles(chunks, slots=2)]
    assert sizes[0] == 5
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-4:] == [1, 1, 1, 1]
