"""An order of rows in which neighbours take the same way through trees.

A processor guesses at every node where a row will go on; among rows in any order it is often wrong, and that
is where the time goes. Every row is scored alone, so the order changes no bit of a result.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# The features that most rows are split by; the others would tell apart what is alike.
_MOST_FEATURES = 16
# Bins of a feature: first coarse ones of all features, so that all trees begin alike, then fine ones.
_FINE, _COARSE = 9, 3
_KEYS = 1 << 16  # NumPy sorts 16 bits by counting
_ENOUGH_NODES = 1 << 17  # to know where a forest splits


@dataclass(frozen=True, slots=True)
class _Splits:
    """cuts: (8,) float32, ascending; between two of them is a ninth of what this feature splits."""

    feature: int
    cuts: np.ndarray

    def bins(self, rows: np.ndarray) -> np.ndarray:
        """(n_rows,) uint8 of 0 to 9; missing values have a bin of their own."""
        values = np.ascontiguousarray(rows[:, self.feature])
        bins: np.ndarray = np.isnan(values).astype(np.uint8) * np.uint8(_FINE)
        for cut in self.cuts:
            bins += values > cut
        return bins


@dataclass(frozen=True, slots=True)
class RowOrder:
    splits: tuple[_Splits, ...]

    @classmethod
    def of(cls, trees: Sequence[Any]) -> RowOrder:
        """trees: `sklearn.tree._tree.Tree`s, one or more."""
        feature, threshold, weight = _inner_nodes(trees)
        total = np.bincount(feature, weight)
        most = [each for each in np.argsort(-total, kind="stable")[:_MOST_FEATURES] if total[each]]
        return cls(tuple(_splits(each, threshold[feature == each], weight[feature == each]) for each in most))

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """rows: (n_rows, n_features) float32. Returns: positions, (n_rows,)."""
        fine = [each.bins(rows) for each in self.splits]
        keys = [*_packed([each // _COARSE for each in fine], _COARSE + 1), *_packed(fine, _FINE + 1)]
        order = np.arange(len(rows))
        for key in reversed(keys):
            order = order[np.argsort(key[order], kind="stable")]
        return order


def _inner_nodes(trees: Sequence[Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the first trees: feature, threshold, and how much of the training data came by, (n_nodes,) each."""
    n_nodes = np.cumsum([tree.node_count for tree in trees])
    first = trees[: 1 + int(np.searchsorted(n_nodes, _ENOUGH_NODES))]
    inner = [tree.children_left >= 0 for tree in first]
    of_all = (
        np.concatenate([getattr(tree, name)[mine] for tree, mine in zip(first, inner, strict=True)])
        for name in ("feature", "threshold", "weighted_n_node_samples")
    )
    feature, threshold, weight = of_all
    return feature, threshold, weight


def _splits(feature: int, threshold: np.ndarray, weight: np.ndarray) -> _Splits:
    ascending = np.argsort(threshold, kind="stable")
    reached = np.cumsum(weight[ascending])
    at = np.searchsorted(reached, reached[-1] * np.arange(1, _FINE) / _FINE)
    return _Splits(int(feature), threshold[ascending][at].astype(np.float32))


def _packed(digits: Sequence[np.ndarray], base: int) -> Iterator[np.ndarray]:
    """Keys that sort like the digits: as many digits of this base in each as it can hold.

    digits: (n_rows,) uint8 each, the first one is the most significant. Yields: (n_rows,) uint16 each.
    """
    in_one = int(np.log(_KEYS) / np.log(base))
    for start in range(0, len(digits), in_one):
        key = np.zeros(len(digits[start]), dtype=np.uint16)
        for digit in digits[start : start + in_one]:
            key = key * np.uint16(base) + digit
        yield key
