"""Which rows of a training table are looked at: spread evenly, and some with nulls in each column.

The rows with nulls are there also for their types: pandas reads integers with a null as floats, and says so
of the sample as it would of the whole table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

N_SPREAD = 128
_N_NULL_ROWS = 3  # per column


class RowChoice:
    """Chooses while the table goes by, batch after batch. n_rows: of the whole table."""

    def __init__(self, n_rows: int) -> None:
        self._spread = np.linspace(0, n_rows - 1, min(N_SPREAD, n_rows)).astype(int)
        self._nulls_wanted: dict[str, int] = {}
        self._n_seen = 0

    def of_batch(self, missing: Mapping[str, np.ndarray], n_rows: int) -> np.ndarray:
        """Positions within the next batch, ascending. missing: per column (n_rows,) bool."""
        start, self._n_seen = self._n_seen, self._n_seen + n_rows
        spread: np.ndarray = self._spread[(self._spread >= start) & (self._spread < self._n_seen)] - start
        chosen = set(spread.tolist())
        for name, is_missing in missing.items():
            wanted = self._nulls_wanted.setdefault(name, _N_NULL_ROWS)
            found: list[Any] = np.flatnonzero(is_missing)[:wanted].tolist()
            self._nulls_wanted[name] -= len(found)
            chosen.update(found)
        return np.array(sorted(chosen), dtype=int)
