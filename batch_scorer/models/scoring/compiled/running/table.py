"""The table before the final estimator, computed column by column, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from batch_scorer.models.scoring.compiled.plan import Plan, Run
from batch_scorer.models.scoring.compiled.recognising.operations import require_no_infinity
from batch_scorer.models.scoring.compiled.recognising.tracks import Track
from batch_scorer.models.scoring.compiled.running.lookups import Found, Lookup
from batch_scorer.models.scoring.compiled.running.sources import Sources

_BLOCK = 16_384  # rows: what one column of them needs stays in the processor's cache

Rows = slice | np.ndarray
ALL = slice(None)


class Table:
    """(n_rows, n_columns) of one batch, or of rows of several. Nothing is computed before it is asked for.

    numbers: by source, (n_rows,). codes: by source that is looked up, (n_rows,) positions in its values.
    found: by source, where these values are in its lookup.
    """

    def __init__(
        self,
        plan: Plan,
        n_rows: int,
        numbers: Mapping[int, np.ndarray],
        codes: Mapping[int, np.ndarray],
        found: Mapping[int, tuple[Lookup, np.ndarray]],
    ) -> None:
        self.plan = plan
        self.n_rows = n_rows
        self.n_columns = len(plan.tracks)
        self._numbers = numbers
        self._codes = codes
        self._found = found

    @classmethod
    def of(cls, plan: Plan, sources: Sources, found: Mapping[int, Found]) -> Table:
        """found: every value that some row holds."""
        codes = {at: own.codes for at, own in sources.codes.items()}
        known = {at: (lookup, positions) for at, (lookup, positions) in found.items() if lookup is not None}
        return cls(plan, sources.n_rows, sources.numbers, codes, known)

    @classmethod
    def joined(cls, tables: Sequence[Table]) -> Table:
        """Below each other. tables: each of some rows of another (`at`), of one plan and the same Lookups."""
        first = tables[0]
        found = {
            # Lookups only grow: what has the most values has those of all.
            at: max((table._found[at] for table in tables), key=lambda own: len(own[1]))
            for at in first._found
        }
        return cls(
            first.plan,
            sum(table.n_rows for table in tables),
            {at: np.concatenate([table._numbers[at] for table in tables]) for at in first._numbers},
            {at: np.concatenate([table._codes[at] for table in tables]) for at in first._codes},
            found,
        )

    def at(self, rows: np.ndarray) -> Table:
        """Some of its rows, in memory of their own. Their codes are positions in the lookups themselves."""
        numbers = {at: values[rows] for at, values in self._numbers.items()}
        codes = {at: self._found[at][1][values[rows]] for at, values in self._codes.items()}
        found = {at: (lookup, np.arange(len(lookup.values))) for at, (lookup, _) in self._found.items()}
        return Table(self.plan, len(rows), numbers, codes, found)

    @property
    def n_bytes(self) -> int:
        """In memory, without the lookups."""
        return sum(values.nbytes for own in (self._numbers, self._codes) for values in own.values())

    def blocks(self) -> Iterator[slice]:
        for start in range(0, self.n_rows, _BLOCK):
            yield slice(start, min(start + _BLOCK, self.n_rows))

    def column(self, at: int, rows: Rows = ALL) -> np.ndarray:
        """(n rows asked for,) of the whole table's type, not to be written to. Raises: Unusual."""
        track = self.plan.tracks[at]
        if track.looked_up:
            looked_up: np.ndarray = self.values(at).take(self.codes(at)[rows])
            return looked_up
        values = self._calculated(track, rows)
        if track.operations:
            require_no_infinity(values)
        return values.astype(self.plan.form.dtype, copy=False)

    def numbers(self, at: int, rows: Rows) -> np.ndarray:
        """Of a column that is calculated, as `column`; infinity, which the original refuses, is let through:
        for those who see it in what they make of it."""
        return self._calculated(self.plan.tracks[at], rows).astype(self.plan.form.dtype, copy=False)

    def is_looked_up(self, run: Run) -> bool:
        return self.plan.tracks[run.first].looked_up

    def codes(self, at: int) -> np.ndarray:
        """Of a column that is looked up: (n_rows,), positions in its values."""
        return self._codes[self.plan.tracks[at].source]

    def values(self, at: int) -> np.ndarray:
        """Of a column that is looked up: what it may hold; of values that no row holds, anything."""
        lookup, positions = self._lookup(at)
        (column,) = lookup.derived(at, lambda: [_dense(self._known(lookup, Run(at, at + 1)))[:, 0]])
        return column.take(positions)

    def made(self, run: Run) -> Any:
        """(n_values, n columns of the run): what each distinct value becomes; as the table is."""
        lookup, positions = self._lookup(run.first)
        return self._known(lookup, run)[positions]

    def made_once(self, run: Run, make: Callable[[Any], Sequence[np.ndarray]]) -> list[np.ndarray]:
        """What `make` makes of what the values become: (…, n_values) each.

        make: always the same for a plan; called with the values of all batches, and again for further ones.
        """
        lookup, positions = self._lookup(run.first)
        arrays = lookup.derived(run, lambda: make(self._known(lookup, run)))
        return [array.take(positions, axis=-1) for array in arrays]

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

    def _calculated(self, track: Track, rows: Rows) -> np.ndarray:
        values = self._numbers[track.source][rows]
        for operation in track.operations:
            values = operation(values)
        return values

    def _lookup(self, at: int) -> tuple[Lookup, np.ndarray]:
        return self._found[self.plan.tracks[at].source]

    def _known(self, lookup: Lookup, run: Run) -> Any:
        """What each value of the lookup becomes in the columns of the run."""
        places = [self.plan.places[at] for at in range(run.first, run.stop)]
        return lookup.made[:, places]

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


def _dense(made: Any) -> np.ndarray:
    dense: np.ndarray = made.toarray() if sparse.issparse(made) else made
    return dense
