"""Keys that came in ascending order: their first and last one tell whether others can be equal to them."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from batch_scorer.core.key_spans import KeySpan
from batch_scorer.validation.streaming.hashing import integers_under

_PROBED = 256  # values: enough to tell of keys in no order


def ascending_span(column: pa.ChunkedArray) -> KeySpan | None:
    """Of values each of which is greater than the one before; None when they are not, or there are none.

    Only of integers, times and text: the order of what is not compared here is not known.
    """
    kind = column.type
    is_whole = pa.types.is_integer(kind) or pa.types.is_timestamp(kind) or pa.types.is_date(kind)
    if not len(column) or column.null_count or not (is_whole or pa.types.is_string(kind)):
        return None
    if not _ascends(column.slice(0, _PROBED)) or not _ascends(column):
        return None
    first, last = column[0], column[-1]
    if is_whole:
        first, last = (end.cast(integers_under(kind)) for end in (first, last))
    try:
        return first.as_py(), last.as_py()
    except UnicodeDecodeError:  # bytes that are no text have no place among those that are
        return None


def _ascends(column: pa.ChunkedArray) -> bool:
    rises = pc.less(column.slice(0, len(column) - 1), column.slice(1))
    return bool(pc.all(rises, min_count=0).as_py())
