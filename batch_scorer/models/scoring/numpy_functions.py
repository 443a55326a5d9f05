"""Functions of `model.output` on NumPy values: int64, float64, bool, or object holding str; no nulls."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

_WHOLE_FROM = 2.0**52  # from here on a float64 has no fraction
_INT64_MIN = np.iinfo("int64").min


def absolute(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Also, per row: does the answer not fit?"""
    result: np.ndarray = np.abs(values)
    return result, (values == _INT64_MIN) & (values.dtype.kind == "i")


def rounded(values: np.ndarray, digits: int) -> np.ndarray:
    """A half goes to the even neighbour, as in Arrow, Python and IEEE 754."""
    if values.dtype.kind != "f":
        return values
    scale = 10.0**digits
    result: np.ndarray = np.where(np.abs(values) >= _WHOLE_FROM, values, np.rint(values * scale) / scale)
    return result


def smaller(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """NaN wins over every number, so that it is seen."""
    result: np.ndarray = np.where(np.less(left, right) | np.isnan(left), left, right)
    return result


def larger(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.where(np.greater(left, right) | np.isnan(left), left, right)
    return result


def position_of_largest(values: np.ndarray) -> np.ndarray:
    """As scikit-learn's predict decides: the first of equals; of one value per row 1 where it is above 0.

    values: (n_rows, n) or (n_rows,). Returns: (n_rows,) int64.
    """
    largest: np.ndarray = values > 0 if values.ndim == 1 else np.argmax(values, axis=1)
    return largest.astype("int64")


def _unless_whole(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda values: function(values) if values.dtype.kind == "f" else values


OF_ONE_NUMBER: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "floor": _unless_whole(np.floor),
    "ceil": _unless_whole(np.ceil),
    "sqrt": lambda values: np.sqrt(values.astype("float64")),
    "exp": lambda values: np.exp(values.astype("float64")),
    "ln": lambda values: np.log(values.astype("float64")),
}
EXTREMES: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {"min": smaller, "max": larger}
