"""A record batch as the kernels see it: typed columns with their nulls, each made once."""

from __future__ import annotations

import math
from collections.abc import Hashable
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Mask = np.ndarray[Any, np.dtype[np.bool_]]

_PROBE_ROWS = 4_096
_DISTINCT_WHEN_BELOW = 0.25  # of the probed rows


class Kind(StrEnum):
    """What a column is for the kernels; named after what `table.to_pandas()` makes of it."""

    INT = "int"
    FLOAT = "float"
    FLOAT32 = "float32"
    BOOL = "bool"
    TEXT = "text"
    CATEGORY = "category"  # dictionary-encoded text, a pandas categorical
    TIME = "time"
    DATE = "date"
    OTHER = "other"


_ORDERED = (Kind.INT, Kind.FLOAT, Kind.FLOAT32, Kind.TIME, Kind.DATE)


def kind_of(type_: pa.DataType) -> Kind:
    """Of an Arrow type. What GX's pandas engine treats in its own way (uint64, half floats) is OTHER."""
    if pa.types.is_integer(type_):
        return Kind.OTHER if pa.types.is_uint64(type_) else Kind.INT
    if pa.types.is_float64(type_):
        return Kind.FLOAT
    if pa.types.is_float32(type_):
        return Kind.FLOAT32
    if pa.types.is_boolean(type_):
        return Kind.BOOL
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return Kind.TEXT
    if pa.types.is_dictionary(type_):
        return Kind.CATEGORY if kind_of(type_.value_type) is Kind.TEXT else Kind.OTHER
    if pa.types.is_timestamp(type_):
        return Kind.TIME
    return Kind.DATE if pa.types.is_date32(type_) else Kind.OTHER


def to_numpy(values: pa.Array) -> np.ndarray[Any, Any]:
    """A copy where the layouts differ, as they do for booleans."""
    if pa.types.is_boolean(values.type) and len(values) and not values.null_count:
        return _unpacked(values.buffers()[1], values)
    numbers: np.ndarray[Any, Any] = values.to_numpy(zero_copy_only=False)
    return numbers


def _unpacked(bits: pa.Buffer, values: pa.Array) -> Mask:
    """A bit for each value as a byte; Arrow's own way takes ten times as long."""
    first, n_before = divmod(values.offset, 8)
    of_values = np.frombuffer(bits, np.uint8)[first:]
    unpacked = np.unpackbits(of_values, count=n_before + len(values), bitorder="little")
    return unpacked[n_before:].view(np.bool_)


class Column:
    """One column of a batch. A NaN counts as a null, as it does in pandas.

    type_: as the table declares it; text may come dictionary-encoded all the same.
    """

    def __init__(self, values: pa.Array, type_: pa.DataType | None = None) -> None:
        self._given = values
        self.kind = kind_of(type_ or values.type)

    def __len__(self) -> int:
        return len(self._given)

    @cached_property
    def arrow(self) -> pa.Array:
        """In the declared type."""
        is_encoded_text = self.kind is Kind.TEXT and isinstance(self._given, pa.DictionaryArray)
        return self._given.dictionary_decode() if is_encoded_text else self._given

    def taken(self, where: pa.Array) -> pa.Array:
        """Some of its values, in the declared type."""
        values = self._given.take(where)
        is_encoded_text = self.kind is Kind.TEXT and isinstance(values, pa.DictionaryArray)
        return values.dictionary_decode() if is_encoded_text else values

    @cached_property
    def valid(self) -> Mask | None:
        """Rows that hold a value; None: all of them."""
        if pa.types.is_floating(self._given.type) and self.ends is None:
            absent = np.isnan(self.numbers)  # nulls among them
            return np.logical_not(absent, out=absent) if absent.any() else None
        if not self._given.null_count:
            return None
        bits = self._given.buffers()[0]
        return to_numpy(self._given.is_valid()) if bits is None else _unpacked(bits, self._given)

    @property
    def n_null(self) -> int:
        if pa.types.is_floating(self._given.type) and self.ends is None:
            return 0 if self.valid is None else len(self._given) - int(np.count_nonzero(self.valid))
        n_null: int = self._given.null_count
        return n_null

    @cached_property
    def ends(self) -> np.ndarray[Any, Any] | None:
        """(2,) the smallest and the largest of the numbers, dates or times, nulls left out.

        None where there are none, or a NaN among them. Two quick passes that often tell all there is to know.
        """
        if self.kind not in _ORDERED or not len(self._held):
            return None
        values = self._held.view(np.int64) if self._held.dtype.kind == "M" else self._held
        ends = np.array([values.min(), values.max()])
        return None if np.isnan(ends[0]) else ends.view(self._held.dtype)

    @property
    def present(self) -> np.ndarray[Any, Any]:
        """The numbers of the rows that hold one, in their order."""
        if self.ends is not None:
            return self._held
        return self.numbers if self.valid is None else self.numbers[self.valid]

    @cached_property
    def _held(self) -> np.ndarray[Any, Any]:
        """The numbers without nulls; NaN may be among them."""
        if not self._given.null_count:
            return self.numbers
        return Column(self._given.drop_null()).numbers

    @cached_property
    def numbers(self) -> np.ndarray[Any, Any]:
        """Of numbers, booleans, dates (days) and times (datetime64). What stands where `valid` is False is
        NaN in a column of floats, and else some number that means nothing.
        """
        values = self.arrow
        if pa.types.is_timestamp(values.type):
            return self._integers(pa.int64()).view(f"M8[{values.type.unit}]")
        if pa.types.is_date32(values.type):
            return self._integers(pa.int32())
        if pa.types.is_boolean(values.type):
            return to_numpy(pc.fill_null(values, False))
        if values.null_count:
            nothing = math.nan if pa.types.is_floating(values.type) else 0
            values = pc.fill_null(values, pa.scalar(nothing, values.type))
        return to_numpy(values)

    def _integers(self, type_: pa.DataType) -> np.ndarray[Any, Any]:
        values = self.arrow.view(type_)
        if values.null_count:
            values = pc.fill_null(values, pa.scalar(0, type_))
        return to_numpy(values)

    @cached_property
    def distinct(self) -> tuple[np.ndarray[Any, Any], pa.Array] | None:
        """(codes, values) where values repeat often enough that deciding on each once pays; nulls get code 0.

        None for columns whose values are mostly different from each other.
        """
        if isinstance(self._given, pa.DictionaryArray):
            encoded = self._given
        elif not self._repeats():
            return None
        else:
            encoded = self.arrow.dictionary_encode()
        codes = pc.fill_null(encoded.indices, pa.scalar(0, encoded.indices.type))
        return to_numpy(codes), encoded.dictionary

    def _repeats(self) -> bool:
        if len(self.arrow) <= _PROBE_ROWS:
            return len(self.arrow) > 1
        n_distinct = pc.count_distinct(self.arrow.slice(0, _PROBE_ROWS)).as_py()
        return bool(n_distinct < _DISTINCT_WHEN_BELOW * _PROBE_ROWS)

    def spread(self, decided: Mask) -> Mask:
        """A decision on each of `distinct`'s values, as one on each row."""
        assert self.distinct is not None  # noqa: S101 (callers look first)
        codes, _ = self.distinct
        if not len(decided):  # only nulls
            return np.zeros(len(codes), dtype=bool)
        spread: Mask = decided[codes]
        return spread


def one_null(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """NaN is a null as well, in pandas: two keys with either are the same key."""
    if not pa.types.is_floating(values.type):
        return values
    columns = map(Column, values.chunks)
    pieces = [
        column.arrow
        if column.n_null == column.arrow.null_count
        else pa.array(column.numbers, from_pandas=True)
        for column in columns
    ]
    return pa.chunked_array(pieces, values.type)


class Rows:
    """A record batch, and what has been made of it so far. schema: of the table it is part of."""

    def __init__(self, table: pa.Table, schema: pa.Schema | None = None) -> None:
        self.n_rows: int = table.num_rows
        self.conditions: dict[str, Mask] = {}  # by canonical row condition
        # By measure, None where none fail: they are counted, and rows are set aside by them.
        self.failing: dict[Hashable, Mask | None] = {}
        self._table = table
        self._schema = table.schema if schema is None else schema
        self._columns: dict[str, Column] = {}

    def column(self, name: str) -> Column:
        if name not in self._columns:
            chunks = self._table.column(name)
            values = chunks.combine_chunks() if chunks.num_chunks != 1 else chunks.chunk(0)
            declared = self._schema.field(name).type
            self._columns[name] = Column(_typed(values, declared), declared)
        return self._columns[name]

    def take(self, positions: np.ndarray[Any, Any], columns: tuple[str, ...]) -> pa.Table:
        """Some rows, in their declared types."""
        where = pa.array(positions)
        return pa.table({name: self.column(name).taken(where) for name in columns})

    def all(self, columns: tuple[str, ...]) -> pa.Table:
        """Every row, in their declared types. Nothing is copied."""
        return pa.table({name: self.column(name).arrow for name in columns})


def _typed(values: pa.Array, declared: pa.DataType) -> pa.Array:
    """As the whole table declares it: a file may hold a wider kind of text, or a column of nothing but nulls.

    Text that comes dictionary-encoded stays so; what kernels do not look into stays as it is.
    """
    kind = kind_of(declared)
    if values.type == declared or kind is Kind.OTHER:
        return values
    return values if kind is Kind.TEXT and isinstance(values, pa.DictionaryArray) else values.cast(declared)
