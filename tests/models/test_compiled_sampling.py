"""Which rows of a batch show all of its patterns of nulls."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.models.scoring.compiled.running.sources import Sources
from batch_scorer.models.scoring.compiled.sampling import Sampler


def _sources(masks: np.ndarray) -> Sources:
    """masks: (n_columns, n_rows)."""
    n_rows = masks.shape[1]
    return Sources(
        n_rows=n_rows,
        numbers={at: np.zeros(n_rows) for at in range(len(masks))},
        missing={at: mask for at, mask in enumerate(masks) if mask.any()},
        codes={},
    )


@given(st.integers(1, 90), st.integers(1, 300), st.integers(1, 40), st.integers(0, 2**32))
def test_every_pattern_of_nulls_is_some_rows_however_many_columns_have_nulls(
    n_columns: int, n_rows: int, n_patterns: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    patterns = random.random((n_columns, n_patterns)) < 0.3
    masks = patterns[:, random.integers(n_patterns, size=n_rows)]
    rows = Sampler().rows(_sources(masks))
    assert set(map(tuple, masks[:, rows].T.tolist())) == set(map(tuple, masks.T.tolist()))


def test_a_later_batch_shows_only_the_patterns_that_no_earlier_one_had() -> None:
    sampler = Sampler()
    first = np.array([[True, False, True], [False, False, False]])
    assert len(sampler.rows(_sources(first)))
    assert not len(sampler.rows(_sources(first[:, :2])))
    both = np.zeros((2, 500), dtype=bool)
    both[:, 77] = True
    assert 77 in sampler.rows(_sources(both))
