"""The baseline of a training table: NumPy and pandas count the same, and no cut of the rows changes it."""

from __future__ import annotations

import math
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.baselines.documents import decode_baseline, encode_baseline
from batch_scorer.core.baselines.values import (
    Baseline,
    Booleans,
    Categories,
    ColumnBaseline,
    Lengths,
    Numbers,
    emptied,
    merge,
)
from batch_scorer.core.errors import BinsDiffer, ColumnMissing
from batch_scorer.core.models import ColumnSpec, Method, Signature
from batch_scorer.models.registering import baseline as building
from batch_scorer.models.registering.baseline import MAX_NAMED, MIN_COUNT, choose_bins
from batch_scorer.models.registry.baselines import stored_baseline
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.scoring.counting import count, count_column
from tests.models.conftest import NUMBERS, TEXTS, Registered, make_rides

ANY_FLOATS = st.lists(
    st.one_of(st.none(), st.floats(), st.sampled_from([0.0, -0.0, 1.5, math.nan, math.inf, 1e308, 5e-324])),
    max_size=40,
)


def counted(column: pa.Array | pa.ChunkedArray) -> Any:
    """Bins chosen from a column, and the column over them."""
    table = pa.table({"x": column})
    return count_column(choose_bins(lambda: [table], len(table))["x"], table["x"])


def whole(table: pa.Table) -> Baseline:
    columns = choose_bins(lambda: [table], len(table))
    return count(Baseline(n_rows=0, columns=columns, n_scored=0, outputs={}), table, None)


@given(ANY_FLOATS, st.lists(st.integers(0, 40), max_size=5))
def test_any_cut_of_the_rows_gives_the_same_counts(values: list[float | None], cuts: list[int]) -> None:
    n = len(values)
    table = pa.table(
        {
            "number": pa.array(values, pa.float64()),
            "text": pa.array([None if v is None else str(v) for v in values], pa.string()),
            "flag": pa.array([None if v is None else v > 0 for v in values], pa.bool_()),
        }
    )
    expected = whole(table)
    places = [0, *sorted(min(cut, n) for cut in cuts), n]
    parts = [count(expected, table.slice(a, b - a), None) for a, b in pairwise(places)]
    assert reduce(merge, reversed(parts), emptied(expected)) == expected
    assert reduce(merge, parts) == expected
    assert decode_baseline(encode_baseline(expected), "") == expected


@given(ANY_FLOATS)
def test_moments_are_those_of_an_exact_computation(values: list[float | None]) -> None:
    column = counted(pa.array(values, pa.float64()))
    finite = [value for value in values if value is not None and math.isfinite(value)]
    assert column.n_finite == len(finite)
    assert column.n_nan == sum(value is not None and math.isnan(value) for value in values)
    assert column.n_infinite == sum(value is not None and math.isinf(value) for value in values)
    assert column.n_null == values.count(None)
    if finite:
        assert (column.minimum, column.maximum) == (min(finite), max(finite))
        try:
            total = math.fsum(finite)
        except OverflowError:  # of a sum on its way; ours goes on
            return
        assert column.mean == pytest.approx(total / len(finite), rel=1e-15, abs=1e-320)
        assert column.counts[0] == 0


def test_counts_and_moments_are_those_of_numpy(rides: pd.DataFrame) -> None:
    column = counted(pa.array(rides.trip_miles))
    inside, _ = np.histogram(rides.trip_miles, bins=column.edges)
    assert column.counts == (0, *inside.tolist(), 0)
    assert column.mean == pytest.approx(rides.trip_miles.mean(), rel=1e-14)
    assert column.deviation == pytest.approx(rides.trip_miles.std(ddof=0), rel=1e-13)
    assert column.quantile(0.5) == pytest.approx(rides.trip_miles.median(), rel=0.02)
    far = counted(pa.array(rides.trip_miles + 1e9))
    assert far.deviation == pytest.approx(rides.trip_miles.std(ddof=0), rel=1e-6)


def test_other_rows_fall_below_and_above_the_bins_of_training() -> None:
    bins = counted(pa.array([float(i) for i in range(1000)]))
    other = count_column(bins, pa.array([-1.0, 0.0, 999.0, 999.5, 1e9, None, math.nan]))
    assert isinstance(other, Numbers)
    assert (other.counts[0], other.counts[1], other.counts[-2], other.counts[-1]) == (1, 1, 1, 2)
    assert (other.n_null, other.n_nan, other.n_rows) == (1, 1, 7)


def test_few_different_numbers_have_a_bin_each() -> None:
    hours = pa.array(np.arange(2400) % 24, pa.int8())
    column = counted(hours)
    assert column.discrete
    assert column.edges[:-1] == tuple(range(24))
    assert column.counts == (0, *[100] * 24, 0)
    assert column.quantile(0.5) in (11, 12)
    constant = counted(pa.array([7.25] * 5))
    assert (constant.counts, constant.quantile(0.5), constant.deviation) == ((0, 5, 0), 7.25, 0.0)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pa.array([None, None], pa.float64()), Numbers),
        (pa.array([None, None], pa.string()), Categories),
        (pa.array([None], pa.bool_()), Booleans),
        (pa.array([2**63 - 1, -(2**63)]), Numbers),
        (pa.array([1.7976931348623157e308]), Numbers),
        (pa.array([1.7976931348623157e308, -1.7976931348623157e308, *range(99)]), Numbers),
        (pa.array(["Flash Cab"] * 20).dictionary_encode(), Categories),
        (pa.array(np.arange(300) / 7, pa.float32()), Numbers),
        (pa.array([], pa.float64()), Numbers),
    ],
)
def test_odd_columns_are_counted_whole(column: pa.Array, kind: type[ColumnBaseline]) -> None:
    found = counted(column)
    assert type(found) is kind
    assert found.n_rows == len(column)


def test_dates_and_times_count_in_their_own_unit() -> None:
    moments = pd.date_range("2024-02-05", periods=500, freq="h", tz="America/Chicago").as_unit("us")
    column = counted(pa.array(moments))
    assert column.unit == "us"
    assert column.minimum == moments[0].value / 1000
    days = counted(pa.array([date.date() for date in moments]))
    assert (days.unit, days.minimum) == ("d", (moments[0].date() - pd.Timestamp(0).date()).days)


def test_values_of_text_that_few_rows_have_are_not_named() -> None:
    names = ["Cash"] * 500 + ["Ada Lovelace"] * (MIN_COUNT - 1) + ["Dispute"] * MIN_COUNT + ["x" * 65] * 50
    column = counted(pa.array([*names, None]))
    assert column == Categories(
        values=("Cash", "Dispute"), counts=(500, MIN_COUNT), n_other=MIN_COUNT - 1 + 50, n_null=1
    )
    assert pd.Series(names).value_counts()["Cash"] == 500
    table = pa.table({"x": pa.array(["Ada"] * 3 + ["Bob"] * 30).dictionary_encode()})
    bins = choose_bins(lambda: [table], 33, categories=frozenset({"x"}))["x"]
    assert isinstance(bins, Categories)
    assert bins.values == ("Bob",)


def test_free_text_is_counted_by_its_length() -> None:
    column = counted(pa.array([f"ride {number:04d}" + "é" * (number % 30) for number in range(5000)]))
    assert isinstance(column, Lengths)
    assert (column.lengths.minimum, column.lengths.maximum) == (9, 38)
    assert b"ride" not in encode_baseline(
        Baseline(n_rows=5000, columns={"x": column}, n_scored=0, outputs={})
    )


def test_text_with_more_values_than_are_held_is_free_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "_MAX_DISTINCT", 50)
    values = ["Cash"] * 900 + [str(number) for number in range(60)]
    assert isinstance(counted(pa.array(values)), Lengths)


def test_bins_from_a_sample_are_near_those_of_all_rows_and_hold_all_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = np.random.default_rng(5).lognormal(size=40_000)
    exact = counted(pa.array(values))
    monkeypatch.setattr(building, "_MAX_SAMPLE", 4_000)
    pieces = pa.chunked_array([values[:7], values[7:20_011], values[20_011:]])
    rough = counted(pieces)
    assert rough.n_finite == 40_000
    assert rough.counts[0] == rough.counts[-1] == 0
    assert (rough.edges[0], rough.edges[-1]) == (exact.edges[0], exact.edges[-1])
    assert np.allclose(rough.edges[2:-2], exact.edges[2:-2], rtol=0.2)
    assert rough.total == exact.total


def test_a_version_keeps_the_baseline_of_its_whole_reference_and_of_its_scores(
    registered: Registered, registry: FileRegistry, pipelines: dict[str, Any], rides: pd.DataFrame
) -> None:
    manifest = registered(pipelines["linear"])
    baseline = stored_baseline(registry, manifest)
    assert baseline is not None
    assert list(baseline.columns) == list(manifest.signature.names)
    assert baseline.n_rows == baseline.n_scored == len(rides)
    for name in NUMBERS:
        column = baseline.columns[name]
        assert isinstance(column, Numbers)
        assert column.mean == pytest.approx(rides[name].mean(), rel=1e-14)
        assert column.n_null == rides[name].isna().sum()
    for name in TEXTS:
        column = baseline.columns[name]
        assert isinstance(column, Categories)
        assert dict(zip(column.values, column.counts, strict=True)) == rides[name].value_counts().to_dict()
    scores = pipelines["linear"].predict_proba(rides[NUMBERS + TEXTS])[:, 1]
    score = baseline.outputs["predict_proba[1]"]
    assert isinstance(score, Numbers)
    assert score.mean == pytest.approx(scores.mean(), rel=1e-9)
    labels = np.unique(pipelines["linear"].predict(rides[NUMBERS + TEXTS]), return_counts=True)
    assert baseline.outputs["predict"] == Categories(values=("0", "1"), counts=tuple(labels[1].tolist()))


def test_other_rows_are_counted_over_a_versions_bins_and_need_its_columns(
    registered: Registered, registry: FileRegistry, pipelines: dict[str, Any]
) -> None:
    baseline = stored_baseline(registry, registered(pipelines["linear"]))
    assert baseline is not None
    fresh = pa.Table.from_pandas(make_rides(900, seed=8), preserve_index=False)
    found = count(baseline, fresh, None)
    assert (found.n_rows, found.n_scored) == (900, 0)
    assert merge(found, baseline).n_rows == 1500
    with pytest.raises(ColumnMissing, match="fare"):
        count(baseline, fresh.drop_columns("fare"), None)
    with pytest.raises(BinsDiffer):
        merge(found, whole(fresh.select(baseline.columns)))


def test_rows_that_the_model_does_not_answer_are_left_out_of_the_scores(rides: pd.DataFrame) -> None:
    class Picky:
        def predict(self, frame: pd.DataFrame) -> np.ndarray:
            if (frame.fare < 0).any():
                raise ValueError("no negative fares")
            return frame.fare.to_numpy() * 2

    spec = ColumnSpec(name="fare", type="float64", nullable=True, pandas_dtype="float64")
    signature = Signature(columns=(spec,), outputs={Method.PREDICT: ()})
    table = pa.table({"fare": [1.0, 2.0, -1.0, 4.0] * 10})
    baseline = building.training_baseline(Picky(), signature, lambda: [table], 40)
    assert (baseline.n_rows, baseline.n_scored) == (40, 30)


def test_results_of_very_many_columns_are_asked_of_few_rows_and_counted_in_part() -> None:
    class Wide:
        n_rows = 0

        def transform(self, frame: pd.DataFrame) -> np.ndarray:
            self.n_rows += len(frame)
            return np.repeat(frame[["fare"]].to_numpy(), 10_000, axis=1)

    spec = ColumnSpec(name="fare", type="float64", nullable=True, pandas_dtype="float64")
    signature = Signature(columns=(spec,), outputs={Method.TRANSFORM: (10_000,)})
    table, wide = pa.table({"fare": np.arange(5_000.0)}), Wide()
    baseline = building.training_baseline(wide, signature, lambda: [table], len(table))
    assert wide.n_rows == baseline.n_scored == 500
    assert baseline.n_rows == 5_000
    assert list(baseline.outputs) == [f"transform[{place}]" for place in range(20)]


def test_fifty_columns_of_the_longest_kind_stay_small() -> None:
    rng = np.random.default_rng(0)
    table = pa.table(
        {f"number {i:02}": rng.normal(size=3000) * 1e-150 for i in range(25)}
        | {f"text {i:02}": [f"{n % MAX_NAMED:064d}" for n in range(3000)] for i in range(25)}
    )
    data = encode_baseline(whole(table))
    assert 50_000 < len(data) < 200_000
