"""Exact sums of a few thousand numbers at a time, as Python's whole numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

BLOCK = 2**14  # values; a block and its scratch space stay in the processor's second cache
_BITS = 38  # of each value in one pass: BLOCK of them sum to less than 2**53, so exactly
_INT_BLOCK = 2**15
LOWEST = -1074  # every float64 is a multiple of 2**-1074
_TINY = -900  # below 2**-900 the reciprocal of a grid would overflow: scale first
_SCALE = 200
_LOW_32 = 0xFFFF_FFFF

Floats = npt.NDArray[np.float64]


def largest(values: Floats) -> float:
    """The largest absolute value; NaN, when one is."""
    return max(float(values.max()), -float(values.min())) if len(values) else 0.0


def block_sum(values: Floats, top: float, scratch: Floats) -> int:
    """In units of 2**-1074. top: the largest absolute value. scratch: (2, len(values)), whatever is in it.

    Each pass takes the bits above a grid off every value. What is taken are whole numbers of grid steps,
    below 2**38, so that their sum is exact; what remains is exact, for it is the value's own lower bits.
    Source: the error-free extraction of Rump, Ogita, Oishi, Accurate floating-point summation I (2008).
    """
    if (quick := _sum_in_two_passes(values, top, scratch)) is not None:
        return quick
    total = scaled = 0
    steps, taken = scratch
    rest = values
    while top > 0:
        if top < 2.0**_TINY and not scaled:
            rest, top, scaled = rest * 2.0**_SCALE, top * 2.0**_SCALE, _SCALE
            continue
        grid = max(math.frexp(top)[1] - _BITS, LOWEST + scaled)
        np.multiply(rest, 2.0**-grid, out=steps)
        np.trunc(steps, out=taken)  # not rounded: 1.8e308 rounded up would be infinite
        total += int(taken.sum()) << (grid - scaled - LOWEST)
        taken *= 2.0**grid
        rest = rest - taken
        top = largest(rest)
    return total


def _sum_in_two_passes(values: Floats, top: float, scratch: Floats) -> int | None:
    """The same of values whose bits all lie within 76 of the highest one, as of money; of counts one will do.

    None when they do not, or when one might leave the range of floats on its way to steps of the grid.
    """
    if not 2.0**_TINY <= top < 2.0**_BITS:
        return None
    grid = math.frexp(top)[1] - _BITS  # 0 at most, so that no value becomes 0 that is not
    steps, taken = scratch
    np.multiply(values, 2.0**-grid, out=steps)
    total = 0
    for _ in range(2):
        np.trunc(steps, out=taken)
        total = (total << _BITS) + int(taken.sum())
        if (steps == taken).all():
            return total << (grid - LOWEST)
        steps -= taken
        steps *= 2.0**_BITS
        grid -= _BITS
    return None


def integer_sum(values: npt.NDArray[Any]) -> int:
    """Of any integer type, however large the sum."""
    if values.dtype.itemsize <= 4:
        kind = np.uint64 if values.dtype.kind == "u" else np.int64
        return int(values.sum(dtype=kind))  # less than 2**32 values: at most 2**63
    high = low = 0
    for start in range(0, len(values), _INT_BLOCK):
        block = values[start : start + _INT_BLOCK]
        high += int((block >> 32).sum())
        low += int((block & _LOW_32).sum())
    return (high << 32) + low
