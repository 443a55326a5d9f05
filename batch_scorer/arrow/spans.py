"""Keys that come in ascending order: their first and last one tell whether others can be equal to them.

Tables are mostly written in the order of their key, file by file.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from batch_scorer.arrow.whole import integers_under, is_whole
from batch_scorer.core.key_spans import KeySpan, joined

_BLOCK = 2**14  # numbers: what is found of them stays in the processor's first cache
_PROBED = 256  # texts: enough to tell of keys in no order, and dearer to compare than numbers


def ascending_span(column: pa.ChunkedArray) -> KeySpan | None:
    """Of values each of which is greater than the one before; None when they are not, or there are none.

    Only of integers, times, dates and text: the order of what is not compared here is not known.
    """
    if column.null_count or not (is_whole(column.type) or pa.types.is_string(column.type)):
        return None
    span_of = _of_numbers if is_whole(column.type) else _of_texts
    return joined(span_of(chunk) for chunk in column.chunks if len(chunk))


def _of_numbers(values: pa.Array) -> KeySpan | None:
    numbers = values.view(integers_under(values.type)).to_numpy()
    for start in range(0, len(numbers), _BLOCK):
        block = numbers[start : start + _BLOCK + 1]
        if not (block[1:] > block[:-1]).all():
            return None
    return int(numbers[0]), int(numbers[-1])


def _of_texts(texts: pa.Array) -> KeySpan | None:
    if not _rise(texts.slice(0, _PROBED)) or not _rise(texts):
        return None
    try:
        return texts[0].as_py(), texts[-1].as_py()
    except UnicodeDecodeError:  # bytes that are no text have no place among those that are
        return None


def _rise(texts: pa.Array) -> bool:
    rises = pc.less(texts.slice(0, len(texts) - 1), texts.slice(1))
    return bool(pc.all(rises, min_count=0).as_py())
