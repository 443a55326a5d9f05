"""Rows that show all that is in a chunk: every distinct value, every pattern of nulls, some at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from batch_scorer.models.scoring.compiled.reasons import Unusual
from batch_scorer.models.scoring.compiled.running.sources import ABSENT, Codes, Sources, a_row_of_each

_N_AT_RANDOM = 16
_LARGEST_SHARE = 4  # a sample above a quarter of the rows costs what compiling saves
_MANY_PATTERNS = 2**16  # a table with a place for each stays in the processor's cache
_SMALL = 512  # rows: below it a sample is never too large


@dataclass(slots=True)
class Sampler:
    """Of one chunk. What one of its batches showed need not be shown again by the next.

    values: by source that is looked up, those met. What other chunks showed, each shows anew.
    """

    values: dict[int, pa.Array] = field(default_factory=dict)
    patterns: set[frozenset[int]] = field(default_factory=set)

    def rows(self, sources: Sources) -> np.ndarray:
        """Of the batch, ascending; none where it shows nothing new. Raises: Unusual: too many do."""
        found = [self._new_values(at, codes) for at, codes in sources.codes.items()]
        found.append(self._new_patterns(sources))
        if not any(map(len, found)):
            return np.empty(0, dtype=np.intp)
        # Not of a fixed seed: over the nights other rows are looked at.
        found.append(np.random.default_rng().integers(sources.n_rows, size=_N_AT_RANDOM))
        rows = np.unique(np.concatenate(found))
        if len(rows) > max(_SMALL, sources.n_rows // _LARGEST_SHARE):
            raise Unusual("it has nearly as many distinct values or patterns of nulls as rows")
        return rows

    def _new_values(self, at: int, codes: Codes) -> np.ndarray:
        """A row of each value not met before."""
        new = codes.a_row != ABSENT
        met = self.values.get(at)
        if met is not None:
            new &= ~pc.is_in(codes.values, value_set=met).to_numpy(zero_copy_only=False)
        if new.any():
            values = codes.values.filter(pa.array(new))
            self.values[at] = values if met is None else pa.concat_arrays([met, values])
        rows: np.ndarray = codes.a_row[new]
        return rows

    def _new_patterns(self, sources: Sources) -> np.ndarray:
        """A row of each pattern of nulls, as positions of the columns that are null, not met before."""
        masks = _masks(sources)
        at = sorted(masks)
        a_row = _a_row_of_each([masks[position] for position in at], sources.n_rows)
        found = {frozenset(p for p in at if masks[p][row]): row for row in a_row.tolist()}
        new = [row for pattern, row in found.items() if pattern not in self.patterns]
        self.patterns.update(found)
        return np.array(new, dtype=np.intp)


def _masks(sources: Sources) -> dict[int, np.ndarray]:
    """Of the columns that have nulls: (n_rows,) bool each, by position."""
    found = {at: codes.missing for at, codes in sources.codes.items()}
    return dict(sources.missing) | {at: mask for at, mask in found.items() if mask is not None}


def _a_row_of_each(masks: Sequence[np.ndarray], n_rows: int) -> np.ndarray:
    """Rows of which every combination of the masks is some one's."""
    # In a byte where there is room: an eighth of the memory to go through, for each mask.
    patterns: np.ndarray = np.zeros(n_rows, dtype=np.uint8 if len(masks) <= 8 else np.int64)
    n_patterns = 1
    for mask in masks:
        if n_patterns >= _MANY_PATTERNS:
            patterns, n_patterns = _renumbered(patterns)
        np.add(patterns, patterns, out=patterns)
        np.bitwise_or(patterns, mask.view(np.uint8), out=patterns)
        n_patterns *= 2
    a_row = a_row_of_each(patterns, n_patterns)
    held: np.ndarray = a_row[a_row != ABSENT]
    return held


def _renumbered(patterns: np.ndarray) -> tuple[np.ndarray, int]:
    """Those that occur, from 0 on, and how many they are."""
    encoded = pa.array(patterns).dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64), len(encoded.dictionary)
