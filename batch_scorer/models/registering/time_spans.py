"""Which time a training table is of: the first and last value of each of its columns of dates and times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from batch_scorer.core.models import TimeSpan


def time_columns(schema: pa.Schema) -> list[str]:
    """The columns of dates and times, those within other columns left out."""
    return [f.name for f in schema if pa.types.is_date(f.type) or pa.types.is_timestamp(f.type)]


def spans_of(table: pa.Table) -> tuple[TimeSpan, ...]:
    """Of its columns of dates and times; one without a value, or with one that no calendar has, has none."""
    return tuple(_spans(table.select(time_columns(table.schema))))


def spans_of_frame(frame: pd.DataFrame) -> tuple[TimeSpan, ...]:
    """The same for a frame in memory, columns of Python dates included."""
    columns = {}
    for name, column in frame.items():
        if pd.api.types.infer_dtype(column, skipna=True) in ("datetime64", "datetime", "date"):
            with suppress(pa.ArrowException):  # dates among times: no time can be told of such a column
                columns[str(name)] = pa.Array.from_pandas(column)
    return spans_of(pa.table(columns))


def _spans(table: pa.Table) -> Iterator[TimeSpan]:
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            column = column.cast(
                pa.timestamp("us", column.type.tz), safe=False
            )  # what Python's own times hold
        ends = pc.min_max(column)
        try:
            first, last = ends["min"].as_py(), ends["max"].as_py()
        except (OverflowError, ValueError):
            continue
        if first is not None:
            yield TimeSpan(column=name, first=first, last=last)


def merged(one: tuple[TimeSpan, ...], other: tuple[TimeSpan, ...]) -> tuple[TimeSpan, ...]:
    """The spans of two parts of a table together; each column's times are of one kind."""
    by_column = {span.column: span for span in one}
    for span in other:
        known = by_column.get(span.column, span)
        by_column[span.column] = TimeSpan(
            column=span.column, first=min(known.first, span.first), last=max(known.last, span.last)
        )
    return tuple(by_column.values())
