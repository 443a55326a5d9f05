"""Sums and moments that do not depend on how the rows were cut: no rounding before the very end."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from batch_scorer.validation.streaming.block_sums import (
    BLOCK,
    LOWEST,
    Floats,
    block_sum,
    integer_sum,
    largest,
)

_LOW_32 = 0xFFFF_FFFF
_VELTKAMP = 134_217_729.0  # 2**27 + 1
_SQUARES_TO = 2.0**480  # squares of larger ones, or of what is split off them, may overflow
_SQUARES_FROM = 2.0**-480  # and of smaller ones lose bits
_SQUARES_SCALE = 600
_ROOT_BITS = 64  # of a square root before it is rounded to 53


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactSum:
    """mantissa × 2**exponent, and how many infinities of either sign were added.

    mantissa is odd, or it is 0 and so is exponent: equal sums are equal objects.
    """

    mantissa: int = 0
    exponent: int = 0
    plus_infinities: int = 0
    minus_infinities: int = 0

    @classmethod
    def of(cls, values: npt.NDArray[Any]) -> Self:
        """values: (n,) floats of up to 64 bits, or integers. Raises: ValueError, when one is NaN."""
        if values.dtype.kind in "iub":
            return cls._dyadic(integer_sum(values), 0)
        plus = minus = total = 0
        with np.errstate(all="ignore"):  # a value far below the grid underflows to 0, as it should
            scratch = np.empty((2, min(BLOCK, len(values))))
            for start in range(0, len(values), BLOCK):
                block = values[start : start + BLOCK].astype(np.float64, copy=False)
                top = largest(block)
                if not math.isfinite(top):
                    if np.isnan(block).any():
                        raise ValueError("NaN has no place in a sum: filter it out before")
                    plus += int(np.count_nonzero(block == np.inf))
                    minus += int(np.count_nonzero(block == -np.inf))
                    block = block[np.isfinite(block)]
                    top = largest(block)
                total += block_sum(block, top, scratch[:, : len(block)])
        return cls._dyadic(total, LOWEST, plus, minus)

    def __add__(self, other: Self) -> Self:
        low = min(self.exponent, other.exponent)
        return self._dyadic(
            (self.mantissa << (self.exponent - low)) + (other.mantissa << (other.exponent - low)),
            low,
            self.plus_infinities + other.plus_infinities,
            self.minus_infinities + other.minus_infinities,
        )

    def times_power_of_two(self, power: int) -> Self:
        """The sum of the same values, each × 2**power."""
        return self._dyadic(self.mantissa, self.exponent + power, self.plus_infinities, self.minus_infinities)

    @property
    def n_infinities(self) -> int:
        return self.plus_infinities + self.minus_infinities

    def value(self) -> float:
        """The float64 nearest to the sum, ties to even; ∞ − ∞ is NaN."""
        return self.divided_by(1)

    def divided_by(self, n: int) -> float:
        """The float64 nearest to the sum / n; n > 0."""
        if self.plus_infinities and self.minus_infinities:
            return math.nan
        if self.n_infinities:
            return math.inf if self.plus_infinities else -math.inf
        return _nearest(self.mantissa, n, self.exponent)

    def as_integer(self) -> int:
        """The sum itself. Raises: ValueError, when it is no integer."""
        if self.n_infinities or self.exponent < 0:
            raise ValueError(f"{self.value()} is no integer")
        return self.mantissa << self.exponent

    def as_json(self) -> dict[str, Any]:
        """Hexadecimal, for a JSON number may not hold more than 53 bits."""
        return {
            "mantissa": hex(self.mantissa),
            "exponent": self.exponent,
            "infinities": [self.plus_infinities, self.minus_infinities],
        }

    @classmethod
    def from_json(cls, parts: Mapping[str, Any]) -> Self:
        """What as_json gave. Raises: ValueError, KeyError, TypeError."""
        plus, minus = parts["infinities"]
        return cls._dyadic(int(parts["mantissa"], 16), int(parts["exponent"]), int(plus), int(minus))

    @classmethod
    def _dyadic(cls, mantissa: int, exponent: int, plus: int = 0, minus: int = 0) -> Self:
        trailing_zeros = (mantissa & -mantissa).bit_length() - 1 if mantissa else 0
        return cls(
            mantissa=mantissa >> trailing_zeros,
            exponent=exponent + trailing_zeros if mantissa else 0,
            plus_infinities=plus,
            minus_infinities=minus,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """How many values there are, and their sum: a quarter of the work of their moments."""

    n: int = 0
    total: ExactSum = ExactSum()

    @classmethod
    def of(cls, values: npt.NDArray[Any]) -> Self:
        """values: (n,) floats of up to 64 bits, or integers. Raises: ValueError, when one is NaN."""
        return cls(n=len(values), total=ExactSum.of(values))

    def __add__(self, other: Self) -> Self:
        return type(self)(n=self.n + other.n, total=self.total + other.total)

    def sum(self) -> float:
        """The float64 nearest to the sum; 0 when there are no values."""
        return self.total.value()

    def mean(self) -> float:
        """The float64 nearest to the mean; NaN when there are no values."""
        return self.total.divided_by(self.n) if self.n else math.nan

    def as_json(self) -> dict[str, Any]:
        return {"n": self.n, "total": self.total.as_json()}

    @classmethod
    def from_json(cls, parts: Mapping[str, Any]) -> Self:
        """What as_json gave. Raises: ValueError, KeyError, TypeError."""
        return cls(n=int(parts["n"]), total=ExactSum.from_json(parts["total"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """How many values there are, their sum and the sum of their squares."""

    n: int = 0
    total: ExactSum = ExactSum()
    squares: ExactSum = ExactSum()

    @classmethod
    def of(cls, values: npt.NDArray[Any]) -> Self:
        """values: (n,) floats of up to 64 bits, or integers. Raises: ValueError, when one is NaN."""
        squares = _integer_squares if values.dtype.kind in "iub" else _float_squares
        return cls(n=len(values), total=ExactSum.of(values), squares=squares(values))

    def __add__(self, other: Self) -> Self:
        return type(self)(
            n=self.n + other.n, total=self.total + other.total, squares=self.squares + other.squares
        )

    def stdev(self) -> float:
        """The float64 nearest to √(Σ(x − mean)² / (n − 1)); NaN below two values, or with an infinity."""
        if self.n < 2 or self.total.n_infinities:
            return math.nan
        # n·Σx² − (Σx)², over n·(n − 1); both sums in units of 2**low and 2**(2·low)
        low = min(self.total.exponent, self.squares.exponent // 2)
        total = self.total.mantissa << (self.total.exponent - low)
        squares = self.squares.mantissa << (self.squares.exponent - 2 * low)
        return _nearest_root(self.n * squares - total * total, self.n * (self.n - 1), low)

    def as_json(self) -> dict[str, Any]:
        return {"n": self.n, "total": self.total.as_json(), "squares": self.squares.as_json()}

    @classmethod
    def from_json(cls, parts: Mapping[str, Any]) -> Self:
        """What as_json gave. Raises: ValueError, KeyError, TypeError."""
        return cls(
            n=int(parts["n"]),
            total=ExactSum.from_json(parts["total"]),
            squares=ExactSum.from_json(parts["squares"]),
        )


def _integer_squares(values: npt.NDArray[Any]) -> ExactSum:
    """x = high·2**32 + low, so x² = high²·2**64 + 2·high·low·2**32 + low²; none of them overflows."""
    if values.dtype.itemsize < 8:
        wide = values.astype(np.int64)
        if values.dtype.itemsize < 4 or values.dtype.kind == "i":
            return ExactSum.of(wide * wide)
        return ExactSum.of((wide.astype(np.uint64)) ** 2)
    if len(values) and int(values.max()) < 2**31 and int(values.min()) >= -(2**31):
        return ExactSum.of(values * values)
    high, low = values >> 32, (values & _LOW_32).astype(np.uint64)
    return (
        ExactSum.of(high * high).times_power_of_two(64)
        + ExactSum.of(high * low.astype(values.dtype)).times_power_of_two(33)
        + ExactSum.of(low * low)
    )


def _float_squares(values: npt.NDArray[Any]) -> ExactSum:
    """Of very large and very small values too, which are scaled by a power of two before."""
    total = ExactSum()
    with np.errstate(all="ignore"):
        for start in range(0, len(values), BLOCK):
            block = values[start : start + BLOCK].astype(np.float64, copy=False)
            size = np.abs(block)
            if size.max() < _SQUARES_TO and size.min() >= _SQUARES_FROM:
                total += _plain_squares(block)
                continue
            large = (size >= _SQUARES_TO) & (size < np.inf)
            small = size < _SQUARES_FROM
            total += _plain_squares(block[~large & ~small & (size < np.inf)])
            total += _scaled_squares(block[large], -_SQUARES_SCALE)
            total += _scaled_squares(block[small & (size > 0)], _SQUARES_SCALE)
            total += ExactSum(plus_infinities=int(np.count_nonzero(size == np.inf)))
    return total


def _scaled_squares(values: Floats, power: int) -> ExactSum:
    return _plain_squares(values * 2.0**power).times_power_of_two(-2 * power)


def _plain_squares(values: Floats) -> ExactSum:
    """x² is its rounded square and that square's rounding error.

    Source: Dekker, A floating-point technique for extending the available precision (1971), TwoProduct.
    """
    square = values * values
    split = values * _VELTKAMP
    high = split - (split - values)
    low = values - high
    error = ((high * high - square) + 2.0 * high * low) + low * low
    return ExactSum.of(square) + ExactSum.of(error)


def _nearest(numerator: int, denominator: int, exponent: int) -> float:
    """The float64 nearest to numerator / denominator × 2**exponent, which Python's own division gives."""
    try:
        if exponent >= 0:
            return (numerator << exponent) / denominator
        return numerator / (denominator << -exponent)
    except OverflowError:
        return math.inf if numerator > 0 else -math.inf


def _nearest_root(numerator: int, denominator: int, exponent: int) -> float:
    """The float64 nearest to √(numerator / denominator) × 2**exponent."""
    shift = max(0, _ROOT_BITS + (denominator.bit_length() - numerator.bit_length() + 1) // 2)
    quotient, remainder = divmod(numerator << (2 * shift), denominator)
    root = math.isqrt(quotient)
    # A last bit for "and a little more": the one rounding at the end then knows which side it is on.
    inexact = remainder != 0 or root * root != quotient
    return _nearest(2 * root + inexact, 1, exponent - shift - 1)
