"""Which small partitions go to a worker together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.planning.bundles import BUNDLE_BYTES, MOST_TOGETHER, goes_along, weight

_SIZES = st.lists(
    st.one_of(st.integers(0, 20_000), st.integers(0, 2 * BUNDLE_BYTES)), min_size=1, max_size=80
)


def _bundles(weights: list[int], slots: int) -> list[list[int]]:
    """As the driver makes them."""
    made: list[list[int]] = [[]]
    for index, each in enumerate(weights):
        bundle = made[-1]
        n_left = len(bundle) + len(weights) - index
        if not goes_along(len(bundle), sum(bundle), each, n_left=n_left, slots=slots):
            made.append([])
        made[-1].append(each)
    return made


@given(sizes=_SIZES, slots=st.integers(1, 8))
def test_a_bundle_is_small_in_bytes_and_number_and_no_slot_is_left_without_one(
    sizes: list[int], slots: int
) -> None:
    weights = [weight(size, 1) for size in sizes]
    bundles = _bundles(weights, slots)
    assert [each for bundle in bundles for each in bundle] == weights
    for bundle in bundles:
        assert len(bundle) == 1 or sum(bundle) <= BUNDLE_BYTES
        assert len(bundle) <= MOST_TOGETHER
    assert len(bundles) >= min(len(weights), slots)


@given(n_bytes=st.integers(0, 1 << 40), n_chunks=st.integers(0, 50).filter(lambda n: n != 1))
def test_a_partition_that_is_cut_or_has_nothing_left_to_score_goes_by_itself(
    n_bytes: int, n_chunks: int
) -> None:
    assert weight(n_bytes, n_chunks) == BUNDLE_BYTES
    assert not goes_along(1, 1, weight(n_bytes, n_chunks), n_left=1_000, slots=1)
