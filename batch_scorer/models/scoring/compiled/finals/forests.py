"""Forests and classic boosted trees, on rows in an order in which neighbours take the same way."""

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
from batch_scorer.models.scoring.compiled.finals.row_order import RowOrder
from batch_scorer.models.scoring.compiled.running.table import Table
from batch_scorer.models.scoring.results import as_array

_AVERAGED = (ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor)
_BOOSTED = (GradientBoostingClassifier, GradientBoostingRegressor)
_METHODS = (Method.PREDICT, Method.PREDICT_PROBA, Method.DECISION_FUNCTION)


@dataclass(frozen=True, slots=True)
class InOrder:
    """The estimator's own method, on sorted rows."""

    estimator: Any
    method: Method
    row_order: RowOrder

    @property
    def rows_alone(self) -> bool:
        return True

    def score(self, table: Table) -> np.ndarray:
        return self.score_array(_features(table))

    def score_array(self, features: np.ndarray) -> np.ndarray:
        """features: (n_rows, n_features) float32."""
        order = self.row_order(features)
        scored = getattr(self.estimator, self.method.value)(features[order])
        return _back(as_array(scored, self.method), order)


@dataclass(frozen=True, slots=True)
class Averaged:
    """The mean of the trees' answers, added in their order as scikit-learn adds them."""

    estimator: Any
    method: Method
    row_order: RowOrder

    @property
    def rows_alone(self) -> bool:
        return True

    def score(self, table: Table) -> np.ndarray:
        return self.score_array(_features(table))

    def score_array(self, features: np.ndarray) -> np.ndarray:
        """features: (n_rows, n_features) float32."""
        if np.isinf(features).any():  # which the estimator refuses in its own words
            return InOrder(self.estimator, self.method, self.row_order).score_array(features)
        order = self.row_order(features)
        mean = _back(_mean(_trees(self.estimator), features[order]), order)
        match self.method:
            case Method.PREDICT if hasattr(self.estimator, "classes_"):
                return answering(self.estimator, self.method, "predict_proba", mean)
            case Method.PREDICT:
                return as_array(mean[:, 0], self.method)
            case _:
                return as_array(mean, self.method)


def in_order(estimator: Any, method: Method) -> Final | None:
    # Boosting that begins with what another estimator says: dense algebra rounds by the batch.
    boosted = type(estimator) in _BOOSTED and estimator.init in (None, "zero")
    if method not in _METHODS or not (type(estimator) in _AVERAGED or boosted):
        return None
    final = InOrder if boosted or estimator.n_outputs_ != 1 else Averaged
    return final(estimator, method, RowOrder.of(_trees(estimator)))


def _features(table: Table) -> np.ndarray:
    """Trees compare float32, row by row: what the estimator would make of the table itself."""
    return table.array(dtype=np.float32, order="C")


def _trees(estimator: Any) -> list[Any]:
    return [tree.tree_ for tree in np.ravel(estimator.estimators_)]


def _mean(trees: Sequence[Any], features: np.ndarray) -> np.ndarray:
    """(n_rows, n_values)."""
    total = np.zeros((len(features), trees[0].value.shape[2]))
    held = np.empty_like(total)
    for tree in trees:
        # Clipped, so that NumPy writes where it is told.
        tree.value[:, 0].take(tree.apply(features), axis=0, out=held, mode="clip")
        total += held
    total /= len(trees)
    return total


def _back(scored: np.ndarray, order: np.ndarray) -> np.ndarray:
    """To the rows as they came."""
    result = np.empty_like(scored)
    result[order] = scored
    return result
