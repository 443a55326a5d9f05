"""Chunks cover the row groups of a partition exactly, in order, whatever their size."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.batches import JOINED_BYTES, USUAL_ROWS, joined
from batch_scorer.core.chunks import Chunk
from batch_scorer.core.lakefiles import Footer, RowGroup
from batch_scorer.planning.chunks import cut_chunks
from tests.planning.conftest import april, make_found

# Some of them are read together, some alone, and some are larger than a batch.
groups = st.builds(
    RowGroup,
    n_rows=st.integers(0, 50) | st.integers(0, 2 * USUAL_ROWS),
    n_bytes=st.integers(0, 300) | st.integers(0, 2 * JOINED_BYTES),
)
footers = st.lists(st.lists(groups, max_size=8).map(tuple), max_size=5).map(
    lambda files: [Footer(columns=(), row_groups=file) for file in files]
)

targets = st.integers(1, 6 * JOINED_BYTES)
limits = st.integers(1, 400) | st.integers(1, 5 * USUAL_ROWS)


def cut(footers: list[Footer], target: int, limit: int | None = None) -> tuple[Chunk, ...]:
    found = make_found(april(1), n_files=len(footers))
    return cut_chunks(found, footers, target_bytes=target, limit_rows=limit)


def footer(*sizes: tuple[int, int]) -> Footer:
    return Footer(columns=(), row_groups=tuple(RowGroup(n_rows=r, n_bytes=b) for r, b in sizes))


@given(footers, targets)
def test_any_target_takes_every_row_group_once_and_in_order(footers: list[Footer], target: int) -> None:
    files = make_found(april(1), n_files=len(footers)).files
    every = [(file, n) for file, f in zip(files, footers, strict=True) for n in range(len(f.row_groups))]
    chunks = cut(footers, target)
    assert [(chunk.file, n) for chunk in chunks for n in chunk.row_groups] == every
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))


@given(footers, targets)
def test_a_chunk_is_above_the_target_only_when_one_batch_is(footers: list[Footer], target: int) -> None:
    by_path = dict(
        zip((f.path for f in make_found(april(1), n_files=len(footers)).files), footers, strict=True)
    )
    for chunk in cut(footers, target):
        in_file = by_path[chunk.file.path].row_groups
        n_bytes = sum(in_file[n].n_bytes for n in chunk.row_groups)
        assert n_bytes <= target or chunk.row_groups in [
            tuple(batch) for batch in joined(in_file, USUAL_ROWS)
        ]


@given(footers, targets, st.none() | limits)
def test_no_batch_is_in_two_chunks_but_for_what_lies_beyond_a_limit(
    footers: list[Footer], target: int, limit: int | None
) -> None:
    files = make_found(april(1), n_files=len(footers)).files
    for file, footer in zip(files, footers, strict=True):
        of_file = [set(chunk.row_groups) for chunk in cut(footers, target, limit) if chunk.file == file]
        for batch in joined(footer.row_groups, USUAL_ROWS):
            assert sum(bool(chunk & set(batch)) for chunk in of_file) <= 1


@given(footers, targets)
def test_row_offsets_count_the_rows_of_the_file_before(footers: list[Footer], target: int) -> None:
    by_path = dict(
        zip((f.path for f in make_found(april(1), n_files=len(footers)).files), footers, strict=True)
    )
    for chunk in cut(footers, target):
        before = by_path[chunk.file.path].row_groups[: chunk.row_groups[0]]
        assert chunk.row_offset == sum(group.n_rows for group in before)


@given(footers, targets, limits)
def test_limit_rows_takes_the_first_rows_of_the_partition(
    footers: list[Footer], target: int, limit: int
) -> None:
    taken = [
        min(chunk.n_rows, chunk.row_limit if chunk.row_limit is not None else chunk.n_rows)
        for chunk in cut(footers, target, limit)
    ]
    assert sum(taken) == min(limit, sum(footer.n_rows for footer in footers))


@given(footers, targets, targets, limits)
def test_the_target_never_changes_which_row_groups_a_limit_reads(
    footers: list[Footer], one: int, other: int, limit: int
) -> None:
    def read(target: int) -> list[tuple[str, int]]:
        return [(c.file.path, n) for c in cut(footers, target, limit) for n in c.row_groups]

    assert read(one) == read(other)


@given(footers, targets, limits)
def test_every_row_of_the_partition_is_in_a_chunk_or_answered_for_by_the_last_one(
    footers: list[Footer], target: int, limit: int
) -> None:
    chunks = cut(footers, target, limit)
    answered = sum(chunk.n_rows + chunk.rows_beyond for chunk in chunks)
    assert answered == sum(footer.n_rows for footer in footers)
    assert all(chunk.rows_beyond == 0 for chunk in chunks[:-1])


def test_row_groups_are_gathered_until_the_target() -> None:
    large = (USUAL_ROWS, 40)
    chunks = cut([footer(large, large, large), footer((5, 1))], 80)
    assert [(chunk.row_groups, chunk.n_rows, chunk.row_offset) for chunk in chunks] == [
        ((0, 1), 2 * USUAL_ROWS, 0),
        ((2,), USUAL_ROWS, 2 * USUAL_ROWS),
        ((0,), 5, 0),
    ]


def test_row_groups_that_are_read_together_stay_together_whatever_the_target() -> None:
    (chunk,) = cut([footer((65_536, 40), (34_464, 40))], 1)
    assert (chunk.row_groups, chunk.n_rows) == ((0, 1), 100_000)


def test_a_file_without_row_groups_gives_no_chunk() -> None:
    assert cut([footer(), footer((3, 3))], 100)[0].file.path.endswith("part-1.parquet")
    assert cut([footer()], 100) == ()


def test_chunks_beyond_the_limit_are_not_made() -> None:
    (only,) = cut([footer((10, 40), (10, 40)), footer((10, 40))], 1000, limit=4)
    assert (only.row_groups, only.row_limit, only.rows_beyond) == ((0,), 4, 20)


def test_a_limit_on_a_boundary_needs_no_row_limit() -> None:
    chunks = cut([footer((10, 40), (10, 40))], 40, limit=10)
    assert [chunk.row_groups for chunk in chunks] == [(0,)]
    assert [(chunk.row_limit, chunk.rows_beyond) for chunk in chunks] == [(None, 10)]
