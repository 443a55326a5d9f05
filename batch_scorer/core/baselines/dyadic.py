"""Sums of floats without a rounding: an integer times a power of two, so that no order of adding matters."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Dyadic:
    """mantissa × 2**exponent. The mantissa is odd, or both are 0: equal numbers are equal objects."""

    mantissa: int = 0
    exponent: int = 0

    def __post_init__(self) -> None:
        if self.mantissa % 2 == 0 and (self.mantissa, self.exponent) != (0, 0):
            raise ValueError(f"an even mantissa: {self}")

    @classmethod
    def of(cls, mantissa: int, exponent: int) -> Self:
        """Any mantissa × 2**exponent."""
        if mantissa == 0:
            return cls()
        n_zeros = (mantissa & -mantissa).bit_length() - 1
        return cls(mantissa=mantissa >> n_zeros, exponent=exponent + n_zeros)

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `str` gives. Raises: ValueError."""
        mantissa, _, exponent = text.partition("p")
        return cls(mantissa=int(mantissa, 16), exponent=int(exponent))

    def __add__(self, other: Self) -> Self:
        low = min(self.exponent, other.exponent)
        total = (self.mantissa << (self.exponent - low)) + (other.mantissa << (other.exponent - low))
        return self.of(total, low)

    def __str__(self) -> str:
        """`0x1b9p-4`: the mantissa in hexadecimal, the exponent in decimal digits."""
        return f"{self.mantissa:#x}p{self.exponent}"

    @property
    def value(self) -> Fraction:
        if self.exponent >= 0:
            return Fraction(self.mantissa << self.exponent)
        return Fraction(self.mantissa, 1 << -self.exponent)


ZERO = Dyadic()
