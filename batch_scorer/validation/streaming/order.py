"""The partial of a rule about the order of rows: it remembers its ends, to meet those of its neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from batch_scorer.validation.streaming.arrow_text import table_as_text, table_from_text
from batch_scorer.validation.streaming.failing import FailingRows, moved
from batch_scorer.validation.streaming.rows import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderedRows:
    """head: the first tested row as it would be kept if it failed; tail: the last one's value."""

    failing: FailingRows
    name: str
    rising: bool
    strictly: bool
    head: pa.Table | None = None
    tail: pa.Table | None = None

    def __add__(self, after: OrderedRows) -> OrderedRows:
        failing = self.failing + self._seam(after) + after.failing
        return replace(
            self,
            failing=failing,
            head=after.head if self.head is None else self.head,
            tail=self.tail if after.tail is None else after.tail,
        )

    def _seam(self, after: OrderedRows) -> FailingRows:
        """after's first row fails when it does not follow our last one."""
        nothing = FailingRows(n_rows=0, n_tested=0, n_failing=0, keep=self.failing.keep)
        if self.tail is None or after.head is None:
            return nothing
        from batch_scorer.validation.streaming.measures import out_of_order

        last, first = (Column(table.column(self.name).combine_chunks()) for table in (self.tail, after.head))
        wrong = out_of_order(last.numbers, first.numbers, rising=self.rising, strictly=self.strictly)
        return (
            replace(nothing, n_failing=1, first=after.head if nothing.keep else None) if wrong[0] else nothing
        )

    def shifted(self, by: int) -> OrderedRows:
        head = self.head if self.head is None else moved(self.head, by)
        return replace(self, failing=self.failing.shifted(by), head=head)

    def as_json(self) -> dict[str, Any]:
        return {
            "failing": self.failing.as_json(),
            "name": self.name,
            "rising": self.rising,
            "strictly": self.strictly,
            "head": None if self.head is None else table_as_text(self.head),
            "tail": None if self.tail is None else table_as_text(self.tail),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> OrderedRows:
        ends = {
            end: None if document[end] is None else table_from_text(document[end]) for end in ("head", "tail")
        }
        return cls(**{**document, **ends, "failing": FailingRows.from_json(document["failing"])})
