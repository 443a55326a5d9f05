"""Histogram gradient boosting: leaves found for all trees at once, their values added tree after tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from batch_scorer.core.models import Method
from batch_scorer.models.scoring.compiled.finals.bitvectors import (
    LARGEST,
    Bitvectors,
    Feature,
    Split,
    Tree,
    bitvectors,
)
from batch_scorer.models.scoring.compiled.finals.final import answering
from batch_scorer.models.scoring.compiled.running.table import Table

_METHODS = (Method.PREDICT, Method.PREDICT_PROBA, Method.DECISION_FUNCTION)
_BLOCK_BYTES = 1 << 19  # of bits: what the processor's own cache holds beside the tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Boosted:
    """targets: for each column of the raw prediction its trees, in the order they are added."""

    estimator: Any
    method: Method
    baseline: np.ndarray
    targets: tuple[Bitvectors, ...]

    @property
    def rows_alone(self) -> bool:
        return True

    def score(self, table: Table) -> np.ndarray:
        _require_calculable(table, but={own.position for trees in self.targets for own in trees.features})
        raw = np.zeros((table.n_rows, len(self.targets)), dtype=self.baseline.dtype, order="F")
        raw += self.baseline
        for target, trees in enumerate(self.targets):
            _add(raw[:, target], trees, table)
        return answering(self.estimator, self.method, "_raw_predict", raw)


def boosted(estimator: Any, method: Method) -> Boosted | None:
    """None: not of this kind, or its trees have too many leaves or splits by category."""
    if type(estimator) not in (HistGradientBoostingClassifier, HistGradientBoostingRegressor):
        return None
    if method not in _METHODS or getattr(estimator, "_preprocessor", None) is not None:
        return None
    trees = [[predictor.nodes for predictor in iteration] for iteration in estimator._predictors]
    nodes = [own for iteration in trees for own in iteration]
    if not nodes or any(own["is_categorical"].any() for own in nodes):
        return None
    if max(int(own["is_leaf"].sum()) for own in nodes) > LARGEST or all(len(own) == 1 for own in nodes):
        return None
    targets = zip(*trees, strict=True)
    return Boosted(
        estimator=estimator,
        method=method,
        baseline=estimator._baseline_prediction,
        targets=tuple(bitvectors(list(map(_tree, own)), estimator.n_features_in_) for own in targets),
    )


def _tree(nodes: np.ndarray) -> Tree:
    return Tree(nodes=tuple(_leaf_or_split(node) for node in nodes))


def _leaf_or_split(node: np.void) -> Split | float:
    if node["is_leaf"]:
        return float(node["value"])
    return Split(
        feature=int(node["feature_idx"]),
        threshold=float(node["num_threshold"]),
        left=int(node["left"]),
        right=int(node["right"]),
        missing_left=bool(node["missing_go_to_left"]),
    )


def _require_calculable(table: Table, *, but: set[int]) -> None:
    """Columns that no tree looks at, so that nobody calculates them, have their errors as well.

    Those that were only cast have none: what is infinite was refused where it was read, and no cast narrows.
    Raises: Unusual.
    """
    for at, track in enumerate(table.plan.tracks):
        if not (track.looked_up or track.is_as_read or at in but):
            for rows in table.blocks():
                table.column(at, rows)


def _add(raw: np.ndarray, trees: Bitvectors, table: Table) -> None:
    """raw: (n_rows,) += the value of the first tree, then of the second …, as scikit-learn adds them."""
    of_values = {
        feature.position: trees.codes(feature, _floats(table.values(feature.position)))
        for feature in trees.features
        if table.plan.tracks[feature.position].looked_up
    }
    size = max(64, _BLOCK_BYTES // (trees.n_trees * trees.n_bits // 8))
    for start in range(0, table.n_rows, size):
        rows = slice(start, min(start + size, table.n_rows))
        codes = [_codes(feature, trees, of_values, table, rows) for feature in trees.features]
        own = raw[rows]
        for values in trees.leaf_values(codes):
            own += values


def _codes(
    feature: Feature, trees: Bitvectors, of_values: dict[int, np.ndarray], table: Table, rows: slice
) -> np.ndarray:
    at = feature.position
    if at in of_values:
        return of_values[at].take(table.codes(at)[rows])
    return trees.codes(feature, _floats(table.column(at, rows)))


def _floats(values: np.ndarray) -> np.ndarray:
    floats: np.ndarray = values.astype(np.float64, copy=False)
    return floats
