"""What scikit-learn's transformers do to a column of numbers, one step each.

Each takes (n,) values, which it leaves as they are, and gives (n,) new ones, by the very NumPy operation, in
the very types, that the transformer uses on the whole table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from batch_scorer.models.scoring.compiled.reasons import Unusual

Operation = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class Cast:
    dtype: np.dtype

    def __call__(self, values: np.ndarray) -> np.ndarray:
        return values.astype(self.dtype, copy=False)


@dataclass(frozen=True, slots=True)
class InPlace:
    """`values ufunc= operand`: what comes out keeps the type of the values. operand: (1,)."""

    ufunc: np.ufunc
    operand: np.ndarray

    def __call__(self, values: np.ndarray) -> np.ndarray:
        result = np.empty_like(values)
        self.ufunc(values, self.operand, out=result, casting="same_kind")
        return result


@dataclass(frozen=True, slots=True)
class Fill:
    """NaN becomes a number."""

    number: np.generic

    def __call__(self, values: np.ndarray) -> np.ndarray:
        missing = np.isnan(values)
        if not missing.any():
            return values
        filled = values.copy()
        filled[missing] = self.number
        return filled


@dataclass(frozen=True, slots=True)
class Clip:
    low: np.ndarray
    high: np.ndarray

    def __call__(self, values: np.ndarray) -> np.ndarray:
        require_no_infinity(values)
        clipped: np.ndarray = np.clip(values, self.low, self.high)
        return clipped


@dataclass(frozen=True, slots=True)
class Apply:
    """A NumPy function of one argument that works value by value."""

    ufunc: np.ufunc

    def __call__(self, values: np.ndarray) -> np.ndarray:
        require_no_infinity(values)
        result: np.ndarray = self.ufunc(values)
        require_no_infinity(result)
        return result


@dataclass(frozen=True, slots=True)
class IsMissing:
    def __call__(self, values: np.ndarray) -> np.ndarray:
        missing: np.ndarray = np.isnan(values)
        return missing


@dataclass(frozen=True, slots=True)
class Bin:
    """The number of the bin. inner_edges: (n_bins - 1,) ascending."""

    inner_edges: np.ndarray

    def __call__(self, values: np.ndarray) -> np.ndarray:
        if not np.isfinite(values).all():
            raise Unusual("a column that is cut into bins has a missing or infinite value")
        bins: np.ndarray = np.searchsorted(self.inner_edges, values, side="right").astype(values.dtype)
        return bins


@dataclass(frozen=True, slots=True)
class IsBin:
    number: int

    def __call__(self, values: np.ndarray) -> np.ndarray:
        there: np.ndarray = (values == self.number).astype(values.dtype)
        return there


def require_no_infinity(values: np.ndarray) -> None:
    """What is infinite between two steps makes the next one raise, in the original. Raises: Unusual."""
    if values.dtype.kind == "f" and np.isinf(values).any():
        raise Unusual("a calculation gave infinity")


def require_finite(values: np.ndarray) -> np.ndarray:
    """The values as they are. What is missing or infinite a step that validates refuses. Raises: Unusual."""
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise Unusual("a step that validates has a missing or infinite value")
    return values


def unsigned_zeros(values: np.ndarray) -> np.ndarray:
    """-0.0 becomes 0.0."""
    unsigned: np.ndarray = values + values.dtype.type(0)
    return unsigned
