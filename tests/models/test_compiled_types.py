"""Truths beside numbers, zeros with a sign, steps that refuse: types and errors that are easily missed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeRegressor

from batch_scorer.core.models import Method, Signature, Takes
from batch_scorer.models.scoring.compiled.comparing import same_bits
from batch_scorer.models.scoring.compiled.compiling import compile_pipeline
from batch_scorer.models.scoring.compiled.pipeline import CompiledPipeline
from batch_scorer.models.scoring.compiled.reasons import NotCompiled, Unusual
from batch_scorer.models.scoring.compiled.running.table import ALL, Table
from batch_scorer.models.signature.columns import columns_from_frame
from tests.models import pipelines


def table(n_rows: int = 400, *, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "night": random.random(n_rows) < 0.4,
            "tiny": random.integers(0, 100, n_rows, dtype=np.int8),
            "half": np.round(random.normal(0, 3, n_rows), 1).astype(np.float16),
            "small": random.normal(0, 1, n_rows).astype(np.float32),
            "miles": random.gamma(2, 2, n_rows),
            "hash": random.integers(-(2**62), 2**62, n_rows),
            "kind": pd.Series(random.choice(np.array(["a", "b"], dtype=object), n_rows), dtype="str"),
        }
    )


def compiled(*steps: Any, columns: list[str]) -> CompiledPipeline:
    frame = table()[columns]
    pipeline = make_pipeline(*steps).fit(frame, table()["miles"])
    signature = pipelines.signature_of(pipeline, frame, Method.PREDICT)
    return compile_pipeline(pipeline, signature, Method.PREDICT, pipelines.features(frame[:60], signature))


def expect_the_same(plan: CompiledPipeline, frame: pd.DataFrame) -> None:
    features = pipelines.features(frame, plan.plan.signature)
    assert same_bits(plan.chunk().score(features), plan.original.whole(features))


def columns_of(*parts: tuple[Any, list[str] | list[int]], **options: Any) -> ColumnTransformer:
    named = [(f"part {number}", step, columns) for number, (step, columns) in enumerate(parts)]
    return ColumnTransformer(named, **options)


@pytest.mark.parametrize("number", ["tiny", "half", "small", "miles", "hash"])
@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler(), RobustScaler(), SimpleImputer()])
def test_a_scaler_of_truths_beside_numbers_calculates_in_the_type_of_the_numbers(
    number: str, scaler: Any
) -> None:
    plan = compiled(scaler, DecisionTreeRegressor(), columns=["night", number])
    expect_the_same(plan, table(1500, seed=1))


@pytest.mark.parametrize("number", ["tiny", "half", "small", "hash"])
def test_arrays_of_truths_and_of_numbers_side_by_side_have_the_type_of_the_numbers(number: str) -> None:
    plan = compiled(
        columns_of(("passthrough", ["night"]), ("passthrough", [number])),
        FunctionTransformer(np.square),
        DecisionTreeRegressor(),
        columns=["night", number],
    )
    expect_the_same(plan, table(1500, seed=1))


def test_truths_and_whole_numbers_that_pass_together_are_python_objects_and_not_calculated_with() -> None:
    """Python's product of whole numbers has all its digits, that of float64 is rounded before and after."""
    together = columns_of(("passthrough", ["night", "hash"]))
    with pytest.raises(NotCompiled, match="calculates with truths and numbers in one array of objects"):
        compiled(together, FunctionTransformer(np.square), DecisionTreeRegressor(), columns=["night", "hash"])


def test_truths_and_whole_numbers_that_pass_together_and_are_then_scaled_are_compiled() -> None:
    together = columns_of(("passthrough", ["night", "hash"]))
    plan = compiled(together, StandardScaler(), DecisionTreeRegressor(), columns=["night", "hash"])
    expect_the_same(plan, table(1500, seed=1))


def test_a_zero_loses_its_sign_in_a_sparse_table_that_becomes_dense_again() -> None:
    inner = columns_of(("passthrough", ["miles"]), (OneHotEncoder(), ["kind"]), sparse_threshold=1.0)
    plan = compiled(
        columns_of((inner, ["miles", "kind"]), sparse_threshold=0.0),
        FunctionTransformer(np.signbit),
        HistGradientBoostingRegressor(max_iter=3),
        columns=["miles", "kind"],
    )
    expect_the_same(plan, table(1500, seed=1).assign(miles=-0.0))


@pytest.mark.parametrize("final", [DecisionTreeRegressor(), HistGradientBoostingRegressor(max_iter=3)])
@pytest.mark.parametrize("function", [None, np.abs])
def test_a_number_that_a_calculation_lost_is_refused_where_a_step_validates(
    function: Any, final: Any
) -> None:
    """One row of thousands, in no sample: the original raises, so there is no answer to give."""
    logarithm = make_pipeline(FunctionTransformer(np.log1p), FunctionTransformer(function, validate=True))
    expect_refused(logarithm, final, "a step that validates has a missing or infinite value")


def test_infinity_is_refused_in_a_column_that_no_boosted_tree_looks_at() -> None:
    reciprocal = make_pipeline(SimpleImputer(), FunctionTransformer(np.log1p), StandardScaler())
    final = HistGradientBoostingRegressor(max_iter=3)
    expect_refused(reciprocal, final, "a calculation gave infinity", value=-1)


def test_what_no_boosted_tree_looks_at_is_calculated_for_its_errors_and_not_where_it_was_only_cast(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whole numbers beside others become float64, which refuses nothing."""
    asked: set[int] = set()
    column = Table.column

    def counted(own: Table, at: int, rows: Any = ALL) -> np.ndarray:
        if own.n_rows == n_rows:  # no sample, of which all is compared
            asked.add(at)
        return column(own, at, rows)

    parts = columns_of(("passthrough", ["tiny", "miles"]), (FunctionTransformer(np.log1p), ["small"]))
    n_rows = 3000
    frame = table(n_rows, seed=1).assign(small=0.5)
    final = HistGradientBoostingRegressor(max_iter=3)
    pipeline = make_pipeline(parts, final).fit(frame.assign(tiny=np.int8(1)), frame["miles"])
    signature = pipelines.signature_of(pipeline, frame, Method.PREDICT)
    plan = compile_pipeline(pipeline, signature, Method.PREDICT, pipelines.features(frame[:60], signature))
    monkeypatch.setattr(Table, "column", counted)
    expect_the_same(plan, frame)
    assert asked == {1, 2}


def test_a_category_column_that_becomes_no_column_is_left_to_the_original_which_refuses_other_values() -> (
    None
):
    frame = table().assign(kind="a")[["kind", "miles"]]
    one_hot = columns_of((OneHotEncoder(drop="first"), ["kind"]), ("passthrough", ["miles"]))
    pipeline = make_pipeline(one_hot, DecisionTreeRegressor()).fit(frame, frame["miles"])
    signature = pipelines.signature_of(pipeline, frame, Method.PREDICT)
    with pytest.raises(ValueError, match="unknown categories"):
        pipeline.predict(frame.assign(kind="b"))
    with pytest.raises(NotCompiled, match="it makes no column of one that it looks at"):
        compile_pipeline(pipeline, signature, Method.PREDICT, pipelines.features(frame[:60], signature))


@pytest.mark.filterwarnings("ignore:Skipping features without any observed values")
def test_a_column_that_was_empty_at_training_is_left_to_the_original_which_refuses_infinity_in_it() -> None:
    frame = table()[["miles", "small"]].assign(small=np.nan)
    pipeline = make_pipeline(SimpleImputer(), DecisionTreeRegressor()).fit(frame, frame["miles"])
    signature = pipelines.signature_of(pipeline, frame, Method.PREDICT)
    with pytest.raises(ValueError, match="infinity"):
        pipeline.predict(frame.assign(small=np.inf))
    with pytest.raises(NotCompiled, match="it leaves out columns that it looks at"):
        compile_pipeline(pipeline, signature, Method.PREDICT, pipelines.features(frame[:60], signature))


@pytest.mark.parametrize("step", [StandardScaler(), OrdinalEncoder()])
def test_what_is_calculated_and_then_left_out_is_left_to_the_original(step: Any) -> None:
    first = columns_of(("passthrough", [0]))
    with pytest.raises(NotCompiled, match="it leaves out columns that a step before it looks at"):
        compiled(step, first, DecisionTreeRegressor(), columns=["tiny", "miles"])


@pytest.mark.parametrize("columns", [["tiny", "miles"], ["kind", "miles"]])
def test_columns_of_an_array_that_are_left_out_before_anything_looks_at_them_are_no_hindrance(
    columns: list[str],
) -> None:
    frame = table()[columns]
    pipeline = make_pipeline(columns_of((SimpleImputer(), [1])), DecisionTreeRegressor())
    pipeline.fit(frame.to_numpy(), frame["miles"])
    named = columns_from_frame(pipeline, frame, where="here", names=tuple(columns))
    signature = Signature(columns=named, outputs={Method.PREDICT: ()}, takes=Takes.ARRAY)
    plan = compile_pipeline(pipeline, signature, Method.PREDICT, pipelines.features(frame[:60], signature))
    expect_the_same(plan, table(1500, seed=1)[columns].round(1))


def expect_refused(step: Any, final: Any, reason: str, *, value: int = -7) -> None:
    """By plan and original, for one value among 3,000 of a column that tells nothing of the target."""
    # Beside a column whose extremes overflow: no example at load shows what the step does alone.
    steps = columns_of((step, ["tiny"]), (FunctionTransformer(np.exp), ["miles"]))
    plan = compiled(steps, final, columns=["tiny", "miles"])
    frame = table(3000, seed=1)
    expect_the_same(plan, frame)
    frame.loc[1234, "tiny"] = value
    features = pipelines.features(frame, plan.plan.signature)
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        plan.original.whole(features)
    with pytest.raises(Unusual, match=reason):
        plan.chunk().score(features)
