"""Baselines merge exactly, refuse other bins, and are the same bytes whenever they are the same."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.baselines.documents import decode_baseline, encode_baseline
from batch_scorer.core.baselines.dyadic import Dyadic
from batch_scorer.core.baselines.values import (
    Baseline,
    Booleans,
    Categories,
    Lengths,
    Numbers,
    emptied,
    merge,
)
from batch_scorer.core.errors import BinsDiffer, ModelRefused

EDGES = (-2.0, 0.0, 0.5, 100.0)
COUNTS = st.integers(0, 2**60)
DYADICS = st.builds(Dyadic.of, st.integers(-(2**200), 2**200), st.integers(-1100, 900))
FLOATS = st.floats(allow_nan=False, allow_infinity=False).map(lambda value: value + 0.0)


@st.composite
def numbers(draw: st.DrawFn) -> Numbers:
    counts = tuple(draw(st.lists(COUNTS, min_size=5, max_size=5)))
    ends = sorted(draw(st.tuples(FLOATS, FLOATS))) if sum(counts) else [None, None]
    return Numbers(
        edges=EDGES, counts=counts, n_null=draw(COUNTS), n_nan=draw(COUNTS), n_infinite=draw(COUNTS),
        minimum=ends[0], maximum=ends[1], total=draw(DYADICS), squares=draw(DYADICS),
    )  # fmt: skip


@st.composite
def baselines(draw: st.DrawFn) -> Baseline:
    """Over the same bins, and each column of the same rows."""
    column = draw(numbers())
    n = column.n_rows
    a, b = sorted((draw(st.integers(0, n)), draw(st.integers(0, n))))
    return Baseline(
        n_rows=n,
        columns={
            "fare": column,
            "note \ud800 \N{SNOWMAN}": Lengths(lengths=column),
            "company": Categories(values=("Flash Cab", "Top \u202e"), counts=(a, b - a), n_null=n - b),
            "shared": Booleans(n_false=a, n_true=b - a, n_null=n - b),
        },
        n_scored=b,
        outputs={"predict": Categories(values=("0",), counts=(a,), n_other=b - a)},
    )


@given(baselines(), baselines(), baselines())
def test_merging_is_the_same_in_whatever_order(a: Baseline, b: Baseline, c: Baseline) -> None:
    assert merge(a, b) == merge(b, a)
    assert merge(merge(a, b), c) == merge(a, merge(b, c))
    assert merge(a, emptied(b)) == a
    assert encode_baseline(merge(merge(a, b), c)) == encode_baseline(merge(merge(b, a), c))


@given(baselines())
def test_what_is_written_is_read_as_the_same_and_written_again_as_the_same_bytes(one: Baseline) -> None:
    data = encode_baseline(one)
    assert decode_baseline(data, "baseline.json") == one
    assert encode_baseline(decode_baseline(data, "baseline.json")) == data


@given(st.lists(st.integers(-(2**70), 2**70), max_size=20), st.integers(-1100, 900))
def test_a_sum_of_dyadics_is_the_sum_of_their_fractions(mantissas: list[int], exponent: int) -> None:
    each = [Dyadic.of(mantissa, exponent + place) for place, mantissa in enumerate(mantissas)]
    total = sum(each, Dyadic())
    assert total.value == sum((one.value for one in each), Fraction(0))
    assert Dyadic.parse(str(total)) == total


BINS = Baseline(
    n_rows=0,
    columns={"fare": Numbers(edges=EDGES, counts=(0,) * 5), "cab": Categories(values=("a",), counts=(0,))},
    n_scored=0,
    outputs={},
)


@pytest.mark.parametrize(
    ("column", "other"),
    [
        ("fare", Numbers(edges=(-2.0, 0.0, 0.5, 101.0), counts=(0,) * 5)),
        ("fare", Numbers(edges=EDGES, counts=(0,) * 5, discrete=True)),
        ("fare", Numbers(edges=EDGES, counts=(0,) * 5, unit="us")),
        ("fare", Lengths(lengths=Numbers(edges=EDGES, counts=(0,) * 5))),
        ("fare", Booleans(n_false=0, n_true=0)),
        ("cab", Categories(values=("b",), counts=(0,))),
    ],
)
def test_other_bins_are_refused_by_the_columns_name(column: str, other: Numbers) -> None:
    changed = replace(BINS, columns={**BINS.columns, column: other})
    with pytest.raises(BinsDiffer, match=column):
        merge(BINS, changed)
    with pytest.raises(BinsDiffer, match=column):
        merge(BINS, replace(BINS, columns={n: c for n, c in BINS.columns.items() if n != column}))


def test_impossible_counts_are_refused_when_born() -> None:
    with pytest.raises(ValueError, match="ascending"):
        Numbers(edges=(1.0, 1.0), counts=(0, 0, 0))
    with pytest.raises(ValueError, match="finite"):
        Numbers(edges=(1.0, math.inf), counts=(0, 0, 0))
    with pytest.raises(ValueError, match="3 counts"):
        Numbers(edges=(1.0, 2.0), counts=(0, 0))
    with pytest.raises(ValueError, match="minimum"):
        Numbers(edges=(1.0, 2.0), counts=(0, 1, 0))
    with pytest.raises(ValueError, match="each value once"):
        Categories(values=("a", "a"), counts=(1, 1))
    with pytest.raises(ValueError, match="less than no times"):
        Booleans(n_false=-1, n_true=0)
    with pytest.raises(ValueError, match="counts 1 of 2 rows"):
        Baseline(n_rows=2, columns={"x": Booleans(n_false=1, n_true=0)}, n_scored=0, outputs={})
    with pytest.raises(ValueError, match="even"):
        Dyadic(mantissa=2, exponent=0)


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b'{"layout": 99}', b'{"layout": 1, "n_rows": 1}', b"[" * 100_000,
     encode_baseline(BINS).replace(b'"numbers"', b'"digits"'),
     encode_baseline(BINS).replace(b"100.0", b"-100.0"),
     encode_baseline(BINS).replace(b'"0x0p0"', b'"none"'),
     encode_baseline(BINS).replace(b'"discrete"', b'"kind"')[:-9]],
)  # fmt: skip
def test_a_damaged_baseline_is_refused(data: bytes) -> None:
    with pytest.raises(ModelRefused, match="feature baseline"):
        decode_baseline(data, "baseline.json")


@given(st.lists(st.integers(0, 400).map(lambda i: i / 4), min_size=1, max_size=60))
def test_quantiles_are_within_the_bin_of_the_true_one(values: list[float]) -> None:
    edges = tuple(float(edge) for edge in range(0, 102, 3))
    counts = [0] * (len(edges) + 1)
    for value in values:
        counts[int(value // 3) + 1] += 1
    column = Numbers(edges=edges, counts=tuple(counts), minimum=min(values), maximum=max(values))
    assert column.quantile(0) == min(values)
    assert column.quantile(1) == max(values)
    median = column.quantile(0.5)
    assert median is not None
    assert statistics.median_low(values) - 3 <= median <= statistics.median_high(values) + 3
    assert Numbers(edges=edges, counts=(0,) * len(counts)).quantile(0.5) is None
