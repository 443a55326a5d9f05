"""Forests and classic boosted trees, on rows in an order in which neighbours take the same way.

A processor guesses at every node where a row will go on; among rows in any order it is often wrong, and that
is where the time goes. Every row is scored alone, so the order changes no bit of a result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from batch_scorer.core.models import Method
from batch_scorer.models.scoring.compiled.finals.final import Final, answering
from batch_scorer.models.scoring.compiled.running.table import Table
from batch_scorer.models.scoring.results import as_array

_AVERAGED = (ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor)
_BOOSTED = (GradientBoostingClassifier, GradientBoostingRegressor)
_METHODS = (Method.PREDICT, Method.PREDICT_PROBA, Method.DECISION_FUNCTION)
# Trees whose leaves give the order: more put more rows beside their like. The first ones are asked of rows in
# no order yet.
_FIRST, _MOST = 2, 8
_KEY_BITS = 15  # NumPy sorts 16 bits by counting


@dataclass(frozen=True, slots=True)
class InOrder:
    """The estimator's own method, on sorted rows."""

    estimator: Any
    method: Method

    @property
    def rows_alone(self) -> bool:
        return True

    def score(self, table: Table) -> np.ndarray:
        return self.score_array(_features(table))

    def score_array(self, features: np.ndarray) -> np.ndarray:
        """features: (n_rows, n_features) float32."""
        trees = _trees(self.estimator)
        order, _ = _in_order(_leading(trees, one_in=20), features)  # each is asked again
        scored = getattr(self.estimator, self.method.value)(features[order])
        return _back(as_array(scored, self.method), order)


@dataclass(frozen=True, slots=True)
class Averaged:
    """The mean of the trees' answers, added in their order as scikit-learn adds them.

    The leaves of those that give the order are not looked for twice.
    """

    estimator: Any
    method: Method

    @property
    def rows_alone(self) -> bool:
        return True

    def score(self, table: Table) -> np.ndarray:
        features = _features(table)
        if not np.isfinite(features).all():  # which the estimator takes, or refuses in its own words
            return InOrder(self.estimator, self.method).score_array(features)
        trees = _trees(self.estimator)
        order, leaves = _in_order(_leading(trees, one_in=4), features)
        mean = _back(_mean(trees, features[order], leaves), order)
        match self.method:
            case Method.PREDICT if hasattr(self.estimator, "classes_"):
                return answering(self.estimator, self.method, "predict_proba", mean)
            case Method.PREDICT:
                return as_array(mean[:, 0], self.method)
            case _:
                return as_array(mean, self.method)


def in_order(estimator: Any, method: Method) -> Final | None:
    if type(estimator) in _AVERAGED and method in _METHODS:
        return (Averaged if estimator.n_outputs_ == 1 else InOrder)(estimator, method)
    # Boosting that begins with what another estimator says: dense algebra rounds by the batch.
    if type(estimator) in _BOOSTED and method in _METHODS and estimator.init in (None, "zero"):
        return InOrder(estimator, method)
    return None


def _features(table: Table) -> np.ndarray:
    """Trees compare float32, row by row: what the estimator would make of the table itself."""
    return table.array(dtype=np.float32, order="C")


def _trees(estimator: Any) -> list[Any]:
    return [tree.tree_ for tree in np.ravel(estimator.estimators_)]


def _leading(trees: Sequence[Any], one_in: int) -> Sequence[Any]:
    """Those that give the order."""
    return trees[: min(_MOST, max(_FIRST, len(trees) // one_in))]


def _mean(trees: Sequence[Any], features: np.ndarray, leaves: Sequence[np.ndarray]) -> np.ndarray:
    """(n_rows, n_values). leaves: of the first trees, (n_rows,) each."""
    total = np.zeros((len(features), trees[0].value.shape[2]))
    held = np.empty_like(total)
    for number, tree in enumerate(trees):
        own = leaves[number] if number < len(leaves) else tree.apply(features)
        tree.value[:, 0].take(own, axis=0, out=held, mode="clip")  # so that NumPy writes where it is told
        total += held
    total /= len(trees)
    return total


def _in_order(leading: Sequence[Any], features: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """(n_rows,): by the leaf of the first tree; where that is the same, of the second; and so on.

    Returns: also the leaves of those trees, (n_rows,) each, in that order.
    """
    leaves = [tree.apply(features) for tree in leading[:_FIRST]]
    order = _order(leading, leaves)
    leaves = [own[order] for own in leaves]
    if len(leading) > _FIRST:
        features = features[order]
        leaves += [tree.apply(features) for tree in leading[_FIRST:]]
        finer = _order(leading, leaves)
        order, leaves = order[finer], [own[finer] for own in leaves]
    return order, leaves


def _order(trees: Sequence[Any], leaves: Sequence[np.ndarray]) -> np.ndarray:
    order = np.arange(len(leaves[0]))
    for tree, own in reversed(list(zip(trees, leaves, strict=False))):
        # Of a tree with more nodes, its regions: their numbers begin alike.
        bits_too_many = max(0, int(tree.node_count - 1).bit_length() - _KEY_BITS)
        keys = (own >> bits_too_many).astype(np.int16)
        order = order[np.argsort(keys[order], kind="stable")]
    return order


def _back(scored: np.ndarray, order: np.ndarray) -> np.ndarray:
    """To the rows as they came."""
    result = np.empty_like(scored)
    result[order] = scored
    return result
