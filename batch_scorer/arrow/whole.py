"""Integers, and points in time as the integers that they are stored as."""

from __future__ import annotations

import pyarrow as pa


def is_whole(kind: pa.DataType) -> bool:
    """Whether values are integers, times or dates."""
    return bool(pa.types.is_integer(kind) or pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def integers_under(kind: pa.DataType) -> pa.DataType:
    """What an integer or temporal type is stored as. Raises: TypeError, when it is another type."""
    if pa.types.is_integer(kind):
        return kind
    if pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
        return pa.int32() if kind.bit_width == 32 else pa.int64()
    raise TypeError(f"values of type {kind} are neither integers nor points in time")
