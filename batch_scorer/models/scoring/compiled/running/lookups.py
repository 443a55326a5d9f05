"""What the original makes of each distinct value, learned from samples that hold them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from batch_scorer.models.scoring.compiled.reasons import Unusual
from batch_scorer.models.scoring.compiled.running.sources import ABSENT, Codes, Sources


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """Of one source. values: distinct, met so far; made: (n_values, n_columns), what they become."""

    values: pa.Array
    made: Any
    _derived: dict[Hashable, Sequence[np.ndarray]] = field(default_factory=dict, init=False, compare=False)

    def positions(self, values: pa.Array) -> np.ndarray:
        """For each of the values the position in these, ABSENT where it was not met."""
        found: np.ndarray = pc.index_in(values, value_set=self.values).fill_null(ABSENT).to_numpy()
        return found

    def derived(self, what: Hashable, make: Callable[[], Sequence[np.ndarray]]) -> Sequence[np.ndarray]:
        """What follows from `made` alone: computed once, as long as no value is added."""
        if what not in self._derived:
            self._derived[what] = make()
        return self._derived[what]

    @property
    def n_bytes(self) -> int:
        made = self.made
        parts = [made.data, made.indices, made.indptr] if sparse.issparse(made) else [made]
        derived = itertools.chain.from_iterable(list(self._derived.values()))
        return int(self.values.nbytes) + sum(int(part.nbytes) for part in itertools.chain(parts, derived))


class Found(NamedTuple):
    """Of one source of a batch: for each of its values the position in a lookup, ABSENT where it has none."""

    lookup: Lookup | None
    positions: np.ndarray


class Lookups:
    """For each source that is looked up. They are only ever added to: a position stays what it is.

    Threads may share them: what one adds, the others find, or learn again.
    """

    def __init__(self) -> None:
        self._by_source: dict[int, Lookup] = {}
        self._lock = threading.Lock()

    @property
    def n_bytes(self) -> int:
        """In memory."""
        return sum(lookup.n_bytes for lookup in list(self._by_source.values()))

    def find(self, sources: Sources) -> dict[int, Found]:
        return {at: self._find(at, codes) for at, codes in sources.codes.items()}

    def learn(
        self, sources: Sources, rows: np.ndarray, table: Any, columns: Mapping[int, np.ndarray]
    ) -> dict[int, Found]:
        """rows: ascending, of the batch; the unmet among them. table: what the original makes of these.

        columns: of the table, those of each source. Returns: all values that some row holds, found.
        Raises: Unusual.
        """
        with self._lock:
            for at, codes in sources.codes.items():
                new = _unmet(codes, self._find(at, codes))
                if new.any():
                    made = table[np.searchsorted(rows, codes.a_row[new])][:, columns[at]]
                    self._add(at, codes.values.filter(pa.array(new)), made)
            found = self.find(sources)
        if len(unmet(sources, found)):
            raise Unusual("a value is not equal to itself")
        return found

    def _find(self, at: int, codes: Codes) -> Found:
        lookup = self._by_source.get(at)
        if lookup is None:
            return Found(None, np.full(len(codes.values), ABSENT))
        return Found(lookup, lookup.positions(codes.values))

    def _add(self, at: int, values: pa.Array, made: Any) -> None:
        if at in self._by_source:
            values = pa.concat_arrays([self._by_source[at].values, values])
            made = _below(self._by_source[at].made, made)
        self._by_source[at] = Lookup(values=values, made=made)


def unmet(sources: Sources, found: Mapping[int, Found]) -> np.ndarray:
    """(n,) rows that hold the values which are not known yet, in any order."""
    rows = [codes.a_row[_unmet(codes, found[at])] for at, codes in sources.codes.items()]
    return np.concatenate(rows) if rows else np.empty(0, dtype=np.intp)


def _unmet(codes: Codes, found: Found) -> np.ndarray:
    """For each value: does some row hold it, and was it never met?"""
    new: np.ndarray = (codes.a_row != ABSENT) & (found.positions == ABSENT)
    return new


def _below(upper: Any, lower: Any) -> Any:
    return (
        sparse.vstack([upper, lower], format="csr") if sparse.issparse(upper) else np.vstack([upper, lower])
    )
