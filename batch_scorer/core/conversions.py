"""What a column of a file may become for a model: every type of a file against every type of a signature.

Types are text, as footers and signatures write them (`int64`, `timestamp[us, UTC]`, `decimal128(10, 2)`); all
kinds of text are `string`, and a dictionary is what its values are. Nothing is guessed: what no rule names is
refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache


class Fit(StrEnum):
    """How values of a file's type become values of a signature's.

    same: they are · widened: each has its exact counterpart · checked: value by value, and one that would
    change is refused (LossyCast) · refused: never (ColumnTypeMismatch).
    """

    SAME = "same"
    WIDENED = "widened"
    CHECKED = "checked"
    REFUSED = "refused"


class Family(StrEnum):
    """Types that follow one rule."""

    NULL = "null"
    BOOL = "bool"
    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    TEXT = "text"
    DATE = "date"
    TIMESTAMP = "timestamp"
    OTHER = "other"  # of files only: binary, time, duration, list, struct, map …


# Whole numbers up to here, and decimals of so many digits, each have a float of their own.
EXACT_INTEGERS: Mapping[int, int] = {16: 2**11, 32: 2**24, 64: 2**53}
EXACT_DIGITS: Mapping[int, int] = {16: 3, 32: 6, 64: 15}


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnType:
    """A type in parts. bits, signed: of numbers. precision, scale: of decimals, in digits. unit, zone: of
    timestamps, zone None where they are naive.
    """

    family: Family
    bits: int = 0
    signed: bool = True
    precision: int = 0
    scale: int = 0
    unit: str = ""
    zone: str | None = None

    @property
    def bounds(self) -> tuple[int, int]:
        """Of an integer type, both included."""
        if self.signed:
            return -(2 ** (self.bits - 1)), 2 ** (self.bits - 1) - 1
        return 0, 2**self.bits - 1


_INTEGER = re.compile(r"(u?)int(8|16|32|64)")
_FLOAT = re.compile(r"float(16|32|64)")
_DECIMAL = re.compile(r"decimal(?:32|64|128|256)\((\d{1,2}), (\d{1,2})\)")
_TIMESTAMP = re.compile(r"timestamp\[(s|ms|us|ns)(?:, ([^\]]+))?\]")
_NAMED = {
    "null": Family.NULL,
    "bool": Family.BOOL,
    "string": Family.TEXT,
    "date32": Family.DATE,
}


def column_type(name: str) -> ColumnType:
    """The parts of a type's name; one without a rule is Family.OTHER."""
    if name in _NAMED:
        return ColumnType(family=_NAMED[name])
    if found := _INTEGER.fullmatch(name):
        return ColumnType(family=Family.INTEGER, bits=int(found[2]), signed=not found[1])
    if found := _FLOAT.fullmatch(name):
        return ColumnType(family=Family.FLOAT, bits=int(found[1]))
    if found := _DECIMAL.fullmatch(name):
        return ColumnType(family=Family.DECIMAL, precision=int(found[1]), scale=int(found[2]))
    if found := _TIMESTAMP.fullmatch(name):
        return ColumnType(family=Family.TIMESTAMP, unit=found[1], zone=found[2])
    return ColumnType(family=Family.OTHER)


@cache  # each batch asks for every feature, and a process sees few pairs
def fit(found: str, wanted: str) -> Fit:
    """How a column of type `found` in a file becomes the type `wanted` of a signature."""
    of_file, of_signature = column_type(found), column_type(wanted)
    if of_signature.family in (Family.NULL, Family.OTHER):
        return Fit.REFUSED
    if of_file.family is Family.NULL:
        return Fit.WIDENED
    rule = RULES.get((of_file.family, of_signature.family))
    return rule.decide(of_file, of_signature) if rule is not None else Fit.REFUSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """words: for docs/signature.md."""

    decide: Callable[[ColumnType, ColumnType], Fit]
    words: str


def _same(_found: ColumnType, _wanted: ColumnType) -> Fit:
    return Fit.SAME


def _checked(_found: ColumnType, _wanted: ColumnType) -> Fit:
    return Fit.CHECKED


def _widened_if(holds_all: bool) -> Fit:
    return Fit.WIDENED if holds_all else Fit.CHECKED


def _integers(found: ColumnType, wanted: ColumnType) -> Fit:
    if found == wanted:
        return Fit.SAME
    (low, high), (least, most) = found.bounds, wanted.bounds
    return _widened_if(least <= low and high <= most)


def _integer_to_float(found: ColumnType, wanted: ColumnType) -> Fit:
    return _widened_if(max(map(abs, found.bounds)) <= EXACT_INTEGERS[wanted.bits])


def _integer_to_decimal(found: ColumnType, wanted: ColumnType) -> Fit:
    return _widened_if(max(map(abs, found.bounds)) < 10 ** max(wanted.precision - wanted.scale, 0))


def _floats(found: ColumnType, wanted: ColumnType) -> Fit:
    return Fit.SAME if found == wanted else _widened_if(found.bits < wanted.bits)


def _decimal_to_float(found: ColumnType, wanted: ColumnType) -> Fit:
    return _widened_if(found.precision <= EXACT_DIGITS[wanted.bits])


def _decimals(found: ColumnType, wanted: ColumnType) -> Fit:
    if found == wanted:
        return Fit.SAME
    whole_digits = found.precision - found.scale
    return _widened_if(found.scale <= wanted.scale and whole_digits <= wanted.precision - wanted.scale)


def _timestamps(found: ColumnType, wanted: ColumnType) -> Fit:
    if (found.zone is None) != (wanted.zone is None):
        return Fit.REFUSED
    if found.unit != wanted.unit:
        return Fit.CHECKED
    return Fit.SAME if found.zone == wanted.zone else Fit.WIDENED


# (in the file, in the signature) → rule. A pair that is not here is refused.
RULES: Mapping[tuple[Family, Family], Rule] = {
    (Family.BOOL, Family.BOOL): Rule(decide=_same, words="The same."),
    (Family.INTEGER, Family.INTEGER): Rule(
        decide=_integers,
        words="Widened where the signature's type holds every value of the file's. Otherwise checked: "
        "each value must be in its range.",
    ),
    (Family.INTEGER, Family.FLOAT): Rule(
        decide=_integer_to_float,
        words="Widened up to 2^53 (float64), 2^24 (float32) or 2^11 (float16), of either sign. A type that "
        "holds larger numbers is checked: each value must be within these bounds.",
    ),
    (Family.INTEGER, Family.DECIMAL): Rule(
        decide=_integer_to_decimal,
        words="Widened where there are digits enough before the point. Otherwise checked.",
    ),
    (Family.FLOAT, Family.FLOAT): Rule(
        decide=_floats,
        words="Widened to more bits. To fewer bits, checked: each value must come back the same. "
        "NaN stays NaN.",
    ),
    (Family.FLOAT, Family.INTEGER): Rule(
        decide=_checked,
        words="Checked: each value must be whole and in range. NaN and infinity are no whole numbers; "
        "a null stays a null.",
    ),
    (Family.DECIMAL, Family.DECIMAL): Rule(
        decide=_decimals,
        words="Widened where there are digits enough before and after the point. Otherwise checked.",
    ),
    (Family.DECIMAL, Family.FLOAT): Rule(
        decide=_decimal_to_float,
        words="The nearest float, which is what Python's `float(Decimal)` gives. Widened up to 15 digits "
        "(float64), 6 (float32) or 3 (float16), because such a float leads back to the same decimal. A type "
        "of more digits is checked: each value must have no more than these.",
    ),
    (Family.DECIMAL, Family.INTEGER): Rule(
        decide=_checked, words="Checked: each value must be whole and in range."
    ),
    (Family.TEXT, Family.TEXT): Rule(
        decide=_same, words="The same, however it is encoded (large, view, dictionary)."
    ),
    (Family.DATE, Family.DATE): Rule(decide=_same, words="The same."),
    (Family.TIMESTAMP, Family.TIMESTAMP): Rule(
        decide=_timestamps,
        words="With a zone to with a zone: the same instant, shown in the signature's zone. Without to "
        "without: the same wall clock. With to without, or back: refused. Another unit is checked: each "
        "value must come back the same.",
    ),
}
