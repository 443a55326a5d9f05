"""Whole numbers that rise in small steps, as those steps: an eighth of the bytes to hash, write and keep.

Where all steps are equal, as of rows that follow each other, there is nothing to keep but the first number.
Any numbers come back as they were: steps are taken, and added up again, modulo 2**64.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from batch_scorer.arrow.whole import integers_under, is_whole

# In metadata: the schema of the rows; a column's first value, and its step where that is one.
_ROWS, _FIRST, _STEP = b"rows", b"first", b"step"
_NARROW = (pa.uint8(), pa.uint16(), pa.uint32())
_BLOCK = 2**13  # values, whose steps stay in the processor's second cache

Whole = npt.NDArray[np.uint64]


def as_differences(table: pa.Table) -> pa.Table:
    """Each column of numbers or times without nulls becomes its steps, where these need fewer bytes."""
    narrowed = [
        _narrowed(field, column) or (field, column)
        for field, column in zip(table.schema, table.columns, strict=True)
    ]
    schema = pa.schema(
        [field for field, _ in narrowed], metadata={_ROWS: table.schema.serialize().to_pybytes()}
    )
    return pa.Table.from_arrays([column for _, column in narrowed], schema=schema)


def from_differences(table: pa.Table) -> pa.Table:
    """The inverse; a table that `as_differences` did not give stays as it is."""
    if _ROWS not in (table.schema.metadata or {}):
        return table
    schema = pa.ipc.read_schema(pa.py_buffer(table.schema.metadata[_ROWS]))
    columns = [
        column if stored.type == field.type else _added_up(stored.metadata, column, field.type)
        for column, stored, field in zip(table.columns, table.schema, schema, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _narrowed(field: pa.Field, column: pa.ChunkedArray) -> tuple[pa.Field, pa.Array] | None:
    """(n_rows,) the steps from the value before; None where these need as many bytes."""
    if not is_whole(column.type) or column.null_count or len(column) < 2:
        return None
    first = {_FIRST: str(_first(column)).encode()}
    if (only := _only_step(column)) is not None:
        step = {_STEP: str(only).encode()}
        return pa.field(field.name, pa.null(), metadata=first | step), pa.nulls(len(column))
    most = max(int(steps.max()) for steps in _steps(column))
    for kind in _NARROW:
        if kind.bit_width < column.type.bit_width and most < 2**kind.bit_width:
            return pa.field(field.name, kind, metadata=first), _filled(column, kind)
    return None


def _only_step(column: pa.ChunkedArray) -> int | None:
    """None when there are several; then few of them are looked at."""
    only: np.uint64 | None = None
    for steps in _steps(column):
        only = steps[0] if only is None else only
        if not (steps == only).all():
            return None
    return None if only is None else int(only)


def _filled(column: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    """Before the first value there is no step: 0."""
    narrow = np.zeros(len(column), kind.to_pandas_dtype())
    start = 1
    for steps in _steps(column):
        narrow[start : start + len(steps)] = steps
        start += len(steps)
    return pa.array(narrow)


def _steps(column: pa.ChunkedArray) -> Iterator[Whole]:
    """Block by block, none of them empty."""
    before = np.empty(0, np.uint64)
    for chunk in column.chunks:
        numbers = _numbers(chunk)
        for start in range(0, len(numbers), _BLOCK):
            block = numbers[start : start + _BLOCK]
            if len(before):
                yield block[:1] - before
            if len(block) > 1:
                yield block[1:] - block[:-1]
            before = block[-1:]


def _first(column: pa.ChunkedArray) -> int:
    return next(int(_numbers(chunk)[0]) for chunk in column.chunks if len(chunk))


def _added_up(known: dict[bytes, bytes], steps: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    first = np.uint64(int(known[_FIRST]))
    if _STEP in known:
        sums = np.arange(len(steps), dtype=np.uint64) * np.uint64(int(known[_STEP]))
    else:
        sums = np.cumsum(steps.to_numpy(), dtype=np.uint64)
    return pa.array((sums + first).astype(integers_under(kind).to_pandas_dtype())).view(kind)


def _numbers(values: pa.Array) -> Whole:
    """Modulo 2**64."""
    numbers = values.view(integers_under(values.type)).to_numpy().astype(np.int64, copy=False)
    whole: Whole = numbers.view(np.uint64)
    return whole
