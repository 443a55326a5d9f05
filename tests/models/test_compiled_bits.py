"""The oracle is the original pipeline: what the compiled one gives has the same bits, or it gives nothing."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from batch_scorer.core.models import Method, Signature, Takes
from batch_scorer.models.scoring.compiled.comparing import same_bits
from batch_scorer.models.scoring.compiled.compiling import compile_pipeline
from batch_scorer.models.scoring.compiled.finals import forests
from batch_scorer.models.scoring.compiled.finals.boosted import Boosted
from batch_scorer.models.scoring.compiled.finals.forests import Averaged, InOrder
from batch_scorer.models.scoring.compiled.finals.linear import Linear
from batch_scorer.models.scoring.compiled.finals.row_order import RowOrder
from batch_scorer.models.scoring.compiled.pipeline import CompiledPipeline
from batch_scorer.models.scoring.compiled.reasons import Unusual
from tests.models import pipelines


@cache
def compiled(preparation: str, final: str, method: Method) -> CompiledPipeline:
    estimator = pipelines.fitted(preparation, final)
    signature = pipelines.signature_of(estimator, pipelines.frame(50, seed=1), method)
    golden = pipelines.features(pipelines.frame(60, seed=3), signature)
    return compile_pipeline(estimator, signature, method, golden)


def expect_the_same(plan: CompiledPipeline, frame: pd.DataFrame, cuts: list[int], *, encoded: bool) -> int:
    """Batches of one chunk, each against the original on that batch. Returns: how many the plan answered."""
    chunk, n_answered = plan.chunk(), 0
    features = pipelines.features(frame, plan.plan.signature, encoded=encoded)
    for start, stop in pairwise([0, *cuts, len(frame)]):
        batch = features.slice(start, stop - start)
        try:
            expected = plan.original.whole(batch)
        except ValueError:
            with pytest.raises(Unusual):
                chunk.score(batch)
            continue
        try:
            result = chunk.score(batch)
        except Unusual:
            continue
        assert same_bits(result, expected)
        n_answered += 1
    return n_answered


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_every_pipeline_gives_the_same_bits_on_every_cut_of_every_table(data: st.DataObject) -> None:
    preparation, final = data.draw(st.sampled_from(pipelines.PAIRS))
    method = data.draw(st.sampled_from(pipelines.methods_of(pipelines.fitted(preparation, final))))
    frame = pipelines.frame(
        data.draw(st.integers(2, 2000)),
        data.draw(st.integers(0, 2**32 - 1)),
        nulls=data.draw(st.sampled_from([0.0, 0.0, 0.05, 0.5])),
        unseen=data.draw(st.sampled_from([0.0, 0.1])),
    )
    cuts = data.draw(st.lists(st.integers(1, len(frame) - 1), max_size=3, unique=True).map(sorted))
    expect_the_same(compiled(preparation, final, method), frame, cuts, encoded=data.draw(st.booleans()))


@pytest.mark.long
@pytest.mark.parametrize(("preparation", "final"), pipelines.PAIRS)
def test_each_pair_of_preparation_and_estimator_gives_the_same_bits(preparation: str, final: str) -> None:
    for method in pipelines.methods_of(pipelines.fitted(preparation, final)):
        plan = compiled(preparation, final, method)
        for seed, (nulls, unseen) in enumerate([(0.0, 0.0), (0.1, 0.0), (0.1, 0.1)]):
            frame = pipelines.frame(3000, seed=seed, nulls=nulls, unseen=unseen)
            assert expect_the_same(plan, frame, [1000], encoded=bool(seed)) == 2


@pytest.mark.parametrize("preparation", pipelines.PREPARATIONS)
def test_each_preparation_answers_clean_and_dirty_batches(preparation: str) -> None:
    final = "forest number"
    plan = compiled(preparation, final, Method.PREDICT)
    for nulls in (0.0, 0.2):
        frame = pipelines.frame(1500, seed=5, nulls=nulls)
        assert expect_the_same(plan, frame, [700], encoded=True) == 2


@pytest.mark.parametrize(
    ("preparation", "final", "kind"),
    [
        ("imputed, scaled and one-hot", "logistic", Linear),
        ("one-hot, kept sparse", "logistic of three", Linear),
        ("filled texts, one-hot", "sgd number", Linear),
        ("rare categories together", "least squares", Linear),
        ("scaled when sparse", "ridge of three", Linear),
        ("one column twice", "svc", Linear),
        ("ordinal with passthrough", "boosted", Boosted),
        ("target means", "boosted of three", Boosted),
        ("bins", "boosted number", Boosted),
        ("ordinal with passthrough", "forest", Averaged),
        ("target means", "classic boosting", InOrder),
        ("bins", "extra trees number", Averaged),
    ],
)
def test_the_fast_way_is_taken_and_gives_the_same_bits(preparation: str, final: str, kind: type) -> None:
    for method in pipelines.methods_of(pipelines.fitted(preparation, final)):
        plan = compiled(preparation, final, method)
        assert isinstance(plan.final, kind)
        frame = pipelines.frame(2500, seed=9, unseen=0.02)
        assert expect_the_same(plan, frame, [1200], encoded=True) == 2


@pytest.mark.parametrize("n_trees", [1, 30])
def test_rows_in_order_are_all_rows_and_neighbours_reach_the_same_leaves_more_often(n_trees: int) -> None:
    frame, target = _numbers()
    forest = RandomForestClassifier(n_trees, max_depth=6, random_state=0).fit(frame.to_numpy(), target)
    features = frame.to_numpy(np.float32)
    order = RowOrder.of([tree.tree_ for tree in forest.estimators_])(features)
    assert sorted(order) == list(range(len(frame)))
    leaves = forest.apply(features)
    n_alike, n_alike_in_order = (np.sum(each[1:] == each[:-1]) for each in (leaves, leaves[order]))
    assert n_alike_in_order > 2 * n_alike
    assert expect_the_same(_whole(forest, frame, Takes.ARRAY), frame, [200], encoded=False) == 2


def test_rows_are_in_order_by_coarse_bins_of_all_features_and_then_by_fine_ones() -> None:
    rng = np.random.default_rng(0)
    features = rng.random((4000, 11)).astype(np.float32)
    features[rng.random(features.shape) < 0.1] = np.nan
    forest = RandomForestRegressor(5, random_state=0).fit(features[:900], rng.random(900))
    row_order = RowOrder.of([tree.tree_ for tree in forest.estimators_])
    fine = [each.bins(features) for each in row_order.splits]
    assert all(
        np.array_equal(each == 9, np.isnan(features[:, at.feature]))
        for at, each in zip(row_order.splits, fine, strict=True)
    )
    digits = [each // 3 for each in fine] + fine
    assert np.array_equal(row_order(features), np.lexsort(digits[::-1]))  # NumPy wants the last one first


def test_the_features_that_split_most_rows_give_the_order_and_no_more_than_sixteen() -> None:
    features = np.random.default_rng(0).random((600, 40)).astype(np.float32)
    target = features[:, 7] + features[:, 31] / 3
    forest = RandomForestRegressor(20, max_depth=5, random_state=0).fit(features, target)
    splits = RowOrder.of([tree.tree_ for tree in forest.estimators_]).splits
    assert [each.feature for each in splits[:2]] == [7, 31]
    assert len(splits) == 16
    assert all((np.diff(each.cuts) >= 0).all() for each in splits)


def test_a_forest_that_never_splits_leaves_the_order_alone() -> None:
    frame, _ = _numbers()
    forest = RandomForestClassifier(3).fit(frame.to_numpy(), np.ones(len(frame)))
    assert not RowOrder.of([tree.tree_ for tree in forest.estimators_]).splits
    assert expect_the_same(_whole(forest, frame, Takes.ARRAY), frame, [200], encoded=False) == 2


def test_a_forest_that_learned_from_missing_numbers_scores_rows_with_and_without_them() -> None:
    frame = pipelines.frame(800, seed=2, nulls=0.2)[["miles", "fare"]]
    forest = RandomForestClassifier(12, random_state=0).fit(frame.to_numpy(), frame["miles"].isna())
    plan = _whole(forest, frame, Takes.ARRAY)
    assert isinstance(plan.final, Averaged)
    assert expect_the_same(plan, frame, [300], encoded=False) == 2
    assert expect_the_same(plan, frame.dropna(), [100], encoded=False) == 2


def test_rows_with_missing_numbers_take_the_fast_way_and_infinite_ones_are_refused_by_the_forest_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frame = pipelines.frame(800, seed=2, nulls=0.2)[["miles", "fare"]]
    forest = RandomForestClassifier(12, random_state=0).fit(frame.to_numpy(), frame["miles"].isna())
    final = forests.in_order(forest, Method.PREDICT)
    assert isinstance(final, Averaged)
    features = frame.to_numpy(np.float32, copy=True)
    expected = forest.predict(features)
    with monkeypatch.context() as patch:
        patch.setattr(InOrder, "score_array", lambda *_: pytest.fail("the slow way"))
        assert same_bits(final.score_array(features), expected)
    features[3, 0] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        final.score_array(features)


@pytest.mark.parametrize("kind", [RandomForestRegressor, ExtraTreesClassifier])
def test_forests_of_several_targets_answer_for_all_of_them(kind: Any) -> None:
    frame, target = _numbers()
    forest = kind(10, random_state=0).fit(frame.to_numpy(), np.column_stack([target, ~target]))
    assert isinstance(forests.in_order(forest, Method.PREDICT), InOrder)


def _whole(estimator: Any, frame: pd.DataFrame, takes: Takes = Takes.FRAME) -> CompiledPipeline:
    from batch_scorer.models.signature.columns import columns_from_frame

    columns = columns_from_frame(estimator, frame, where="here", names=tuple(frame.columns))
    signature = Signature(columns=columns, outputs={Method.PREDICT: ()}, takes=takes)
    return compile_pipeline(estimator, signature, Method.PREDICT, None)


def _numbers() -> tuple[pd.DataFrame, np.ndarray]:
    frame = pipelines.frame(500, seed=1, nulls=0.0)[["miles", "fare", "hour"]]
    return frame, (frame["fare"] > 14).to_numpy()


@pytest.mark.parametrize("takes", [Takes.FRAME, Takes.ARRAY])
def test_an_estimator_without_steps_is_fed_what_it_makes_of_a_table(takes: Takes) -> None:
    frame, target = _numbers()
    estimator = HistGradientBoostingClassifier(max_iter=5).fit(
        frame if takes is Takes.FRAME else frame.to_numpy(), target
    )
    assert expect_the_same(_whole(estimator, frame, takes), frame, [200], encoded=False) == 2


def test_the_best_estimator_of_a_search_is_compiled() -> None:
    frame = pipelines.frame(600, seed=1)
    search = GridSearchCV(
        pipelines.fitted("imputed, scaled and one-hot", "logistic"), {"final__C": [0.5, 1]}, cv=2
    )
    search.fit(frame, frame["hour"] > 11)
    plan = _whole(search, frame[list(search.feature_names_in_)])
    assert isinstance(plan.final, Linear)
    assert expect_the_same(plan, frame, [100], encoded=True) == 2


def test_a_linear_model_on_a_dense_table_is_called_itself() -> None:
    frame, target = _numbers()
    plan = _whole(LogisticRegression(max_iter=500).fit(frame, target), frame)
    assert not plan.final.rows_alone
    assert expect_the_same(plan, frame, [250], encoded=False) == 2


def test_the_taxi_models_give_the_same_bits(
    tmp_path: Any, pipelines: dict[str, Any], fresh_rides: Any
) -> None:
    for name, estimator in pipelines.items():
        loaded = _reloaded(estimator, tmp_path / name)
        plan = _whole(loaded, fresh_rides[list(loaded.feature_names_in_)])
        assert expect_the_same(plan, fresh_rides[list(loaded.feature_names_in_)], [300], encoded=True) == 2


def _reloaded(estimator: Any, path: Any) -> Any:
    joblib.dump(estimator, path)
    loaded = joblib.load(path)
    for step in (loaded, loaded[-1]):
        if hasattr(step, "n_jobs"):
            step.n_jobs = 1
    return loaded
