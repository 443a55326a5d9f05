"""What a column's ends tell without a look at each row is what a look at each row tells."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batch_scorer.validation.aside import SettingAside
from batch_scorer.validation.streaming.domains import Ignore, canonical
from batch_scorer.validation.streaming.failing import FailingRows
from batch_scorer.validation.streaming.kernels import table as kernels
from batch_scorer.validation.streaming.measures import (
    Counted,
    NumbersSummed,
    RowsThatFail,
    Sampling,
    first_true,
)
from batch_scorer.validation.streaming.rows import Column, Rows, to_numpy
from batch_scorer.validation.streaming.scan import scan

EPOCH = dt.datetime.fromisoformat("2024-01-01")
SMALL = st.integers(-3, 3)
FLOATS = st.sampled_from([-2.0, -0.0, 0.0, 0.5, 1.0, 2.0, 3.0, math.nan, math.inf, -math.inf])


def arrays(values: st.SearchStrategy[Any], kind: pa.DataType) -> st.SearchStrategy[pa.Array]:
    return st.lists(st.none() | values, max_size=12).map(lambda found: pa.array(found, kind))


COLUMNS = st.one_of(
    arrays(SMALL, pa.int64()),
    arrays(SMALL, pa.int8()),
    arrays(FLOATS, pa.float64()),
    arrays(FLOATS, pa.float32()),
    arrays(SMALL.map(lambda n: EPOCH + dt.timedelta(hours=n)), pa.timestamp("us")),
    arrays(SMALL.map(lambda n: EPOCH.date() + dt.timedelta(days=n)), pa.date32()),
    arrays(st.booleans(), pa.bool_()),
    arrays(st.sampled_from(["a", "b", ""]), pa.string()),
)
BOUNDS = st.none() | st.integers(-3, 3)
SAMPLING = Sampling(keep=3, columns=("x",))


def bound(of: int | None, kind: pa.DataType) -> object:
    if of is None:
        return None
    if pa.types.is_timestamp(kind):
        return (EPOCH + dt.timedelta(hours=of)).isoformat()
    return (EPOCH.date() + dt.timedelta(days=of)).isoformat() if pa.types.is_date(kind) else of


def rules(kind: pa.DataType, low: int | None, high: int | None, members: list[float]) -> list[RowsThatFail]:
    """Those that stream for such a column."""
    between = {"min_value": bound(low, kind), "max_value": bound(high, kind), "strict_min": low == 0}
    metrics: list[tuple[str, dict[str, Any]]] = [
        ("nonnull", {}),
        ("between", between),
        ("in_set", {"value_set": members}),
        ("not_in_set", {"value_set": members}),
    ]
    return [
        RowsThatFail(metric=f"column_values.{name}", columns=("x",), kwargs=canonical(kwargs), ignore=ignore)
        for name, kwargs in metrics
        if kernels.KERNELS[f"column_values.{name}"].streams((kind,), kwargs)
        for ignore in ([Ignore.NONE] if name == "nonnull" else [Ignore.ANY, Ignore.NONE])
    ]


@given(COLUMNS, BOUNDS, BOUNDS, st.lists(SMALL | st.sampled_from([0.5, 1.0]), max_size=9), st.integers(0, 9))
@example(pa.array([1.0, math.nan]), 0, 3, [], 0)
@example(pa.array([1, None, 3]), 0, 3, [1, 2, 3], 0)
@example(pa.array([1, None, 3]), 0, 3, [1, 3], 0)
def test_a_rule_finds_the_same_rows_where_ends_tell_nothing(
    values: pa.Array, low: int | None, high: int | None, members: list[float], cut: int
) -> None:
    rows = pa.table({"x": values.slice(cut)})
    for rule in rules(values.type, low, high, members):
        told, looked = Rows(rows), Rows(rows)
        found, failing = rule.of(told, SAMPLING), rule.failing(told)
        mask = np.zeros(told.n_rows, dtype=bool) if failing is None else failing
        with pytest.MonkeyPatch.context() as patched:
            blind = replace(kernels.KERNELS[rule.metric], certain=lambda *_: False)
            patched.setitem(kernels.KERNELS, rule.metric, blind)
            patched.setattr(Column, "ends", None)
            assert rule.of(looked, SAMPLING).as_json() == found.as_json()
            seen = rule.failing(looked)
            assert seen is not None
            assert seen.tolist() == mask.tolist()


@given(COLUMNS, st.integers(0, 9))
def test_nulls_and_sums_are_the_same_where_ends_tell_nothing(values: pa.Array, cut: int) -> None:
    rows = pa.table({"x": values.slice(cut)})
    measures: list[Any] = [Counted(columns=("x",))]
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        measures.append(NumbersSummed(columns=("x",)))
    for measure in measures:
        found = measure.of(Rows(rows), SAMPLING).as_json()
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Column, "ends", None)
            assert measure.of(Rows(rows), SAMPLING).as_json() == found


def test_ends_are_told_of_good_columns_without_a_mask() -> None:
    """Else all of the above compares a thing with itself."""
    rows = Rows(pa.table({"x": [1.0, None, 3.0], "n": [1, 2, 3]}))
    column = rows.column("x")
    assert column.ends is not None
    assert column.ends.tolist() == [1.0, 3.0]
    for rule in (
        RowsThatFail(metric="column_values.between", columns=("x",), kwargs='{"min_value": 0}'),
        RowsThatFail(metric="column_values.in_set", columns=("n",), kwargs='{"value_set": [3, 2, 1.0]}'),
        RowsThatFail(metric="column_values.not_in_set", columns=("n",), kwargs='{"value_set": [0, 9]}'),
        RowsThatFail(metric="column_values.nonnull", columns=("n",), ignore=Ignore.NONE),
    ):
        assert rule.of(rows, SAMPLING).n_failing == 0
    assert set(rows.failing.values()) == {None}
    assert "valid" not in vars(column)


@given(st.lists(st.none() | st.booleans(), max_size=40), st.integers(0, 20), st.integers(0, 20))
def test_bits_are_unpacked_wherever_an_array_begins(
    found: list[bool | None], start: int, length: int
) -> None:
    values = pa.array(found, pa.bool_()).slice(start, length)
    assert Column(values).valid is None or Column(values).valid.tolist() == values.is_valid().to_pylist()  # type: ignore[union-attr]
    filled = values.fill_null(False)
    assert to_numpy(filled).tolist() == filled.to_pylist()


def test_bits_that_are_not_there_are_none() -> None:
    """As Arrow allows for an array without values."""
    assert to_numpy(pa.Array.from_buffers(pa.bool_(), 0, [None, None])).tolist() == []


def test_a_column_of_nothing_but_nulls_holds_no_value() -> None:
    for kind in (pa.null(), pa.int64(), pa.float64(), pa.string()):
        column = Column(pa.nulls(3, kind))
        assert column.n_null == 3
        assert column.ends is None


@pytest.mark.parametrize("n_rows", [0, 5, 1_024, 1_025, 40_000])
def test_the_first_that_are_true_are_found_wherever_they_are(n_rows: int) -> None:
    for share in (0.0, 0.001, 0.5, 1.0):
        mask = np.random.default_rng(n_rows).random(n_rows) < share
        for n in (1, 20, 2_000):
            assert first_true(mask, n).tolist() == np.flatnonzero(mask)[:n].tolist()


def test_whether_a_rule_certainly_holds_is_asked_once_of_a_batch_that_rows_are_set_aside_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kernel, asked = kernels.KERNELS["column_values.between"], []

    def certain(columns: tuple[Column, ...], kwargs: Any) -> bool:
        asked.append(kwargs["min_value"])
        return kernel.certain(columns, kwargs)

    monkeypatch.setitem(kernels.KERNELS, "column_values.between", replace(kernel, certain=certain))
    rows = Rows(pa.table({"x": [1, None, 3]}))
    rules = [
        RowsThatFail(metric="column_values.between", columns=("x",), kwargs=f'{{"min_value": {low}}}')
        for low in (0, 2)
    ]
    found = scan(rows, rules, SAMPLING)
    aside = SettingAside(suite="s", rules=(("at least 0", rules[0]), ("at least 2", rules[1])))
    assert [(words, mask.tolist()) for words, mask in aside.masks(rows)] == [
        ("at least 2", [True, False, False])
    ]
    assert [one.n_failing for one in found.partials if isinstance(one, FailingRows)] == [0, 1]
    assert asked == [0, 2]
