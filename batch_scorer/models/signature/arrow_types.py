"""The types of a signature as Arrow knows them."""

from __future__ import annotations

import re

import pyarrow as pa

_PLAIN = {
    "float64": pa.float64(),
    "float32": pa.float32(),
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
_TIMESTAMP = re.compile(r"timestamp\[(s|ms|us|ns)(?:, (.+))?\]")


def arrow_type(text: str) -> pa.DataType:
    """`float64`, `string`, `timestamp[us]`, `timestamp[us, UTC]` … Raises: ValueError."""
    plain = _PLAIN.get(text)
    if plain is not None:
        return plain
    timestamp = _TIMESTAMP.fullmatch(text)
    if timestamp is None:
        raise ValueError(f'"{text}" is not a type of a signature')
    return pa.timestamp(timestamp[1], tz=timestamp[2])
