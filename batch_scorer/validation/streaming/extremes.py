"""The partials of counts and of smallest and largest values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from batch_scorer.validation.streaming.arrow_text import table_as_text, table_from_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    n_rows: int
    n_null: int

    def __add__(self, after: Tally) -> Tally:
        return Tally(n_rows=self.n_rows + after.n_rows, n_null=self.n_null + after.n_null)

    def as_json(self) -> dict[str, Any]:
        return {"n_rows": self.n_rows, "n_null": self.n_null}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Tally:
        return cls(**document)


@dataclass(frozen=True, slots=True)
class Extremes:
    """ends: the smallest and the largest value, in their Arrow type; None where there is no value."""

    ends: pa.Array | None

    @classmethod
    def of(cls, values: pa.Array) -> Extremes:
        if not len(values):
            return cls(None)
        found = pc.min_max(values)
        # Arrow's own scalars: Python has no time that far away, nor every zone.
        return cls(pa.array([found["min"], found["max"]], values.type))

    def __add__(self, after: Extremes) -> Extremes:
        if self.ends is None or after.ends is None:
            return after if self.ends is None else self
        return Extremes.of(pa.concat_arrays([self.ends, after.ends]))

    def as_json(self) -> dict[str, Any]:
        return {"ends": None if self.ends is None else table_as_text(pa.table({"ends": self.ends}))}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Extremes:
        text = document["ends"]
        return cls(None if text is None else table_from_text(text).column(0).combine_chunks())
