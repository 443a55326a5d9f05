"""Rules about several columns of one row."""

from __future__ import annotations

from functools import reduce
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from batch_scorer.validation.streaming.bounds import plain_number
from batch_scorer.validation.streaming.kernels.kernel import Kernel, Kwargs, Types
from batch_scorer.validation.streaming.rows import Column, Kind, Mask, kind_of, to_numpy

_NUMBERS = (Kind.INT, Kind.FLOAT)
_MAX_SUMMED = 7  # numpy adds up to seven columns one after the other, more of them in another order


def _are_comparable(types: Types) -> bool:
    """All numbers, all text, or all times of the same kind of zone."""
    kinds = {kind_of(type_) for type_ in types}
    if kinds <= set(_NUMBERS) or kinds == {Kind.TEXT}:
        return True
    return kinds == {Kind.TIME} and len({type_.tz is None for type_ in types}) == 1


def _equal(one: Column, other: Column) -> Mask:
    """Where both hold a value; elsewhere the answer means nothing."""
    if one.kind is Kind.TEXT:
        return _of_texts(pc.equal, one, other)
    equal: Mask = one.numbers == other.numbers
    return equal


def _of_texts(compare: Any, one: Column, other: Column) -> Mask:
    return to_numpy(pc.fill_null(compare(one.arrow, other.arrow), False))


def _both_valid(one: Column, other: Column) -> Mask | None:
    if one.valid is None or other.valid is None:
        return other.valid if one.valid is None else one.valid
    return one.valid & other.valid


def _where_both_valid(mask: Mask, one: Column, other: Column) -> Mask:
    both = _both_valid(one, other)
    return mask if both is None else mask & both


def _pair_equal(columns: tuple[Column, ...], _: Kwargs) -> Mask:
    one, other = columns
    return _where_both_valid(_equal(one, other), one, other)


def _pair_greater(columns: tuple[Column, ...], kwargs: Kwargs) -> Mask:
    one, other = columns
    or_equal = bool(kwargs.get("or_equal"))
    if one.kind is Kind.TEXT:
        greater = _of_texts(pc.greater_equal if or_equal else pc.greater, one, other)
    elif or_equal:
        greater = one.numbers >= other.numbers
    else:
        greater = one.numbers > other.numbers
    return _where_both_valid(greater, one, other)


def _streams_greater(types: Types, kwargs: Kwargs) -> bool:
    return _are_comparable(types) and kwargs.get("or_equal") in (None, True, False)


PAIR_EQUAL = Kernel(streams=lambda types, _: _are_comparable(types), meets=_pair_equal)
PAIR_GREATER = Kernel(streams=_streams_greater, meets=_pair_greater)


def _streams_pairs(types: Types, kwargs: Kwargs) -> bool:
    pairs = kwargs.get("value_pairs_set")
    simple = all(kind_of(type_) in (*_NUMBERS, Kind.TEXT) for type_ in types)
    return (
        simple
        and isinstance(pairs, list)
        and all(isinstance(pair, list) and len(pair) == 2 for pair in pairs)
        and all(isinstance(value, str | int | float | None) for pair in pairs for value in pair)
    )


def _pair_in_set(columns: tuple[Column, ...], kwargs: Kwargs) -> Mask:
    """Each pair that occurs is looked up once."""
    allowed = {(one, other) for one, other in kwargs["value_pairs_set"]}
    (codes, values), (other_codes, other_values) = (_codes(column) for column in columns)
    both = codes * len(other_values) + other_codes
    found, where = np.unique(both, return_inverse=True)
    decided = [
        (values[code // len(other_values)], other_values[code % len(other_values)]) in allowed
        for code in found.tolist()
    ]
    return np.array(decided, dtype=bool)[where]


def _codes(column: Column) -> tuple[np.ndarray[Any, Any], list[Any]]:
    """A number for each value, and the values; null, which None stands for, is the last one."""
    nulls = pa.scalar(None, column.arrow.type)
    values = column.arrow if column.valid is None else pc.if_else(pa.array(column.valid), column.arrow, nulls)
    encoded = values.dictionary_encode()
    known = encoded.dictionary.to_pylist()
    codes = to_numpy(pc.fill_null(encoded.indices.cast(pa.int64()), len(known)))
    return codes, [*known, None]


PAIR_IN_SET = Kernel(streams=_streams_pairs, meets=_pair_in_set)


def _all_equal(columns: tuple[Column, ...], _: Kwargs) -> Mask:
    """Two nulls are equal here."""
    first = columns[0]
    return reduce(
        np.logical_and,
        [_same(first, column) for column in columns[1:]],
        np.ones(len(first.arrow), dtype=bool),
    )


def _same(one: Column, other: Column) -> Mask:
    equal = _equal(one, other)
    if one.valid is None and other.valid is None:
        return equal
    left, right = _valid(one), _valid(other)
    return (equal & left & right) | ~(left | right)


def _valid(column: Column) -> Mask:
    return np.ones(len(column.arrow), dtype=bool) if column.valid is None else column.valid


def _all_different(columns: tuple[Column, ...], _: Kwargs) -> Mask:
    different = np.ones(len(columns[0].arrow), dtype=bool)
    for one, other in combinations(columns, 2):
        different &= ~_same(one, other)
    return different


ALL_EQUAL = Kernel(streams=lambda types, _: _are_comparable(types), meets=_all_equal)
ALL_DIFFERENT = Kernel(streams=lambda types, _: _are_comparable(types), meets=_all_different)


def _streams_sum(types: Types, kwargs: Kwargs) -> bool:
    total = kwargs.get("sum_total")
    numbers = all(kind_of(type_) in _NUMBERS for type_ in types)
    return numbers and plain_number(total) and 0 < len(types) <= _MAX_SUMMED


def _sums_to(columns: tuple[Column, ...], kwargs: Kwargs) -> Mask:
    """A row with a null sums to nothing. As pandas does, in one type for all columns."""
    common = np.float64 if any(column.kind is Kind.FLOAT for column in columns) else np.int64
    with np.errstate(all="ignore"):  # infinities cancel out, integers wrap: in pandas, too
        total = reduce(np.add, [column.numbers.astype(common, copy=False) for column in columns])
    equal: Mask = total == float(kwargs["sum_total"])
    for column in columns:
        if column.valid is not None:
            equal = equal & column.valid
    return equal


SUM_EQUALS = Kernel(streams=_streams_sum, meets=_sums_to)
