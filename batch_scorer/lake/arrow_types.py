"""Arrow types as text: the names that signatures, footers, job files and manifests use.

All kinds of string (string, large_string, string_view, dictionary of strings) are "string": Parquet stores
them alike, and which one comes back depends on who wrote the file. The same holds for "binary".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import pyarrow as pa

_PLAIN: Mapping[str, pa.DataType] = {
    "null": pa.null(),
    "bool": pa.bool_(),
    "int8": pa.int8(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "uint8": pa.uint8(),
    "uint16": pa.uint16(),
    "uint32": pa.uint32(),
    "uint64": pa.uint64(),
    "float16": pa.float16(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "string": pa.string(),
    "binary": pa.binary(),
    "date32": pa.date32(),
    **{f"time32[{unit}]": pa.time32(unit) for unit in ("s", "ms")},
    **{f"time64[{unit}]": pa.time64(unit) for unit in ("us", "ns")},
    **{f"duration[{unit}]": pa.duration(unit) for unit in ("s", "ms", "us", "ns")},
}
_NAMES = {arrow_type: name for name, arrow_type in _PLAIN.items()}
_TIMESTAMP = re.compile(r"timestamp\[(s|ms|us|ns)(?:, ([^\]]+))?\]")
_DECIMAL = re.compile(r"decimal128\((\d{1,2}), (-?\d{1,2})\)")


def arrow_type_name(arrow_type: pa.DataType) -> str:
    """`float64`, `string`, `timestamp[us, UTC]`; a type without a name of ours is in Arrow's own words."""
    if pa.types.is_dictionary(arrow_type):
        return arrow_type_name(arrow_type.value_type)
    if is_string(arrow_type):
        return "string"
    if _is_binary(arrow_type):
        return "binary"
    if pa.types.is_timestamp(arrow_type):
        zone = f", {arrow_type.tz}" if arrow_type.tz else ""
        return f"timestamp[{arrow_type.unit}{zone}]"
    return _NAMES.get(arrow_type) or str(arrow_type)


def parse_arrow_type(text: str) -> pa.DataType:
    """The type a name stands for; inverse of arrow_type_name. Raises: ValueError, for any other text."""
    if text in _PLAIN:
        return _PLAIN[text]
    if timestamp := _TIMESTAMP.fullmatch(text):
        return pa.timestamp(timestamp[1], tz=timestamp[2])
    if decimal := _DECIMAL.fullmatch(text):
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    raise ValueError(f'"{text}" is not a column type that can be used here')


def is_string(arrow_type: pa.DataType) -> bool:
    """Any kind of plain (not dictionary-encoded) text."""
    return arrow_type in (pa.string(), pa.large_string(), pa.string_view())


def _is_binary(arrow_type: pa.DataType) -> bool:
    return arrow_type in (pa.binary(), pa.large_binary(), pa.binary_view())
