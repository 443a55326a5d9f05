"""Whole numbers that rise in small steps, as those steps: an eighth of the bytes to hash, write and keep.

Any numbers come back as they were: steps are taken, and added up again, modulo 2**64.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from batch_scorer.arrow.whole import integers_under, is_whole

_ROWS, _FIRST = b"rows", b"first"  # in metadata: the schema of the rows, and the first value of a column
_NARROW = (pa.uint8(), pa.uint16(), pa.uint32())
_BLOCK = 2**14  # values, whose steps stay in the processor's second cache

Whole = npt.NDArray[np.uint64]


def as_differences(table: pa.Table) -> pa.Table:
    """Each column of numbers or times without nulls becomes its steps, where these need fewer bytes."""
    fields, columns = [], []
    for field, column in zip(table.schema, table.columns, strict=True):
        steps = _narrowed(column)
        fields.append(field if steps is None else pa.field(field.name, steps.type, metadata=_first(column)))
        columns.append(column if steps is None else pa.chunked_array([steps]))
    schema = pa.schema(fields, metadata={_ROWS: table.schema.serialize().to_pybytes()})
    return pa.Table.from_arrays(columns, schema=schema)


def from_differences(table: pa.Table) -> pa.Table:
    """The inverse; a table that `as_differences` did not give stays as it is."""
    if _ROWS not in (table.schema.metadata or {}):
        return table
    schema = pa.ipc.read_schema(pa.py_buffer(table.schema.metadata[_ROWS]))
    columns = [
        column if stored.equals(field) else _added_up(column, stored, field)
        for column, stored, field in zip(table.columns, table.schema, schema, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _narrowed(column: pa.ChunkedArray) -> pa.Array | None:
    """(n_rows,) the steps from the value before, of the first 0; None where values need no more bytes."""
    if not is_whole(column.type) or column.null_count or not len(column):
        return None
    largest = max(int(steps.max()) for steps in _steps(column))
    for kind in _NARROW:
        if kind.bit_width < column.type.bit_width and largest < 2**kind.bit_width:
            narrow = np.empty(len(column), kind.to_pandas_dtype())
            start = 0
            for steps in _steps(column):
                narrow[start : start + len(steps)] = steps
                start += len(steps)
            return pa.array(narrow)
    return None


def _steps(column: pa.ChunkedArray) -> Iterator[Whole]:
    """Block by block."""
    before = None
    for chunk in column.chunks:
        numbers = _numbers(chunk)
        for start in range(0, len(numbers), _BLOCK):
            block = numbers[start : start + _BLOCK]
            steps = np.empty_like(block)
            steps[:1] = 0 if before is None else block[:1] - before
            np.subtract(block[1:], block[:-1], out=steps[1:])
            before = block[-1:]
            yield steps


def _first(column: pa.ChunkedArray) -> dict[bytes, bytes]:
    (first,) = next(_numbers(chunk) for chunk in column.chunks if len(chunk))[:1]
    return {_FIRST: str(int(first)).encode()}


def _added_up(steps: pa.ChunkedArray, stored: pa.Field, field: pa.Field) -> pa.Array:
    numbers = np.cumsum(steps.to_numpy(), dtype=np.uint64) + np.uint64(int(stored.metadata[_FIRST]))
    return pa.array(numbers.astype(integers_under(field.type).to_pandas_dtype())).view(field.type)


def _numbers(values: pa.Array) -> Whole:
    """Modulo 2**64."""
    numbers = values.view(integers_under(values.type)).to_numpy().astype(np.int64, copy=False)
    whole: Whole = numbers.view(np.uint64)
    return whole
