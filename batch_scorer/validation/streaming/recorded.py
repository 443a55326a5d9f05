"""What was asked of partials that may be large, and the answers: small enough to keep, no files needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from batch_scorer.validation.streaming.arrow_text import table_as_text, table_from_text
from batch_scorer.validation.streaming.domains import canonical
from batch_scorer.validation.streaming.duplicates import Duplicates, KeyRows
from batch_scorer.validation.streaming.value_counts import ValueCounts


@dataclass(frozen=True, slots=True)
class RecordedCounts:
    """Value counts that remember what they answered; without `counts`, only that is known.

    Each answer is a number, or values as a column of a table, as text.
    """

    counts: ValueCounts | None
    answers: dict[str, Any] = field(default_factory=dict)

    def n_values(self) -> int:
        return int(self._number("n_values", lambda counts: counts.n_values()))

    def n_distinct(self, directory: Path) -> int:
        return int(self._number("n_distinct", lambda counts: counts.n_distinct(directory)))

    def modes(self, directory: Path) -> pa.Array | None:
        return self._values("modes", lambda counts: counts.modes(directory))

    def not_in(self, value_set: pa.Array, directory: Path, limit: int | None = None) -> tuple[int, pa.Array]:
        of_set = canonical(value_set.to_pylist())
        n = self._number(f"n_not_in {of_set}", lambda counts: counts.not_in(value_set, directory, limit)[0])
        values = self._values(
            f"not_in {limit} {of_set}", lambda counts: counts.not_in(value_set, directory, limit)[1]
        )
        return int(n), values

    def missing(self, value_set: pa.Array, directory: Path) -> pa.Array:
        of_set = canonical(value_set.to_pylist())
        return self._values(f"missing {of_set}", lambda counts: counts.missing(value_set, directory))

    def order_statistics(self, ranks: Sequence[int], directory: Path) -> list[Any]:
        found = self._values(
            f"order_statistics {list(ranks)}",
            lambda counts: pa.array(counts.order_statistics(ranks, directory)),
        )
        listed: list[Any] = found.to_pylist()
        return listed

    def _number(self, question: str, ask: Callable[[ValueCounts], int]) -> int:
        if question not in self.answers:
            self.answers[question] = ask(self._known())
        number: int = self.answers[question]
        return number

    def _values(self, question: str, ask: Callable[[ValueCounts], pa.Array | None]) -> Any:
        if question not in self.answers:
            values = ask(self._known())
            self.answers[question] = None if values is None else table_as_text(pa.table({"of": values}))
        text = self.answers[question]
        return None if text is None else table_from_text(text).column(0).combine_chunks()

    def _known(self) -> ValueCounts:
        if self.counts is None:
            raise KeyError("this was not asked while the values were there")
        return self.counts

    def as_json(self) -> dict[str, Any]:
        return dict(self.answers)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> RecordedCounts:
        return cls(None, dict(document))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedKeys:
    """The rows whose key occurs twice: n_rows tested, n_repeated of them, the first in `first`."""

    n_rows: int
    n_repeated: int
    first: pa.Table | None

    @classmethod
    def of(cls, keys: KeyRows, directory: Path, n_first: int) -> RecordedKeys:
        if keys.rows.runs and keys.rows.differ():
            return cls(n_rows=keys.rows.n_rows, n_repeated=0, first=None)
        found = keys.duplicates(directory, n_first)
        first = found.rows if found.n_rows else None
        return cls(n_rows=keys.rows.n_rows, n_repeated=found.n_rows, first=first)

    def duplicates(self) -> Duplicates:
        return Duplicates(n_rows=self.n_repeated, rows=self.first)

    def as_json(self) -> dict[str, Any]:
        first = None if self.first is None else table_as_text(self.first)
        return {"n_rows": self.n_rows, "n_repeated": self.n_repeated, "first": first}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> RecordedKeys:
        first = document["first"]
        return cls(**{**document, "first": None if first is None else table_from_text(first)})
