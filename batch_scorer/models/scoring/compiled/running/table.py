"""The table before the final estimator, computed column by column, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

from batch_scorer.models.scoring.compiled.plan import Plan, Run
from batch_scorer.models.scoring.compiled.recognising.operations import require_no_infinity
from batch_scorer.models.scoring.compiled.running.lookups import Lookups
from batch_scorer.models.scoring.compiled.running.sources import Sources

_BLOCK = 16_384  # rows: what one column of them needs stays in the processor's cache

Rows = slice | np.ndarray


class Table:
    """(n_rows, n_columns) of one batch. Nothing is computed before it is asked for."""

    def __init__(self, plan: Plan, sources: Sources, lookups: Lookups) -> None:
        self.plan = plan
        self.n_rows = sources.n_rows
        self.n_columns = len(plan.tracks)
        self._sources = sources
        self._made = {at: lookups.made(at, codes) for at, codes in sources.codes.items()}
        self._values: dict[int, np.ndarray] = {}
        self._place = {
            int(column): place for columns in plan.looked_up.values() for place, column in enumerate(columns)
        }

    def blocks(self) -> Iterator[slice]:
        for start in range(0, self.n_rows, _BLOCK):
            yield slice(start, min(start + _BLOCK, self.n_rows))

    def column(self, at: int, rows: Rows) -> np.ndarray:
        """(n rows asked for,) of the whole table's type, not to be written to. Raises: Unusual."""
        track = self.plan.tracks[at]
        if track.looked_up:
            looked_up: np.ndarray = self.values(at).take(self.codes(at)[rows])
            return looked_up
        values = self._sources.numbers[track.source][rows]
        for operation in track.operations:
            values = operation(values)
        if track.operations:
            require_no_infinity(values)
        return values.astype(self.plan.form.dtype, copy=False)

    def is_looked_up(self, run: Run) -> bool:
        return self.plan.tracks[run.first].looked_up

    def codes(self, at: int) -> np.ndarray:
        """Of a column that is looked up: (n_rows,), positions in its values."""
        return self._sources.codes[self.plan.tracks[at].source].codes

    def values(self, at: int) -> np.ndarray:
        """Of a column that is looked up: what it may hold."""
        if at not in self._values:
            made = self.made(Run(at, at + 1))
            self._values[at] = (made.toarray() if sparse.issparse(made) else made)[:, 0]
        return self._values[at]

    def made(self, run: Run) -> Any:
        """(n_values, n columns of the run): what each distinct value becomes; as the table is."""
        places = [self._place[at] for at in range(run.first, run.stop)]
        return self._made[self.plan.tracks[run.first].source][:, places]

    def matrix(self) -> Any:
        """All of it as the original's lies in memory: an array, or a CSR matrix."""
        return self._sparse() if self.plan.form.is_sparse else self.array()

    def array(self, dtype: Any = None, order: Any = None) -> np.ndarray:
        """All of it, dense; by default as the original's lies in memory."""
        form = self.plan.form
        whole: np.ndarray = np.empty(
            (self.n_rows, self.n_columns), dtype=dtype or form.dtype, order=order or form.order
        )
        for rows in self.blocks():
            for at in range(self.n_columns):
                whole[rows, at] = self.column(at, rows)
        return whole

    def _sparse(self) -> Any:
        """Its columns side by side, as a ColumnTransformer stacks them."""
        parts = []
        for run in self.plan.runs:
            if self.is_looked_up(run):
                parts.append(self.made(run)[self.codes(run.first)])
            else:
                values = np.concatenate([self.column(run.first, rows) for rows in self.blocks()])
                parts.append(sparse.csr_matrix(values[:, None]))
        return sparse.hstack(parts, format="csr")
