"""The partial of a row-level rule: how many rows fail it, and the first of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from batch_scorer.validation.streaming.arrow_text import table_as_text, table_from_text

POSITION = "_position"  # of a row in its partition, from 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingRows:
    """n_rows: on which the row condition holds; n_tested: those in the rule's own domain (nulls left out).

    first: at most `keep` failing rows in row order, with POSITION; None when there is none.
    """

    n_rows: int
    n_tested: int
    n_failing: int
    keep: int
    first: pa.Table | None = None

    def __add__(self, after: FailingRows) -> FailingRows:
        """after: of the rows that follow, already shifted."""
        return FailingRows(
            n_rows=self.n_rows + after.n_rows,
            n_tested=self.n_tested + after.n_tested,
            n_failing=self.n_failing + after.n_failing,
            keep=self.keep,
            first=_first(self.keep, self.first, after.first),
        )

    def shifted(self, by: int) -> FailingRows:
        """As if `by` rows came before."""
        return self if self.first is None or not by else replace(self, first=moved(self.first, by))

    def as_json(self) -> dict[str, Any]:
        return {
            "n_rows": self.n_rows,
            "n_tested": self.n_tested,
            "n_failing": self.n_failing,
            "keep": self.keep,
            "first": None if self.first is None else table_as_text(self.first),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> FailingRows:
        first = document["first"]
        return cls(**{**document, "first": None if first is None else table_from_text(first)})


def _first(keep: int, one: pa.Table | None, other: pa.Table | None) -> pa.Table | None:
    if one is None or other is None or one.num_rows >= keep:
        return other if one is None else one
    return pa.concat_tables([one, other.slice(0, keep - one.num_rows)]).combine_chunks()


def moved(rows: pa.Table, by: int) -> pa.Table:
    """The same rows, `by` further down."""
    import pyarrow.compute as pc

    index = rows.column_names.index(POSITION)
    return rows.set_column(index, POSITION, pc.add(rows.column(POSITION), by))
