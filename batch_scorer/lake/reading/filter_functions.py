"""Numbers and functions of `input.where` on Arrow values: as `models.scoring.numpy_functions`, with nulls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

Value = Any  # pa.Array, pa.ChunkedArray or pa.Scalar: pyarrow publishes no types

_WHOLE_FROM = 2.0**52  # from here on a float64 has no fraction


def widened(value: Value) -> Value:
    """In 64 bits, so that small integers do not overflow and float32 computes as float64."""
    kind = value.type
    if pa.types.is_integer(kind) and not pa.types.is_uint64(kind):
        return value.cast(pa.int64())
    return value.cast(pa.float64()) if pa.types.is_floating(kind) else value


def with_one_type(values: Sequence[Value]) -> list[Value]:
    """Of one family already: numbers of several types become float64, texts large strings."""
    types = {value.type for value in values} - {pa.null()}
    if len(types) < 2:
        return [value.cast(*types) for value in values] if types else list(values)
    if any(map(pa.types.is_temporal, types)):
        return list(values)
    is_text = any(not _is_number(kind) for kind in types)
    return [value.cast(pa.large_string() if is_text else pa.float64()) for value in values]


def rounded(value: Value, digits: int) -> Value:
    """A half goes to the even neighbour, as in NumPy, Python and IEEE 754."""
    if pa.types.is_integer(value.type):
        return value
    value = value.cast(pa.float64())
    scale = pa.scalar(10.0**digits)
    steps = pc.round(pc.multiply(value, scale), 0, round_mode="half_to_even")
    is_whole = pc.greater_equal(pc.abs(value), pa.scalar(_WHOLE_FROM))
    return pc.if_else(is_whole, value, pc.divide(steps, scale))


def _unless_whole(function: Callable[[Value], Value]) -> Callable[[Value], Value]:
    return lambda value: value if pa.types.is_integer(value.type) else function(value)


def _of_float(function: Callable[[Value], Value]) -> Callable[[Value], Value]:
    return lambda value: function(value.cast(pa.float64()))


def _smaller(left: Value, right: Value) -> Value:
    return pc.if_else(_goes_before(pc.less(left, right), left), left, right)


def _larger(left: Value, right: Value) -> Value:
    return pc.if_else(_goes_before(pc.greater(left, right), left), left, right)


def _goes_before(is_more_extreme: Value, left: Value) -> Value:
    """NaN wins over every number, null over NaN."""
    if not pa.types.is_floating(left.type):
        return is_more_extreme
    return pc.or_(is_more_extreme, pc.is_nan(left))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


OF_ONE_NUMBER: Mapping[str, Callable[[Value], Value]] = {
    "abs": pc.abs_checked,
    "floor": _unless_whole(pc.floor),
    "ceil": _unless_whole(pc.ceil),
    "sqrt": _of_float(pc.sqrt),
    "exp": _of_float(pc.exp),
    "ln": _of_float(pc.ln),
}
EXTREMES: Mapping[str, Callable[[Value, Value], Value]] = {"min": _smaller, "max": _larger}
