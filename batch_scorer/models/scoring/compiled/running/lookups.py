"""What the original makes of each distinct value, learned from a sample that holds them all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from batch_scorer.models.scoring.compiled.plan import Plan
from batch_scorer.models.scoring.compiled.reasons import Unusual
from batch_scorer.models.scoring.compiled.running.sources import ABSENT, Codes, Sources


@dataclass(slots=True)
class Lookup:
    """Of one source. values: distinct, met so far; made: (n_values, n_columns), what they become."""

    values: pa.Array
    made: Any

    def positions(self, codes: Codes) -> np.ndarray:
        """For each of its values the position in these, ABSENT where it was not met."""
        found: np.ndarray = pc.index_in(codes.values, value_set=self.values).fill_null(ABSENT).to_numpy()
        return found


@dataclass(slots=True)
class Lookups:
    """Of one chunk, for each source that is looked up. They grow from batch to batch."""

    plan: Plan
    by_source: dict[int, Lookup] = field(default_factory=dict)

    def unmet(self, sources: Sources) -> list[np.ndarray]:
        """Rows that hold the values which are not known yet, for each source."""
        return [codes.a_row[self._new(at, codes)] for at, codes in sources.codes.items()]

    def learn(self, sources: Sources, rows: np.ndarray, table: Any) -> None:
        """rows: ascending, of the batch; the unmet among them. table: what the original makes of these."""
        for at, codes in sources.codes.items():
            new = np.flatnonzero(self._new(at, codes))
            if not len(new):
                continue
            made = table[np.searchsorted(rows, codes.a_row[new])][:, self.plan.looked_up[at]]
            values = codes.values.take(pa.array(new))
            if at in self.by_source:
                values = pa.concat_arrays([self.by_source[at].values, values])
                made = _below(self.by_source[at].made, made)
            self.by_source[at] = Lookup(values=values, made=made)

    def made(self, at: int, codes: Codes) -> Any:
        """(n values of the batch, n_columns): what they become; of those that no row holds, anything."""
        lookup = self.by_source[at]
        positions = lookup.positions(codes)
        if (positions[codes.a_row != ABSENT] == ABSENT).any():
            raise Unusual("a value is not equal to itself")
        return lookup.made[positions]

    def _new(self, at: int, codes: Codes) -> np.ndarray:
        """For each value: does some row hold it, and was it never met?"""
        held: np.ndarray = codes.a_row != ABSENT
        return held & (self.by_source[at].positions(codes) == ABSENT) if at in self.by_source else held


def _below(upper: Any, lower: Any) -> Any:
    return (
        sparse.vstack([upper, lower], format="csr") if sparse.issparse(upper) else np.vstack([upper, lower])
    )
