"""A compiled pipeline that is wrong anywhere is found out before anything of it is used."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from batch_scorer.core.models import Method
from batch_scorer.models.scoring.compiled.compiling import compile_pipeline, prove
from batch_scorer.models.scoring.compiled.finals.bitvectors import Split, Tree, bitvectors
from batch_scorer.models.scoring.compiled.pipeline import CompiledPipeline
from batch_scorer.models.scoring.compiled.plan import Plan
from batch_scorer.models.scoring.compiled.probes import probes
from batch_scorer.models.scoring.compiled.reasons import Differs, Unusual
from batch_scorer.models.scoring.compiled.recognising.operations import Fill, InPlace
from tests.models import pipelines


def _compiled(preparation: str, final: str, method: Method = Method.PREDICT) -> CompiledPipeline:
    estimator = pipelines.fitted(preparation, final)
    return compile_pipeline(
        estimator, pipelines.signature_of(estimator, pipelines.frame(9, seed=1), method), method, None
    )


def _features(compiled: CompiledPipeline, n_rows: int = 400, **kinds: float) -> pa.Table:
    return pipelines.features(pipelines.frame(n_rows, seed=4, **kinds), compiled.plan.signature)


def _with_tracks(compiled: CompiledPipeline, change: Any) -> CompiledPipeline:
    tracks = tuple(change(at, track) for at, track in enumerate(compiled.plan.tracks))
    plan = Plan(signature=compiled.plan.signature, tracks=tracks, form=compiled.plan.form)
    return replace(compiled, plan=plan)


def _other_operand(at: int, track: Any) -> Any:
    """The first scale of all is off by one in its last bit."""
    operations = [
        replace(step, operand=np.nextafter(step.operand, np.inf)) if isinstance(step, InPlace) else step
        for step in track.operations
    ]
    return replace(track, operations=tuple(operations))


def _other_fill(at: int, track: Any) -> Any:
    operations = [
        replace(step, number=np.float64(7.5)) if isinstance(step, Fill) else step for step in track.operations
    ]
    return replace(track, operations=tuple(operations))


def _swapped(at: int, track: Any) -> Any:
    return replace(track, source={0: 1, 1: 0}.get(track.source, track.source))


CHANGES = [_other_operand, _other_fill, _swapped]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("final", ["logistic", "ridge"])
def test_a_plan_that_calculates_otherwise_is_found_out_at_load(final: str, change: Any) -> None:
    compiled = _compiled("imputed, scaled and one-hot", final)
    examples = list(probes(compiled.original.estimator, compiled.plan.signature))
    prove(compiled, examples)
    with pytest.raises(Differs):
        prove(_with_tracks(compiled, change), examples)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("preparation", ["imputed, scaled and one-hot", "scaled after all"])
def test_a_plan_that_calculates_otherwise_is_found_out_in_a_batch(preparation: str, change: Any) -> None:
    compiled = _compiled(preparation, "forest number")
    changed = _with_tracks(compiled, change)
    features = _features(compiled)
    assert len(compiled.chunk().score(features)) == 400
    if change is _other_operand and preparation == "imputed, scaled and one-hot":
        with pytest.raises(Differs, match='made of "miles", is not the original'):
            changed.chunk().score(features)
    else:
        with pytest.raises(Differs, match="of the compiled table"):
            changed.chunk().score(features)


def _with_final(compiled: CompiledPipeline, **changes: Any) -> CompiledPipeline:
    return replace(compiled, final=replace(compiled.final, **changes))  # type: ignore[type-var]


def test_another_coefficient_is_found_out_in_a_batch() -> None:
    compiled = _compiled("imputed, scaled and one-hot", "logistic", Method.PREDICT_PROBA)
    final: Any = compiled.final
    changed = _with_final(compiled, coefficients=final.coefficients * (1 + 1e-15))
    with pytest.raises(Differs, match="a compiled predict_proba is not the original's"):
        changed.chunk().score(_features(compiled))


def test_another_leaf_is_found_out_in_a_batch() -> None:
    compiled = _compiled("ordinal with passthrough", "boosted", Method.DECISION_FUNCTION)
    final: Any = copy.copy(compiled.final)
    trees = replace(final.targets[0], leaves=final.targets[0].leaves * (1 + 1e-15))
    with pytest.raises(Differs, match="a compiled decision_function is not the original's"):
        _with_final(compiled, targets=(trees,)).chunk().score(_features(compiled))


def test_a_value_that_only_a_later_batch_holds_is_looked_at_there() -> None:
    compiled = _compiled("imputed, scaled and one-hot", "logistic")
    asked: list[int] = []

    class Counting:
        def __getattr__(self, name: str) -> Any:
            return getattr(compiled.original, name)

        def table(self, features: pa.Table) -> Any:
            asked.append(len(features))
            return compiled.original.table(features)

    original: Any = Counting()
    chunk = replace(compiled, original=original).chunk()
    clean, dirty = _features(compiled, nulls=0.0), _features(compiled, nulls=0.0, unseen=0.2)
    chunk.score(clean)
    assert len(asked) == 1
    assert asked[0] >= 16
    chunk.score(clean)
    assert len(asked) == 1
    chunk.score(dirty)
    assert len(asked) == 2
    chunk.score(_features(compiled, nulls=0.3))
    assert len(asked) == 3


def test_the_sample_holds_every_value_and_every_pattern_of_nulls() -> None:
    compiled = _compiled("one-hot, kept sparse", "logistic")
    seen: list[pd.DataFrame] = []

    class Recording:
        def __getattr__(self, name: str) -> Any:
            return getattr(compiled.original, name)

        def table(self, features: pa.Table) -> Any:
            seen.append(features.to_pandas())
            return compiled.original.table(features)

    original: Any = Recording()
    features = _features(compiled, 3000, nulls=0.1, unseen=0.05)
    replace(compiled, original=original).chunk().score(features)
    whole, sample = features.to_pandas(), seen[0]
    used = [*pipelines.NUMBERS[:3], *pipelines.TEXTS]
    assert set(map(tuple, sample[used].isna().to_numpy())) == set(map(tuple, whole[used].isna().to_numpy()))
    for name in pipelines.TEXTS:
        assert set(sample[name].dropna()) == set(whole[name].dropna())
    assert len(sample) < 300


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_an_infinite_number_is_left_to_the_original(value: float) -> None:
    compiled = _compiled("imputed, scaled and one-hot", "logistic")
    frame = pipelines.frame(50, seed=2)
    frame.loc[7, "fare"] = value
    with pytest.raises(Unusual, match='column "fare" has an infinite number'):
        compiled.chunk().score(pipelines.features(frame, compiled.plan.signature))


def test_infinity_on_the_way_to_a_sum_is_left_to_the_original_whatever_its_coefficient() -> None:
    compiled = _compiled("imputed, scaled and one-hot", "logistic")
    final: Any = compiled.final

    def overflowing(at: int, track: Any) -> Any:
        tiny = [
            replace(step, operand=np.full_like(step.operand, 1e-320)) if isinstance(step, InPlace) else step
            for step in track.operations
        ]
        return replace(track, operations=tuple(tiny))

    changed = _with_tracks(_with_final(compiled, coefficients=0 * final.coefficients), overflowing)
    with pytest.raises(Unusual, match="a row gives no finite decision"):
        changed.chunk().score(_features(compiled))


def test_what_makes_a_step_raise_is_left_to_the_original() -> None:
    """As a category column does of a category that training did not have."""
    compiled = _compiled("one-hot, kept sparse", "logistic")
    features = _features(compiled)
    at = features.column_names.index("zone")
    strange = pa.array(["far away", *features.column("zone").cast(pa.string()).to_pylist()[1:]])
    with pytest.raises(Unusual, match="a step raised ScoringError"):
        compiled.chunk().score(features.set_column(at, "zone", strange))


def test_a_null_where_there_is_no_room_for_one_is_left_to_the_original() -> None:
    compiled = _compiled("one-hot, kept sparse", "logistic")
    features = _features(compiled)
    at = features.column_names.index("hour")
    holed = pa.array([None, *features.column("hour").to_pylist()[1:]], type=pa.int64())
    with pytest.raises(Unusual, match='column "hour" has a null'):
        compiled.chunk().score(features.set_column(at, "hour", holed))


def test_what_a_batch_showed_that_was_left_to_the_original_is_looked_at_in_the_next() -> None:
    compiled = _compiled("imputed, scaled and one-hot", "logistic")
    chunk = _with_tracks(compiled, _other_fill).chunk()
    frame = pipelines.frame(50, seed=2)
    refused = frame.assign(fare=frame["fare"].where(frame.index > 0, np.inf))
    with pytest.raises(Unusual):
        chunk.score(pipelines.features(refused, compiled.plan.signature))
    with pytest.raises(Differs):
        chunk.score(pipelines.features(frame, compiled.plan.signature))


def test_a_batch_whose_every_row_is_its_own_is_left_to_the_original() -> None:
    compiled = _compiled("imputed, scaled and one-hot", "logistic")
    frame = pipelines.frame(3000, seed=2)
    frame["company"] = pd.Series([f"company {number}" for number in range(3000)], dtype="str")
    with pytest.raises(Unusual, match="nearly as many distinct values"):
        compiled.chunk().score(pipelines.features(frame, compiled.plan.signature))


@pytest.mark.parametrize("n_bits", [32, 64])
def test_every_leaf_of_a_tree_is_found_by_its_bits(n_bits: int) -> None:
    """A staircase: leaf k holds k, and is where a value between k - 1 and k belongs."""
    nodes: list[Split | float] = []
    for step in range(n_bits - 1):
        here = 2 * step
        nodes += [
            Split(feature=0, threshold=float(step), left=here + 1, right=here + 2, missing_left=False),
            float(step),
        ]
    nodes.append(float(n_bits - 1))
    trees = bitvectors([Tree(nodes=tuple(nodes))], n_features=1)
    assert trees.n_bits == n_bits
    values = np.array([*np.arange(n_bits - 1), 1e9, np.nan])
    codes = trees.codes(trees.features[0], values)
    assert trees.leaf_values([codes])[0].tolist() == [*range(n_bits), n_bits - 1]
