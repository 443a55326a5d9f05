"""Columns brought to the types a signature declares: without loss, or not at all."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from batch_scorer.core.errors import ColumnTypeMismatch, LossyCast
from batch_scorer.core.models import ColumnSpec
from batch_scorer.lake.arrow_types import arrow_type_name, is_string, parse_arrow_type

_EXACT_INTEGERS = {pa.float16(): 2**11, pa.float32(): 2**24, pa.float64(): 2**53}
_TAKES_NULLS = (pa.types.is_floating, pa.types.is_timestamp)  # a null becomes NaN or NaT


def can_cast(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether values of type `found` can be `wanted` without loss: some values may still not fit.

    Numbers to numbers, any text to text, timestamps of the same awareness to any unit; a column of nothing
    but nulls to everything. Never text to numbers or back, bool to numbers, dates to timestamps.
    """
    if pa.types.is_dictionary(found):
        found = found.value_type
    if found == wanted or pa.types.is_null(found):
        return True
    if is_string(wanted):
        return is_string(found)
    if pa.types.is_timestamp(wanted):
        return pa.types.is_timestamp(found) and (found.tz is None) == (wanted.tz is None)
    return _is_number(found) and _is_number(wanted)


def cast_column(
    column: pa.ChunkedArray | pa.Array, spec: ColumnSpec, *, where: str, row_at: Callable[[int], int]
) -> pa.Array:
    """The column as the signature declares it, in one piece; dictionary-encoded text stays so.

    where: the file, for messages. row_at: the row of the file that a position of the column is.
    Raises: ColumnTypeMismatch; LossyCast with the column, how many values do not fit, the first and its row.
    """
    values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    wanted = parse_arrow_type(spec.type)
    if not can_cast(values.type, wanted):
        raise ColumnTypeMismatch(
            f'column "{spec.name}" is {arrow_type_name(values.type)} but the signature says {spec.type}',
            where=where,
            fix="cast upstream",
        )
    if not spec.nullable and values.null_count and not any(takes(wanted) for takes in _TAKES_NULLS):
        raise _nulls(values, spec, where, row_at)
    if pa.types.is_dictionary(values.type) and is_string(wanted):
        return values.cast(pa.dictionary(pa.int32(), pa.string()))
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if values.type == wanted:
        return values
    _refuse_loss(values, wanted, spec, where, row_at)
    return values.cast(wanted, safe=False)


def _refuse_loss(
    values: pa.Array, wanted: pa.DataType, spec: ColumnSpec, where: str, row_at: Callable[[int], int]
) -> None:
    lossy = _lossy(values, wanted)
    n_lossy = pc.sum(lossy).as_py() if lossy is not None else None
    if n_lossy:
        first = pc.index(lossy, True).as_py()
        raise LossyCast(
            f'column "{spec.name}" is {arrow_type_name(values.type)} but the signature says {spec.type}, '
            f"and {_count(n_lossy, 'value')} cannot be {spec.type} without loss",
            where=f"{where}, first at row {row_at(first)}: {_shown(values[first])}",
            fix="cast upstream, or register a model trained on this type",
        )


def _lossy(values: pa.Array, wanted: pa.DataType) -> pa.Array | None:
    """True where a value would change, null or False elsewhere; None when no value of this type can."""
    found = values.type
    if pa.types.is_null(found) or is_string(found):
        return None
    if pa.types.is_timestamp(found):
        return _differs(values, wanted, found)
    if pa.types.is_integer(found) and pa.types.is_floating(wanted):
        bound = _EXACT_INTEGERS[wanted]
        return _outside(values, -bound, bound)
    if pa.types.is_integer(found):
        return _outside(values, *_int_bounds(wanted))
    if pa.types.is_integer(wanted):
        low, high = _int_bounds(wanted)
        # 2^63 is a float64, 2^63 - 1 is not: compare with the first value that does not fit.
        inside = pc.and_(pc.greater_equal(values, float(low)), pc.less(values, float(high + 1)))
        return pc.invert(pc.and_(inside, pc.equal(pc.floor(values), values)))
    if found.bit_width <= wanted.bit_width:
        return None
    return pc.and_(_differs(values, wanted, found), pc.invert(pc.is_nan(values)))


def _outside(values: pa.Array, low: int, high: int) -> pa.Array | None:
    """Compared in the column's own type, so only with bounds that this type can hold."""
    own_low, own_high = _int_bounds(values.type)
    checks = []
    if low > own_low:
        checks.append(pc.less(values, pa.scalar(low, values.type)))
    if high < own_high:
        checks.append(pc.greater(values, pa.scalar(high, values.type)))
    if not checks:
        return None
    return checks[0] if len(checks) == 1 else pc.or_(*checks)


def _differs(values: pa.Array, wanted: pa.DataType, found: pa.DataType) -> pa.Array:
    """There and back again."""
    return pc.not_equal(values.cast(wanted, safe=False).cast(found, safe=False), values)


def _int_bounds(int_type: pa.DataType) -> tuple[int, int]:
    if pa.types.is_signed_integer(int_type):
        return -(2 ** (int_type.bit_width - 1)), 2 ** (int_type.bit_width - 1) - 1
    return 0, 2**int_type.bit_width - 1


def _nulls(values: pa.Array, spec: ColumnSpec, where: str, row_at: Callable[[int], int]) -> LossyCast:
    first = pc.index(pc.is_null(values), True).as_py()
    return LossyCast(
        f'column "{spec.name}" has {_count(values.null_count, "null")} '
        f"but the signature says {spec.type} without nulls",
        where=f"{where}, first at row {row_at(first)}",
        fix=f"fill the nulls upstream, exclude them with input.where: {spec.name} is not null, "
        "or register a model trained with nulls",
    )


def _is_number(arrow_type: pa.DataType) -> bool:
    return bool(pa.types.is_integer(arrow_type) or pa.types.is_floating(arrow_type))


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _shown(value: pa.Scalar) -> str:
    text = str(value.cast(pa.string()))  # by Arrow: Python's dates end at the year 9999
    return text if len(text) <= 60 else f"{text[:59]}…"
