"""Whatever the cut of the rows, the result is the same."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batch_scorer.validation.evidence import Evidence, gathered
from batch_scorer.validation.formats import MAX_LISTED
from batch_scorer.validation.streaming.compile import Compiled, Way, compile_suite
from batch_scorer.validation.streaming.measures import Sampling
from batch_scorer.validation.streaming.rows import Rows
from batch_scorer.validation.streaming.scan import Scanned, scan
from tests.validation.oracle import generated
from tests.validation.oracle.columns import COLUMN_TYPES, NULLS, table_of
from tests.validation.oracle.oracle import Json, Oracle, same

_SAMPLING = Sampling(keep=MAX_LISTED, columns=("id",))
_FORMAT: Json = {"result_format": "COMPLETE", "unexpected_index_column_names": ["id"]}


def _examples(n: int) -> settings:
    """Slow ones, too: a first answer of GX takes a second."""
    return settings(
        max_examples=n,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@st.composite
def tables(draw: st.DrawFn) -> tuple[random.Random, str, pa.Table]:
    name = draw(st.sampled_from(sorted(COLUMN_TYPES)))
    rng = random.Random(draw(st.integers(0, 10_000)))
    n_rows = draw(st.integers(0, 25))
    return rng, name, table_of(rng, COLUMN_TYPES[name], n_rows, draw(st.sampled_from(NULLS)))


def cuts_of(table: pa.Table) -> st.SearchStrategy[list[int]]:
    """Ascending; a cut that comes twice makes an empty batch."""
    rows = st.just(list(range(1, table.num_rows)))
    some = st.lists(st.integers(0, table.num_rows), max_size=6).map(sorted)
    return st.one_of(rows, some)


@_examples(60)
@given(drawn=tables(), data=st.data())
def test_any_cut_decides_the_same(drawn: tuple[random.Random, str, pa.Table], data: st.DataObject) -> None:
    rng, name, table = drawn
    compiled = _streamed(rng, name, table)
    whole = _holds(compiled, _scanned(compiled, [table]))
    cuts = data.draw(cuts_of(table))
    assert _holds(compiled, _scanned(compiled, _cut(table, cuts))) == whole
    assert _holds(compiled, _scanned(compiled, [_rechunked(table, cuts)])) == whole


@pytest.mark.long
@_examples(2_000)
@given(drawn=tables(), data=st.data())
def test_any_of_many_more_cuts_decides_the_same(
    drawn: tuple[random.Random, str, pa.Table], data: st.DataObject
) -> None:
    rng, name, table = drawn
    compiled = _streamed(rng, name, table)
    whole = _holds(compiled, _scanned(compiled, [table]))
    assert _holds(compiled, _scanned(compiled, _cut(table, data.draw(cuts_of(table))))) == whole


@_examples(8)
@given(drawn=tables(), data=st.data())
def test_any_cut_is_rendered_the_same(
    oracle: Oracle, drawn: tuple[random.Random, str, pa.Table], data: st.DataObject
) -> None:
    rng, name, table = drawn
    expectations = _expectations(rng, name, table)
    compiled = compile_suite(expectations, table.schema, sample_columns=("id",))
    cuts = data.draw(cuts_of(table))
    one, *others = (
        oracle.ours(_evidence(compiled, _scanned(compiled, parts)), _FORMAT)
        for parts in ([table], _cut(table, cuts), [_rechunked(table, cuts)])
    )
    for other in others:
        assert same(one, other)


@_examples(30)
@given(drawn=tables(), data=st.data())
def test_partials_add_up_in_any_grouping(
    drawn: tuple[random.Random, str, pa.Table], data: st.DataObject
) -> None:
    rng, name, table = drawn
    compiled = _streamed(rng, name, table)
    parts = [_one(compiled, part) for part in _cut(table, data.draw(cuts_of(table)))]
    while len(parts) > 1:
        at = rng.randrange(len(parts) - 1)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    assert _holds(compiled, parts[0]) == _holds(compiled, _scanned(compiled, [table]))


def _expectations(rng: random.Random, name: str, table: pa.Table) -> list[Json]:
    drawn = generated.one_of_each(rng, COLUMN_TYPES[name])
    checks = compile_suite(drawn, table.schema).checks
    return [drawn[check.index] for check in checks if check.way is Way.STREAMED]


def _streamed(rng: random.Random, name: str, table: pa.Table) -> Compiled:
    return compile_suite(_expectations(rng, name, table), table.schema, sample_columns=("id",))


def _cut(table: pa.Table, cuts: list[int]) -> list[pa.Table]:
    """Slices of the same buffers; dictionaries of their own for every other one."""
    edges = [0, *cuts, table.num_rows]
    parts = [table.slice(start, stop - start) for start, stop in pairwise(edges)]
    return [_own_dictionaries(part) if i % 2 else part for i, part in enumerate(parts)]


def _own_dictionaries(table: pa.Table) -> pa.Table:
    columns = []
    for field, column in zip(table.schema, table.columns, strict=True):
        is_coded = pa.types.is_dictionary(field.type)
        columns.append(
            column.cast(field.type.value_type).dictionary_encode().cast(field.type) if is_coded else column
        )
    return pa.table(columns, schema=table.schema)


def _rechunked(table: pa.Table, cuts: list[int]) -> pa.Table:
    return pa.concat_tables(_cut(table, cuts))


def _one(compiled: Compiled, part: pa.Table) -> Scanned:
    return scan(Rows(part), compiled.measures, _SAMPLING)


def _scanned(compiled: Compiled, parts: list[pa.Table]) -> Scanned:
    first, *others = (_one(compiled, part) for part in parts)
    return sum(others, first)


def _evidence(compiled: Compiled, total: Scanned) -> Evidence:
    expectations = [{"type": check.type, "kwargs": check.kwargs} for check in compiled.checks]
    return gathered(expectations, compiled.schema, _SAMPLING, total, Path("/nonexistent"))


def _holds(compiled: Compiled, total: Scanned) -> tuple[bool | None, ...]:
    """By check; None: its rule raised on some value."""
    return _evidence(compiled, total).holds()
