"""The partial of a rule about the order of rows: it remembers its ends, to meet those of its neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from batch_scorer.validation.streaming.arrow_text import table_as_text, table_from_text
from batch_scorer.validation.streaming.failing import FailingRows, moved
from batch_scorer.validation.streaming.rows import Column, Mask


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


def out_of_order(
    before: np.ndarray[Any, Any], after: np.ndarray[Any, Any], *, rising: bool, strictly: bool
) -> Mask:
    """inf next to inf has no difference, which GX lets pass."""
    if before.dtype.kind == "b":
        before, after = before.astype(np.int8), after.astype(np.int8)
    low, high = (before, after) if rising else (after, before)
    wrong = low >= high if strictly else low > high
    if before.dtype.kind == "f":
        wrong &= ~(np.isinf(before) & (before == after))
    return wrong
