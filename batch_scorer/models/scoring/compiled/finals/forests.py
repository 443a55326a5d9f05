"""Forests and classic boosted trees, on rows in an order in which neighbours take the same way.

A processor guesses at every node where a row will go on; among rows in any order it is often wrong, and that
is where the time goes. Every row is scored alone, so the order changes no bit of a result.
"""

from __future__ import annotations

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
from batch_scorer.models.scoring.compiled.running.table import Table
from batch_scorer.models.scoring.results import as_array

_KNOWN = (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
_METHODS = (Method.PREDICT, Method.PREDICT_PROBA, Method.DECISION_FUNCTION)
# Trees whose leaves give the order: more put more rows beside their like, and each is asked once more.
_FEWEST_LEADING, _MOST_LEADING = 2, 5
_ONE_IN = 20
_MOST_KEYS = 2**62


@dataclass(frozen=True, slots=True)
class InOrder:
    estimator: Any
    method: Method

    @property
    def rows_alone(self) -> bool:
        return True

    def score(self, table: Table) -> np.ndarray:
        # Trees compare float32, row by row: what the estimator would make of the table itself.
        features = table.array(dtype=np.float32, order="C")
        order = self._order(features)
        scored = as_array(getattr(self.estimator, self.method.value)(features[order]), self.method)
        result = np.empty_like(scored)
        result[order] = scored
        return result

    def _order(self, features: np.ndarray) -> np.ndarray:
        """(n_rows,): by the leaf of the first tree; where that is the same, of the second; and so on."""
        trees = [tree.tree_ for tree in np.ravel(self.estimator.estimators_)]
        n_leading = min(_MOST_LEADING, max(_FEWEST_LEADING, len(trees) // _ONE_IN))
        keys, n_keys = np.zeros(len(features), dtype=np.int64), 1
        for tree in trees[:n_leading]:
            n_keys *= tree.node_count
            if n_keys > _MOST_KEYS:
                break
            keys = keys * tree.node_count + tree.apply(features)
        return np.argsort(keys)


def in_order(estimator: Any, method: Method) -> InOrder | None:
    if type(estimator) not in _KNOWN or method not in _METHODS:
        return None
    if getattr(estimator, "init", None) not in (None, "zero"):
        return None  # boosting begins with what that estimator says, and dense algebra rounds by the batch
    return InOrder(estimator, method)
