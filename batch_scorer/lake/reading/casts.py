"""Columns brought to the types a signature declares: without loss, or not at all.

Which type may become which is decided in core/conversions.py; here are the values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Context, Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from batch_scorer.core.conversions import EXACT_DIGITS, EXACT_INTEGERS, Fit, fit
from batch_scorer.core.errors import LossyCast
from batch_scorer.core.models import ColumnSpec
from batch_scorer.lake.arrow_types import arrow_type_name, is_string, parse_arrow_type
from batch_scorer.lake.reading.misfits import mismatch, next_command, signature_of, unlike

_TAKES_NULLS = (pa.types.is_floating, pa.types.is_timestamp)  # a null becomes NaN or NaT
_EXACT_POWERS_OF_TEN = 22  # 10^22 is the last that is a float64
_CONTEXT = Context(prec=100, rounding=ROUND_DOWN)  # the longest decimal of Arrow has 76 digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a column comes from and whom it is for, as messages name them.

    file: its path. row_at: the row of the file that a position of the column is. model: `taxi_tips@3`.
    """

    file: str
    row_at: Callable[[int], int]
    model: str | None = None


def cast_column(column: pa.ChunkedArray | pa.Array, spec: ColumnSpec, origin: Origin) -> pa.Array:
    """The column as the signature declares it, in one piece; dictionary-encoded text stays so.

    Raises: ColumnTypeMismatch; LossyCast with the column, how many values do not fit, the first and its row.
    """
    values = _in_one_piece(column)
    found, wanted = arrow_type_name(values.type), parse_arrow_type(spec.type)
    how = fit(found, spec.type)
    if how is Fit.REFUSED:
        raise mismatch(spec, found, file=origin.file, model=origin.model)
    if not spec.nullable and values.null_count and not any(takes(wanted) for takes in _TAKES_NULLS):
        raise _nulls(values, spec, origin)
    if pa.types.is_dictionary(values.type) and is_string(wanted):
        return values.cast(pa.dictionary(pa.int32(), pa.string()))
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if values.type == wanted:
        return values
    values = _computable(values)
    if how is Fit.CHECKED:
        _refuse_loss(values, wanted, spec, found, origin)
    return _cast(values, wanted)


def _in_one_piece(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    if not isinstance(column, pa.ChunkedArray):
        return column
    # Arrow would copy what is in one piece already.
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _computable(values: pa.Array) -> pa.Array:
    """Arrow computes with these types, and not with the smallest ones; no value changes."""
    if values.type == pa.float16():
        return values.cast(pa.float32())
    if pa.types.is_decimal32(values.type) or pa.types.is_decimal64(values.type):
        return values.cast(pa.decimal128(values.type.precision, values.type.scale))
    return values


def _cast(values: pa.Array, wanted: pa.DataType) -> pa.Array:
    if pa.types.is_decimal(values.type) and pa.types.is_floating(wanted):
        return _nearest_floats(values).cast(wanted, safe=False)
    if pa.types.is_integer(values.type) and pa.types.is_decimal(wanted):
        values = values.cast(pa.decimal128(38, 0))  # Arrow wants room for every int64
    return values.cast(wanted, safe=False)


def _nearest_floats(values: pa.Array) -> pa.Array:
    """As Python's float(Decimal). Arrow's own cast is off by the last bit for one value in eight: a division
    of two exact floats is rounded once.

    values: of at most 15 digits, so that the low word of each holds it whole.
    """
    scale = values.type.scale
    if scale > _EXACT_POWERS_OF_TEN:
        return values.cast(pa.string()).cast(pa.float64())
    n_words = values.type.byte_width // 8
    _, data = values.buffers()
    words = np.frombuffer(data, np.int64, count=(values.offset + len(values)) * n_words)
    digits = words[values.offset * n_words :: n_words]
    return pa.array(digits / 10.0**scale, mask=values.is_null().to_numpy(zero_copy_only=False))


def _refuse_loss(values: pa.Array, wanted: pa.DataType, spec: ColumnSpec, found: str, origin: Origin) -> None:
    lossy = _lossy(values, wanted)
    n_lossy = pc.sum(lossy).as_py() if lossy is not None else None
    if n_lossy:
        first = pc.index(lossy, True).as_py()
        raise LossyCast(
            f"{unlike(spec, found, file=origin.file, model=origin.model)}, "
            f"and {n_lossy:,} of {_count(len(values), 'value')} cannot be {spec.type} without loss",
            where=f"{origin.file}, first at row {origin.row_at(first)}: {_shown(values[first])}",
            fix="cast upstream, or register a model trained on this type",
            next_command=next_command(origin.model),
        )


def _lossy(values: pa.Array, wanted: pa.DataType) -> pa.Array | None:
    """True where a value would change, null or False elsewhere; None when no value of this type can."""
    found = values.type
    if pa.types.is_timestamp(found):
        return _differs(values, wanted, found)
    if pa.types.is_decimal(found):
        return _lossy_decimals(values, wanted)
    if pa.types.is_integer(found):
        return _outside(values, *_whole_bounds(wanted))
    if pa.types.is_integer(wanted):
        low, high = _int_bounds(wanted)
        # 2^63 is a float64, 2^63 - 1 is not: compare with the first value that does not fit.
        inside = pc.and_(pc.greater_equal(values, float(low)), pc.less(values, float(high + 1)))
        return pc.invert(pc.and_(inside, pc.equal(pc.floor(values), values)))
    return pc.and_(_differs(values, wanted, found), pc.invert(pc.is_nan(values)))


def _whole_bounds(wanted: pa.DataType) -> tuple[int, int]:
    """The whole numbers that the type holds exactly, both ends included."""
    if pa.types.is_floating(wanted):
        bound = EXACT_INTEGERS[wanted.bit_width]
        return -bound, bound
    if pa.types.is_decimal(wanted):
        bound = 10 ** max(wanted.precision - wanted.scale, 0) - 1
        return -bound, bound
    return _int_bounds(wanted)


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


def _lossy_decimals(values: pa.Array, wanted: pa.DataType) -> pa.Array | None:
    """Too many digits after the point, or beyond what the wanted type holds."""
    if pa.types.is_floating(wanted):
        return _beyond(values, *_decimal_bounds(EXACT_DIGITS[wanted.bit_width], values.type.scale))
    if pa.types.is_decimal(wanted):
        bounds = _decimal_bounds(wanted.precision, wanted.scale)
        return _either(_cut(values, wanted.scale), _beyond(values, *bounds))
    low, high = _int_bounds(wanted)
    return _either(_cut(values, 0), _beyond(values, Decimal(low), Decimal(high)))


def _cut(values: pa.Array, scale: int) -> pa.Array | None:
    if scale >= values.type.scale:
        return None
    return pc.not_equal(pc.round(values, scale, round_mode="towards_zero"), values)


def _beyond(values: pa.Array, low: Decimal, high: Decimal) -> pa.Array | None:
    """No value is beyond the bounds of its own type, so only bounds within these need a look."""
    own_low, own_high = _decimal_bounds(values.type.precision, values.type.scale)
    below = pc.less(values, _bound(low, values.type)) if low > own_low else None
    above = pc.greater(values, _bound(high, values.type)) if high < own_high else None
    return _either(below, above)


def _decimal_bounds(precision: int, scale: int) -> tuple[Decimal, Decimal]:
    most = _CONTEXT.scaleb(Decimal(10**precision - 1), -scale)
    return _CONTEXT.minus(most), most


def _bound(value: Decimal, decimal_type: pa.DataType) -> pa.Scalar:
    """Cut towards zero: digits after the column's last make no difference."""
    last = _CONTEXT.scaleb(Decimal(1), -decimal_type.scale)
    return pa.scalar(_CONTEXT.quantize(value, last), decimal_type)


def _either(first: pa.Array | None, second: pa.Array | None) -> pa.Array | None:
    if first is None or second is None:
        return first if second is None else second
    return pc.or_(first, second)


def _differs(values: pa.Array, wanted: pa.DataType, found: pa.DataType) -> pa.Array:
    """There and back again."""
    return pc.not_equal(values.cast(wanted, safe=False).cast(found, safe=False), values)


def _int_bounds(int_type: pa.DataType) -> tuple[int, int]:
    if pa.types.is_signed_integer(int_type):
        return -(2 ** (int_type.bit_width - 1)), 2 ** (int_type.bit_width - 1) - 1
    return 0, 2**int_type.bit_width - 1


def _nulls(values: pa.Array, spec: ColumnSpec, origin: Origin) -> LossyCast:
    first = pc.index(pc.is_null(values), True).as_py()
    return LossyCast(
        f'column "{spec.name}" has {_count(values.null_count, "null")} in {_count(len(values), "row")} of '
        f"{origin.file.rpartition('/')[2]} "
        f"but {signature_of(origin.model)} says {spec.type} without nulls",
        where=f"{origin.file}, first at row {origin.row_at(first)}",
        fix=f"fill the nulls upstream, exclude them with input.where: {spec.name} is not null, "
        "or register a model trained with nulls",
        next_command=next_command(origin.model),
    )


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _shown(value: pa.Scalar) -> str:
    text = str(value.cast(pa.string()))  # by Arrow: Python's dates end at the year 9999
    return text if len(text) <= 60 else f"{text[:59]}…"
