"""Rules that compare each row with all others: one column's values, or several columns', occur once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from batch_scorer.validation.streaming.failing import FailingRows
from batch_scorer.validation.streaming.measures import Counted, KeysGathered, Measure
from batch_scorer.validation.streaming.rows import Kind, kind_of
from batch_scorer.validation.streaming.rules.answers import answer_of_rows, columns_of
from batch_scorer.validation.streaming.rules.row_level import (
    check_mostly,
    ignored,
    known_condition,
    mostly_hold,
)
from batch_scorer.validation.streaming.rules.rule import Found, Kwargs, NotStreamed, condition_of, types_of

_KINDS = (Kind.INT, Kind.FLOAT, Kind.TEXT, Kind.CATEGORY, Kind.TIME, Kind.DATE, Kind.BOOL)


@dataclass(frozen=True, slots=True, kw_only=True)
class UniqueRule:
    """metric: GX's name of it."""

    metric: str

    def measures(self, kwargs: Kwargs, schema: pa.Schema) -> tuple[Measure, ...]:
        check_mostly(kwargs)
        names = columns_of(kwargs)
        if not names or any(kind_of(type_) not in _KINDS for type_ in types_of(names, schema)):
            raise NotStreamed("keys of such types")
        condition_of(kwargs, schema)
        return self._counted(kwargs), self._keys(kwargs)

    def _keys(self, kwargs: Kwargs) -> KeysGathered:
        return KeysGathered(
            columns=columns_of(kwargs), condition=known_condition(kwargs), ignore=ignored(kwargs)
        )

    def _counted(self, kwargs: Kwargs) -> Counted:
        return Counted(condition=known_condition(kwargs))

    def _failing(self, kwargs: Kwargs, found: Found) -> FailingRows:
        keys = found[self._keys(kwargs)]
        return FailingRows(
            n_rows=found[self._counted(kwargs)].n_rows,
            n_tested=keys.n_rows,
            n_failing=keys.n_repeated,
            keep=0,
            first=keys.first,
        )

    def holds(self, kwargs: Kwargs, found: Found) -> bool:
        return mostly_hold(self._failing(kwargs, found), kwargs)

    def answer(self, metric: str, given: Kwargs, kwargs: Kwargs, found: Found) -> Any:
        rows = self._failing(kwargs, found)
        return answer_of_rows(metric, given, rows, kwargs, found, own=self.metric)
