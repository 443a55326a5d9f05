"""Do keys ascend? Then the first and the last one of every chunk tell that none repeats, and nothing is read.

Where they do not, `lake.staging.keys` looks at every key.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from batch_scorer.arrow.spans import ascending_span
from batch_scorer.core.key_spans import KeySpan, joined


class KeyOrder:
    """Watches the rows of one chunk go by. key: of several columns the first alone is looked at."""

    def __init__(self, key: Sequence[str]) -> None:
        self._name = key[0] if key else None
        self._ascends = bool(key)
        self._span: KeySpan | None = None

    def take(self, rows: pa.Table) -> None:
        """The rows that follow, with the key's columns, none of them null."""
        if not self._ascends or not rows.num_rows:
            return
        span = ascending_span(rows.column(self._name))
        self._span = span if self._span is None else joined((self._span, span))
        self._ascends = self._span is not None

    @property
    def span(self) -> KeySpan | None:
        """The first and the last key; None when they do not ascend, or there were no rows."""
        return self._span
