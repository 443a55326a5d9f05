"""How row groups are joined and cut into batches: by the file alone, and never into slivers."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from batch_scorer.core.batches import (
    BATCH_BYTES,
    FEWEST_ROWS,
    JOINED_BYTES,
    USUAL_ROWS,
    WORKER_BYTES,
    RowSize,
    SmallerBatches,
    bytes_needed,
    cut_evenly,
    joined,
    rows_per_batch,
    smaller_batches,
    smallest,
)
from batch_scorer.core.lakefiles import RowGroup

USUAL = USUAL_ROWS
widths = st.floats(0, 1e10, allow_nan=False)


def wide(n_bytes: float) -> RowSize:
    return RowSize(by_column={"key": 8.0, "note": n_bytes})


row_groups = st.lists(
    st.builds(
        RowGroup,
        n_rows=st.integers(0, 9) | st.integers(0, 2 * USUAL),
        n_bytes=st.integers(0, 9) | st.integers(0, 2 * JOINED_BYTES),
    ),
    max_size=20,
)


@given(row_groups)
def test_every_row_group_is_in_one_batch_or_alone_and_all_are_in_order(groups: list[RowGroup]) -> None:
    together = list(joined(groups, USUAL))
    assert [position for batch in together for position in batch] == list(range(len(groups)))
    for batch in together:
        n_rows = sum(groups[position].n_rows for position in batch)
        n_bytes = sum(groups[position].n_bytes for position in batch)
        assert len(batch) == 1 or (n_rows <= USUAL and n_bytes <= JOINED_BYTES)


@given(row_groups)
def test_row_groups_that_would_fit_together_are_together(groups: list[RowGroup]) -> None:
    together = list(joined(groups, USUAL))
    for batch, after in pairwise(together):
        longer = groups[batch.start : after.start + 1]
        assert sum(g.n_rows for g in longer) > USUAL or sum(g.n_bytes for g in longer) > JOINED_BYTES


@given(row_groups, row_groups)
def test_what_follows_a_batch_does_not_change_it(groups: list[RowGroup], more: list[RowGroup]) -> None:
    whole = list(joined(groups, USUAL))[:-1]
    assert list(joined(groups + more, USUAL))[: len(whole)] == whole


@given(st.integers(1, 300), st.integers(1, 200_000), st.data())
def test_pieces_are_nearly_equal_and_no_more_than_needed(
    n_needed: int, max_rows: int, data: st.DataObject
) -> None:
    n_rows = data.draw(st.integers((n_needed - 1) * max_rows + 1, n_needed * max_rows))
    sizes = cut_evenly(n_rows, max_rows)
    assert sum(sizes) == n_rows
    assert len(set(sizes[:-1])) <= 1
    assert sizes[0] / 2 <= sizes[-1] <= sizes[0] <= max_rows
    if 2 * n_needed <= sizes[0]:
        assert len(sizes) <= n_needed
        assert sizes[0] - sizes[-1] < n_needed


def test_no_rows_need_no_piece() -> None:
    assert cut_evenly(0, 100) == []


@given(widths, st.integers(1, 10 * USUAL))
def test_a_batch_has_at_least_one_row_and_at_most_the_usual_number(n_bytes: float, usual: int) -> None:
    assert 1 <= rows_per_batch(wide(n_bytes), usual) <= usual


@given(widths)
def test_a_batch_is_below_the_bound_unless_it_is_at_its_fewest_rows(n_bytes: float) -> None:
    n_rows = rows_per_batch(wide(n_bytes), USUAL)
    assert n_rows * wide(n_bytes).n_bytes <= BATCH_BYTES or n_rows <= FEWEST_ROWS
    assert n_rows * wide(n_bytes).n_bytes <= 4 * BATCH_BYTES or n_rows == 1


@given(st.floats(0, 4 * BATCH_BYTES / FEWEST_ROWS - 9), st.integers(1, 5_000_000))
def test_rows_of_any_usual_width_are_never_cut_into_slivers(n_bytes: float, n_rows: int) -> None:
    sizes = cut_evenly(n_rows, rows_per_batch(wide(n_bytes), USUAL))
    assert min(sizes) >= min(n_rows, FEWEST_ROWS // 4)


@given(widths, widths)
def test_wider_rows_never_give_larger_batches(one: float, other: float) -> None:
    narrow, broad = sorted((one, other))
    assert rows_per_batch(wide(broad), USUAL) <= rows_per_batch(wide(narrow), USUAL)


@given(widths, st.integers(1, 5_000_000))
def test_what_is_said_of_smaller_batches_is_true(n_bytes: float, n_rows: int) -> None:
    said = smaller_batches(wide(n_bytes), n_rows, USUAL)
    sizes = cut_evenly(n_rows, rows_per_batch(wide(n_bytes), USUAL))
    assert (said is not None) == (len(sizes) > len(cut_evenly(n_rows, USUAL))) or len(sizes) > 1
    if said is not None:
        assert max(sizes) <= said.n_rows < USUAL


def test_a_row_group_that_is_small_anyway_is_not_called_cut() -> None:
    assert smaller_batches(wide(60_000), 1_000, USUAL) is None
    assert smaller_batches(wide(60_000), 2_000, USUAL) is not None


def test_the_reason_names_the_widest_column_and_its_bytes() -> None:
    said = smaller_batches(wide(2_000), 1_000_000, USUAL)
    assert str(said) == (
        "at most 33,420 rows, not 131,072, to keep memory level: "
        'a row takes 2,008 bytes, of which "note" 2,000'
    )


@pytest.mark.parametrize(
    ("n_bytes", "n_rows"), [(500, USUAL), (4_000, 16_743), (100_000, 1_000), (1_000_000, 268), (3e8, 1)]
)
def test_rows_per_batch_by_the_width_of_a_row(n_bytes: float, n_rows: int) -> None:
    assert rows_per_batch(wide(n_bytes), USUAL) == n_rows


@given(widths, st.integers(1, USUAL))
def test_more_rows_need_more_memory(n_bytes: float, n_rows: int) -> None:
    assume(n_bytes > 1)
    assert WORKER_BYTES < bytes_needed(wide(n_bytes), n_rows) < bytes_needed(wide(n_bytes), n_rows + 1)


def test_the_smallest_of_several_is_told() -> None:
    one, other = (
        SmallerBatches(n_rows=n, usual_rows=USUAL, row_bytes=1, column="a", column_bytes=1) for n in (20, 10)
    )
    assert smallest([None, one, other, None]) is other
    assert smallest([None]) is None
