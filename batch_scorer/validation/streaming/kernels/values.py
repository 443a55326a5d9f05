"""Rules about the value of one column: bounds and sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from batch_scorer.validation.streaming.bounds import NotABound, bounds_of
from batch_scorer.validation.streaming.kernels.kernel import Kernel, Kwargs, Types
from batch_scorer.validation.streaming.rows import Column, Kind, Mask, kind_of, to_numpy

_FEW = 16  # members that are compared one by one


def _streams_between(types: Types, kwargs: Kwargs) -> bool:
    (type_,) = types
    try:
        bounds = bounds_of(kwargs)
    except NotABound:
        return False
    tz = type_.tz if pa.types.is_timestamp(type_) else None
    return bounds.are_given and bounds.fit(kind_of(type_), tz) and bounds.are_in_order


def _between(columns: tuple[Column, ...], kwargs: Kwargs) -> Mask:
    (column,) = columns
    return _within(column, column.numbers, kwargs)


def _ends_between(columns: tuple[Column, ...], kwargs: Kwargs) -> bool:
    """Then all others are as well."""
    (column,) = columns
    return column.ends is not None and bool(_within(column, column.ends, kwargs).all())


def _within(column: Column, values: np.ndarray[Any, Any], kwargs: Kwargs) -> Mask:
    if column.kind in (Kind.FLOAT32, Kind.BOOL):
        values = values.astype(np.float64)  # GX compares each as a Python number
    return bounds_of(kwargs).mask(values)


def streams_set(types: Types, members: object) -> bool:
    """Whether `is_in_set` decides membership as pandas' isin does."""
    (type_,) = types
    if not isinstance(members, list):
        return False
    match kind_of(type_):
        case Kind.INT | Kind.FLOAT:
            return all(type(member) in (int, float) and abs(member) < 2**53 for member in members)
        case Kind.TEXT | Kind.CATEGORY:
            return all(isinstance(member, str) for member in members)
        case _:
            return False


def is_in_set(column: Column, members: Sequence[Any]) -> Mask:
    if column.kind in (Kind.TEXT, Kind.CATEGORY):
        return _texts_in(column, members)
    values = column.numbers
    if len(members) > _FEW:
        return np.isin(values, np.array(members))
    found = np.zeros(len(values), dtype=bool)
    for member in members:
        found |= values == member
    return found


def _ends_in_set(columns: tuple[Column, ...], kwargs: Kwargs) -> bool:
    """Whether the set holds every whole number from the smallest to the largest."""
    ends, members = _whole_ends(columns), kwargs["value_set"]
    if ends is None or ends[1] - ends[0] >= len(members):
        return False
    return set(members).issuperset(range(ends[0], ends[1] + 1))


def _ends_beside_set(columns: tuple[Column, ...], kwargs: Kwargs) -> bool:
    """Whether no member lies between the smallest and the largest."""
    ends = _whole_ends(columns)
    return ends is not None and not any(ends[0] <= member <= ends[1] for member in kwargs["value_set"])


def _whole_ends(columns: tuple[Column, ...]) -> tuple[int, int] | None:
    (column,) = columns
    if column.kind is not Kind.INT or column.ends is None:
        return None
    return int(column.ends[0]), int(column.ends[1])


def _texts_in(column: Column, members: Sequence[Any]) -> Mask:
    if column.distinct is not None:
        _, values = column.distinct
        known = to_numpy(pc.is_in(values, value_set=pa.array(members, values.type)))
        return column.spread(known)
    found = pc.is_in(column.arrow, value_set=pa.array(members, column.arrow.type))
    return to_numpy(found)


def _streams_members(types: Types, kwargs: Kwargs) -> bool:
    return streams_set(types, kwargs.get("value_set"))


BETWEEN = Kernel(streams=_streams_between, meets=_between, certain=_ends_between)
IN_SET = Kernel(
    streams=_streams_members,
    meets=lambda columns, kwargs: is_in_set(columns[0], kwargs["value_set"]),
    certain=_ends_in_set,
)
NOT_IN_SET = Kernel(
    streams=_streams_members,
    meets=lambda columns, kwargs: ~is_in_set(columns[0], kwargs["value_set"]),
    certain=_ends_beside_set,
)
