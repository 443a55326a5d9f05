"""Trees of at most 64 leaves as bits: which leaves a row can still reach.

A tree's leaves are numbered from left to right, one bit each. A split that sends a row to the right takes
away the leaves on its left; what all splits of a feature leave is looked up by the row's value, in one table
for all trees. The lowest bit that stays after all features is the row's leaf: no split on the way to it takes
it away, and each leaf before it is taken away by the split where the ways part.
Source: Lucchese et al., QuickScorer (SIGIR 2015).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LARGEST = 64  # leaves
# Times a power of two, the top six bits are different for each: de Bruijn sequences.
_DE_BRUIJN = {32: 0x077CB531, 64: 0x03F79D71B4CB0A89}


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A node that is no leaf. left, right: node numbers. missing_left: where NaN goes."""

    feature: int
    threshold: float
    left: int
    right: int
    missing_left: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """nodes: a split, or a leaf's value; the root is first."""

    nodes: tuple[Split | float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """thresholds: (n,) ascending, of all trees.

    kept: (n + 2, n_trees), the leaves that stay for a value that is above so many thresholds; last: for NaN.
    """

    position: int
    thresholds: np.ndarray
    kept: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Bitvectors:
    """leaves: (n_trees * n_bits,) values, a tree's by the hash of the leaf's bit."""

    features: tuple[Feature, ...]
    leaves: np.ndarray
    n_trees: int
    n_bits: int

    def codes(self, feature: Feature, values: np.ndarray) -> np.ndarray:
        """Rows of feature.kept for (n_rows,) float64 values."""
        codes = np.searchsorted(feature.thresholds, values, side="left")
        missing = np.isnan(values)
        if missing.any():
            codes[missing] = len(feature.thresholds) + 1
        return codes

    def leaf_values(self, codes: list[np.ndarray]) -> np.ndarray:
        """codes: of each feature, (n_rows,). Returns: (n_trees, n_rows)."""
        first, *others = zip(self.features, codes, strict=True)
        kept = first[0].kept.take(first[1], axis=0)
        held = np.empty_like(kept)
        for feature, own in others:
            feature.kept.take(own, axis=0, out=held, mode="clip")
            np.bitwise_and(kept, held, out=kept)
        np.negative(kept, out=held)
        np.bitwise_and(kept, held, out=kept)  # the lowest bit
        np.multiply(kept, kept.dtype.type(_DE_BRUIJN[self.n_bits]), out=kept)
        np.right_shift(kept, kept.dtype.type(_shift(self.n_bits)), out=kept)
        places = kept.T.astype(np.intp)
        places += (np.arange(self.n_trees) * self.n_bits)[:, None]
        values: np.ndarray = self.leaves.take(places)
        return values


def bitvectors(trees: list[Tree], n_features: int) -> Bitvectors:
    """trees: each of at most LARGEST leaves, one of them with a split."""
    n_bits = 32 if max(_n_leaves(tree) for tree in trees) <= 32 else 64
    full = np.iinfo(f"u{n_bits // 8}").max
    thresholds = _thresholds(trees, n_features)
    kept = [np.full((len(own) + 2, len(trees)), full, dtype=f"u{n_bits // 8}") for own in thresholds]
    leaves = np.zeros((len(trees), n_bits))
    hashes = [((_DE_BRUIJN[n_bits] << bit) % 2**n_bits) >> _shift(n_bits) for bit in range(n_bits)]
    for number, tree in enumerate(trees):
        order = _leaf_order(tree)
        for split, left in order.splits:
            staying = kept[0].dtype.type(full - left)
            rank = int(np.searchsorted(thresholds[split.feature], split.threshold))
            kept[split.feature][rank + 1 : -1, number] &= staying
            if not split.missing_left:
                kept[split.feature][-1, number] &= staying
        for bit, value in enumerate(order.values):
            leaves[number, hashes[bit]] = value
    used = [at for at, own in enumerate(thresholds) if len(own)]
    return Bitvectors(
        features=tuple(Feature(position=at, thresholds=thresholds[at], kept=kept[at]) for at in used),
        leaves=leaves.ravel(),
        n_trees=len(trees),
        n_bits=n_bits,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _LeafOrder:
    """values: of the leaves, from left to right. splits: each with the bits of the leaves on its left."""

    values: list[float]
    splits: list[tuple[Split, int]]


def _leaf_order(tree: Tree) -> _LeafOrder:
    values: list[float] = []
    splits: list[tuple[Split, int]] = []

    def below(number: int) -> int:
        node = tree.nodes[number]
        if not isinstance(node, Split):
            values.append(node)
            return 1 << (len(values) - 1)
        left = below(node.left)
        right = below(node.right)
        splits.append((node, left))
        return left | right

    below(0)
    return _LeafOrder(values=values, splits=splits)


def _thresholds(trees: list[Tree], n_features: int) -> list[np.ndarray]:
    found: list[set[float]] = [set() for _ in range(n_features)]
    for tree in trees:
        for node in tree.nodes:
            if isinstance(node, Split):
                found[node.feature].add(node.threshold)
    return [np.array(sorted(own), dtype=np.float64) for own in found]


def _n_leaves(tree: Tree) -> int:
    return sum(not isinstance(node, Split) for node in tree.nodes)


def _shift(n_bits: int) -> int:
    return n_bits - n_bits.bit_length() + 1
