"""Values as unsigned integers of the same order, and the k-th smallest of more rows than memory holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from batch_scorer.arrow.whole import integers_under

_SIGN = np.uint64(1 << 63)
_DIGIT_BITS = 16
_N_DIGITS = 4

Keys = npt.NDArray[np.uint64]
Weights = npt.NDArray[np.int64]


def order_keys(values: pa.Array) -> Keys:
    """(n,) integers; a < b of values is a < b of keys, and equal values have equal keys.

    values: without nulls and NaN. Raises: TypeError, when they are neither numbers nor points in time.
    """
    kind = values.type
    if pa.types.is_floating(kind):
        bits = (_to_numpy(values).astype(np.float64) + 0.0).view(np.uint64)
        # Negative floats are ordered backwards in their bits: flip them all, else the sign only.
        return np.where(bits & _SIGN, ~bits, bits | _SIGN)
    if pa.types.is_unsigned_integer(kind):
        return _to_numpy(values).astype(np.uint64)
    return _to_numpy(values.view(integers_under(kind))).astype(np.int64).view(np.uint64) ^ _SIGN


def values_of(keys: Keys, kind: pa.DataType) -> pa.Array:
    """The values with these keys: the inverse of order_keys."""
    if pa.types.is_floating(kind):
        bits = np.where(keys & _SIGN, keys ^ _SIGN, ~keys)
        return pa.array(bits.view(np.float64)).cast(kind)
    if pa.types.is_unsigned_integer(kind):
        return pa.array(keys).cast(kind)
    return pa.array((keys ^ _SIGN).view(np.int64)).cast(integers_under(kind)).view(kind)


def smallest(ranks: Sequence[int], runs: Callable[[], Iterable[tuple[Keys, Weights]]]) -> Keys:
    """The keys at 0-based ranks, each below the sum of all weights; equal keys may come several times.

    runs: called once for every 16 bits; gives the same keys, and how often each counts, every time.
    Each pass counts the next digit of the keys that begin like a wanted one, so memory holds one run.
    """
    prefixes, below = np.zeros(len(ranks), np.uint64), np.array(ranks, np.int64)
    for digit in range(_N_DIGITS):
        low_bits = np.uint64(64 - _DIGIT_BITS * (digit + 1))
        counted = _count_digits(np.unique(prefixes), low_bits, runs())
        for i, prefix in enumerate(prefixes):
            cumulative = np.cumsum(counted[int(prefix)])
            chosen = int(np.searchsorted(cumulative, below[i], side="right"))
            below[i] -= cumulative[chosen - 1] if chosen else 0
            prefixes[i] = (prefix << np.uint64(_DIGIT_BITS)) | np.uint64(chosen)
    return prefixes


def _count_digits(
    prefixes: Keys, low_bits: np.uint64, runs: Iterable[tuple[Keys, Weights]]
) -> dict[int, Weights]:
    """By prefix, (2**16,) the weight of the keys that begin with it, by their next digit."""
    n_values = 2**_DIGIT_BITS
    counted = {int(prefix): np.zeros(n_values, np.int64) for prefix in prefixes}
    for keys, weights in runs:
        upper = keys >> low_bits
        parents, digits = upper >> np.uint64(_DIGIT_BITS), (upper & np.uint64(n_values - 1)).astype(np.int64)
        for prefix, counts in counted.items():
            mine = parents == np.uint64(prefix)
            # As floats, which is exact below 2**53 rows.
            counts += np.bincount(digits[mine], weights[mine], n_values).astype(np.int64)
    return counted


def _to_numpy(values: pa.Array) -> npt.NDArray[Any]:
    numbers: npt.NDArray[Any] = values.to_numpy(zero_copy_only=False)
    return numbers
