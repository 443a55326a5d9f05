"""Do keys ascend? Then the first and the last one of every chunk tell that none repeats, and nothing is read.

Tables are mostly written in the order of their key, file by file. Where they are not, `lake.keys` looks at
every key.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from batch_scorer.core.key_spans import KeySpan

_PROBED = 256  # rows: enough to tell of keys in no order


class KeyOrder:
    """Watches the rows of one chunk go by. key: of several columns the first alone is looked at."""

    def __init__(self, key: Sequence[str]) -> None:
        self._name = key[0] if key else None
        self._ascends = bool(key)
        self._first: int | str | None = None
        self._last: int | str | None = None

    def take(self, rows: pa.Table) -> None:
        """The rows that follow, with the key's columns, none of them null."""
        if not self._ascends or not rows.num_rows:
            return
        column = _comparable(rows.column(self._name))
        if column is None or not _ascends(column.slice(0, _PROBED)) or not _ascends(column):
            self._ascends = False
            return
        try:
            first, last = column[0].as_py(), column[-1].as_py()
        except UnicodeDecodeError:  # bytes that are no text: who compares all keys says so
            self._ascends = False
            return
        if self._first is None:
            self._first = first
        else:
            self._ascends = self._last < first
        self._last = last

    @property
    def span(self) -> KeySpan | None:
        """The first and the last key; None when they do not ascend, or there were no rows."""
        if not self._ascends or self._first is None:
            return None
        return self._first, self._last  # type: ignore[return-value]


def _comparable(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Integers, times as those they are stored as, and text; the order of the rest is not looked at."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        return pa.chunked_array([chunk.view(pa.int64()) for chunk in column.chunks], pa.int64())
    return column if pa.types.is_integer(kind) or pa.types.is_string(kind) else None


def _ascends(column: pa.ChunkedArray) -> bool:
    rises = pc.less(column.slice(0, len(column) - 1), column.slice(1))
    return bool(pc.all(rises, min_count=0).as_py())
