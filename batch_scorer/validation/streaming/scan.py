"""The pass over the rows: every measure of a suite on every batch, added up in row order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batch_scorer.validation.streaming.duplicates import KeyRows
from batch_scorer.validation.streaming.failing import FailingRows
from batch_scorer.validation.streaming.measures import (
    Measure,
    Partial,
    RowsThatFail,
    Sampling,
    partial_as_json,
    partial_from_json,
)
from batch_scorer.validation.streaming.order import OrderedRows
from batch_scorer.validation.streaming.rows import Rows
from batch_scorer.validation.streaming.spill_files import SpillFile
from batch_scorer.validation.streaming.value_counts import ValueCounts

_SPILLING = (ValueCounts, KeyRows)
_PLACED = (FailingRows, OrderedRows, KeyRows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """What is known about some rows that follow each other. partials: in the order of the suite's measures.

    raised: why a measure has no partial: GX's own rule would have raised as well.
    """

    n_rows: int
    partials: tuple[Partial | None, ...]
    raised: Mapping[int, str]

    def __add__(self, after: Scanned) -> Scanned:
        """after: of the rows that follow."""
        partials = tuple(
            None if one is None or other is None else _joined(one, other, self.n_rows)
            for one, other in zip(self.partials, after.partials, strict=True)
        )
        return Scanned(
            n_rows=self.n_rows + after.n_rows, partials=partials, raised={**after.raised, **self.raised}
        )

    def settled(
        self, directory: Path, name: str, *, max_rows: int = 65_536, max_bytes: int = 1 << 25
    ) -> Scanned:
        """With what is too large for memory in files of `directory`, whose names start with `name`.

        max_rows, max_bytes: that each partial may keep. Raises: DiskFull, OutputUnwritable.
        """
        partials = tuple(
            _settled(partial, directory, f"{name}-{index}", max_rows, max_bytes)
            for index, partial in enumerate(self.partials)
        )
        return Scanned(n_rows=self.n_rows, partials=partials, raised=self.raised)

    @property
    def spills(self) -> tuple[SpillFile, ...]:
        """The files that partials refer to."""
        return tuple(file for partial in self._spilling for file in partial.rows.files)

    @property
    def spills_to_read(self) -> tuple[SpillFile, ...]:
        """Those of them that any question may need: of keys that are known to differ none."""
        return tuple(
            file for partial in self._spilling if not partial.rows.differ() for file in partial.rows.files
        )

    @property
    def in_memory_bytes(self) -> int:
        """Of what grows with the rows until it is settled."""
        return sum(partial.rows.in_memory_bytes for partial in self._spilling)

    @property
    def _spilling(self) -> tuple[ValueCounts | KeyRows, ...]:
        return tuple(partial for partial in self.partials if isinstance(partial, _SPILLING))

    def as_json(self) -> dict[str, Any]:
        return {
            "n_rows": self.n_rows,
            "partials": [None if one is None else partial_as_json(one) for one in self.partials],
            "raised": {str(index): why for index, why in self.raised.items()},
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Scanned:
        """Raises: KeyError, ValueError, TypeError: not what `as_json` gave."""
        return cls(
            n_rows=document["n_rows"],
            partials=tuple(None if one is None else partial_from_json(one) for one in document["partials"]),
            raised={int(index): why for index, why in document["raised"].items()},
        )


def _settled(partial: Any, directory: Path, name: str, max_rows: int, max_bytes: int) -> Any:
    if isinstance(partial, _SPILLING) and partial.rows.in_memory_bytes > max_bytes:
        max_rows = 0  # few, and yet too large: long texts
    match partial:
        case ValueCounts():
            return partial.settled(directory, name, max_in_memory=max_rows)
        case KeyRows():
            return partial.settled(directory, name, max_in_memory_rows=max_rows)
        case _:
            return partial


def _joined(one: Any, other: Any, n_before: int) -> Any:
    return one + (other.shifted(n_before) if isinstance(other, _PLACED) else other)


def scan(rows: Rows, measures: Sequence[Measure], sampling: Sampling) -> Scanned:
    """One batch, which has every column the measures read."""
    partials: list[Partial | None] = []
    raised: dict[int, str] = {}
    for index, measure in enumerate(measures):
        try:
            partials.append(measure.of(rows, sampling))
        except ValueError as error:
            if not isinstance(measure, RowsThatFail):
                raise
            partials.append(None)
            raised[index] = f"{type(error).__name__}: {error}"
    return Scanned(n_rows=rows.n_rows, partials=tuple(partials), raised=raised)
