"""Rows that show all that is in a chunk: every distinct value, every pattern of nulls, some at random."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from batch_scorer.models.scoring.compiled.reasons import Unusual
from batch_scorer.models.scoring.compiled.running.lookups import Lookups
from batch_scorer.models.scoring.compiled.running.sources import Sources

_N_AT_RANDOM = 16
_LARGEST_SHARE = 4  # a sample above a quarter of the rows costs what compiling saves
_SMALL = 512  # rows: below it a sample is never too large


@dataclass(slots=True)
class Sampler:
    """Of one chunk. What one of its batches showed need not be shown again by the next."""

    n_columns: int
    patterns: set[int] = field(default_factory=set)

    def rows(self, sources: Sources, lookups: Lookups) -> np.ndarray:
        """Of the batch, ascending; none where it shows nothing new. Raises: Unusual: too many do."""
        found = [*lookups.unmet(sources), self._new_patterns(sources)]
        if not any(map(len, found)):
            return np.empty(0, dtype=np.intp)
        # Not of a fixed seed: over the nights other rows are looked at.
        found.append(np.random.default_rng().integers(sources.n_rows, size=_N_AT_RANDOM))
        rows = np.unique(np.concatenate(found))
        if len(rows) > max(_SMALL, sources.n_rows // _LARGEST_SHARE):
            raise Unusual("it has nearly as many distinct values or patterns of nulls as rows")
        return rows

    def _new_patterns(self, sources: Sources) -> np.ndarray:
        keys = _pattern_keys(sources, self.n_columns)
        encoded = pa.array(keys).dictionary_encode()
        found = encoded.dictionary.to_pylist()
        a_row = np.empty(len(found), dtype=np.intp)
        a_row[encoded.indices.to_numpy()] = np.arange(sources.n_rows)
        new = [place for place, key in enumerate(found) if key not in self.patterns]
        self.patterns.update(found)
        return a_row[new]


def _pattern_keys(sources: Sources, n_columns: int) -> np.ndarray:
    """(n_rows,) equal where the same columns are null: a sum of 64 random bits for each of these."""
    weights = np.random.default_rng(0).integers(2**63, size=n_columns, dtype=np.uint64)
    keys = np.zeros(sources.n_rows, dtype=np.uint64)
    missing = dict(sources.missing)
    missing |= {at: codes.missing for at, codes in sources.codes.items() if codes.missing is not None}
    for at, mask in missing.items():
        keys += mask * weights[at]
    return keys
