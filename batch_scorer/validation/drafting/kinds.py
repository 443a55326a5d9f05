"""Arrow's types as a draft sees them: what can be said about them, and what GX calls them on pandas data."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from batch_scorer.validation.drafting.seen import Kind

# Measured with GX 1.24 on `table.to_pandas()`. Booleans, dates, times, decimals and bytes with a null among
# them are Python objects there, and GX looks at each value; the name is the same.
_NAMES: Mapping[Callable[[pa.DataType], bool], str] = {
    pa.types.is_boolean: "bool",
    pa.types.is_date: "date",
    pa.types.is_time: "time",
    pa.types.is_duration: "timedelta64",
    pa.types.is_decimal: "Decimal",
}


def unread_why(kind: pa.DataType) -> str | None:
    """Why nothing can be drafted about the values of such a column; None for all others."""
    if pa.types.is_nested(kind):
        return f"it is nested ({kind})"
    if isinstance(kind, pa.BaseExtensionType):
        return f"its type {kind} is an extension of Arrow's"
    if pa.types.is_dictionary(kind):
        return unread_why(kind.value_type)
    return None


def kind_of(kind: pa.DataType) -> Kind:
    """Of a dictionary, that of its values."""
    if pa.types.is_dictionary(kind):
        return kind_of(kind.value_type)
    if pa.types.is_integer(kind):
        return Kind.WHOLE
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return Kind.NUMBER
    return Kind.TEXT if _is_text(kind) else Kind.OTHER


def pandas_type(kind: pa.DataType) -> str | None:
    """What `expect_column_values_to_be_of_type` calls it; None: it has no name for it, or, of a dictionary,
    one that depends on who reads it: a run takes text for text, however a file encodes it.
    """
    if pa.types.is_integer(kind):
        return str(kind)
    if pa.types.is_floating(kind):
        return f"float{kind.bit_width}"
    if pa.types.is_timestamp(kind):
        return "Timestamp" if kind.tz else "datetime64"
    if _is_text(kind):
        return "str"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return "bytes"
    return next((name for holds, name in _NAMES.items() if holds(kind)), None)


def plain(column: pa.Array) -> pa.Array:
    """The same values where every kernel knows them: no dictionaries, no half floats, one kind of text."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_float16(column.type):
        return pc.cast(column, pa.float32())
    return pc.cast(column, pa.large_string()) if _is_text(column.type) else column


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
