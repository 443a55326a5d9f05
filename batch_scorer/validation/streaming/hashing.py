"""Which bucket a row belongs to, by its key: equal keys are in the same one, in every process and run.

Only balance depends on this: whether two keys are equal is decided by comparing them. So a hash that
looks at the ends of a string is good enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from batch_scorer.arrow.whole import integers_under

N_BUCKETS = 64
_TOP_BITS = np.uint64(58)  # 64 - log2(N_BUCKETS)
_WORD = 8
_GOLDEN = np.uint64(0x9E37_79B9_7F4A_7C15)
_MIX_1 = np.uint64(0xBF58_476D_1CE4_E5B9)
_MIX_2 = np.uint64(0x94D0_49BB_1331_11EB)

Hashes = npt.NDArray[np.uint64]


def buckets_of(table: pa.Table, keys: Sequence[str]) -> npt.NDArray[np.uint8]:
    """(n_rows,) numbers below N_BUCKETS, the same for equal keys.

    Null equals null, NaN equals NaN, -0.0 equals 0.0.

    Neither the cut into Arrow chunks nor a dictionary encoding matters.
    Raises: TypeError, when a key is a list, a struct or another nested type.
    """
    return (hashes_of(table, keys) >> _TOP_BITS).astype(np.uint8)


def hashes_of(table: pa.Table, keys: Sequence[str]) -> Hashes:
    """(n_rows,) equal for equal keys, mostly different for others. Raises: TypeError, as buckets_of."""
    hashes = np.zeros(table.num_rows, np.uint64)
    for name in keys:
        column = table.column(name)
        chunks = [_hashes(chunk) for chunk in column.chunks]
        own = np.concatenate(chunks) if chunks else np.zeros(0, np.uint64)
        hashes = _mixed(hashes * _GOLDEN + own)
    return hashes


def plain(column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray:
    """The same values without a dictionary, with one zero and one NaN: equal ones have equal bits."""
    if isinstance(column, pa.Array):
        column = pa.chunked_array([column])
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string_view(column.type) or pa.types.is_binary_view(column.type):
        column = column.cast(pa.large_string() if pa.types.is_string_view(column.type) else pa.large_binary())
    if pa.types.is_float16(column.type):
        column = column.cast(pa.float32())  # Arrow does not count or compare half floats
    if pa.types.is_floating(column.type):
        column = pc.add(column, pa.scalar(0.0, column.type))  # -0.0 + 0.0 is 0.0
        is_nan = pc.is_nan(column)
        if pc.any(is_nan).as_py():
            column = pc.if_else(is_nan, pa.scalar(float("nan"), column.type), column)
    return column


def _hashes(values: pa.Array) -> Hashes:
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    words = _words(values)
    if values.null_count:
        words[values.is_null().to_numpy(zero_copy_only=False)] = _GOLDEN
    return _mixed(words)


def _words(values: pa.Array) -> Hashes:
    """Equal values give equal words; what it gives for null is overwritten."""
    kind = values.type
    if pa.types.is_null(kind):
        return np.zeros(len(values), np.uint64)
    if pa.types.is_floating(kind):
        return _float_words(values)
    if pa.types.is_boolean(kind):
        return _numbers(values.cast(pa.uint8())).astype(np.uint64)
    if pa.types.is_integer(kind) or pa.types.is_temporal(kind):
        return _numbers(values.view(integers_under(kind))).astype(np.int64).view(np.uint64)
    if pa.types.is_decimal(kind):
        values = values.cast(pa.string())
    if _is_text(values.type):
        return _text_words(values.cast(pa.large_binary()))
    raise TypeError(f"values of type {kind} cannot be a key")


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _numbers(values: pa.Array) -> npt.NDArray[Any]:
    """The buffer under an array, whatever lies there for null."""
    dtype = np.dtype(values.type.to_pandas_dtype())
    buffer = values.buffers()[1]
    if buffer is None or not len(values):
        return np.zeros(len(values), dtype)
    numbers: npt.NDArray[Any] = np.frombuffer(buffer, dtype, len(values), values.offset * dtype.itemsize)
    return numbers


def _float_words(values: pa.Array) -> Hashes:
    numbers = _numbers(values).astype(np.float64) + 0.0  # a copy with one zero
    numbers[np.isnan(numbers)] = np.nan
    return numbers.view(np.uint64)


def _text_words(values: pa.Array) -> Hashes:
    """Of length, first and last eight bytes."""
    _, offset_buffer, data_buffer = values.buffers()
    if not len(values) or offset_buffer is None:
        return np.zeros(len(values), np.uint64)
    offsets = np.frombuffer(offset_buffer, np.int64, len(values) + 1, values.offset * 8)
    start, stop = int(offsets[0]), int(offsets[-1])
    data = np.zeros(stop - start + _WORD, np.uint8)  # so that eight bytes can be read at its end
    if data_buffer is not None:
        data[: stop - start] = np.frombuffer(data_buffer, np.uint8, stop - start, start)
    at_each_byte = np.ndarray((stop - start + 1,), np.dtype("<u8"), buffer=data, strides=(1,))
    begins, lengths = offsets[:-1] - start, np.diff(offsets)
    missing_bits = (8 * (_WORD - np.minimum(lengths, _WORD))).astype(np.uint64)
    # A shift by 64 bits is not defined: the empty string is shifted twice.
    first = at_each_byte[begins] << (missing_bits >> 1) << (missing_bits - (missing_bits >> 1))
    last = at_each_byte[begins + np.maximum(lengths - _WORD, 0)]
    last = np.where(lengths > _WORD, last, np.uint64(0))
    return _mixed(first ^ lengths.astype(np.uint64)) + last


def _mixed(words: Hashes) -> Hashes:
    """Every bit of the input reaches every bit of the output.

    Source: the finalizer of SplitMix64, Steele, Lea, Flood (2014).
    """
    words = words + _GOLDEN
    words = (words ^ (words >> np.uint64(30))) * _MIX_1
    words = (words ^ (words >> np.uint64(27))) * _MIX_2
    mixed: Hashes = words ^ (words >> np.uint64(31))
    return mixed
