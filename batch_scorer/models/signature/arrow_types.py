"""The types of a signature as Arrow knows them."""

from __future__ import annotations

import re

import pyarrow as pa

_PLAIN = {
    "float64": pa.float64(),
    "float32": pa.float32(),
    "float16": pa.float16(),
    "int64": pa.int64(),
    "int32": pa.int32(),
    "int16": pa.int16(),
    "int8": pa.int8(),
    "uint64": pa.uint64(),
    "uint32": pa.uint32(),
    "uint16": pa.uint16(),
    "uint8": pa.uint8(),
    "bool": pa.bool_(),
    "string": pa.string(),
    "date32": pa.date32(),
}
_NAMES = {arrow: name for name, arrow in _PLAIN.items()}
_TEXT = (pa.string(), pa.large_string(), pa.string_view())
_TIMESTAMP = re.compile(r"timestamp\[(s|ms|us|ns)(?:, (.+))?\]")
_DECIMAL = re.compile(r"decimal128\((\d{1,2}), (\d{1,2})\)")


def arrow_type(text: str) -> pa.DataType:
    """`float64`, `string`, `timestamp[us, UTC]`, `decimal128(10, 2)` … Raises: ValueError."""
    plain = _PLAIN.get(text)
    if plain is not None:
        return plain
    if timestamp := _TIMESTAMP.fullmatch(text):
        return pa.timestamp(timestamp[1], tz=timestamp[2])
    if decimal := _DECIMAL.fullmatch(text):
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    raise ValueError(f'"{text}" is not a type of a signature')


def type_name(arrow: pa.DataType) -> str | None:
    """The inverse of arrow_type; every kind of text is `string`, a dictionary what its values are.

    None: no signature has this type.
    """
    if pa.types.is_dictionary(arrow):
        return type_name(arrow.value_type)
    if arrow in _TEXT:
        return "string"
    if pa.types.is_timestamp(arrow):
        return f"timestamp[{arrow.unit}, {arrow.tz}]" if arrow.tz else f"timestamp[{arrow.unit}]"
    if pa.types.is_decimal128(arrow) and arrow.scale >= 0:
        return f"decimal128({arrow.precision}, {arrow.scale})"
    return _NAMES.get(arrow)
