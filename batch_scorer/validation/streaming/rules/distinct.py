"""Rules about the set of a column's distinct values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from batch_scorer.validation.streaming.kernels.values import streams_set
from batch_scorer.validation.streaming.measures import Measure, ValuesCounted
from batch_scorer.validation.streaming.rows import Kind, kind_of
from batch_scorer.validation.streaming.rules.row_level import known_condition
from batch_scorer.validation.streaming.rules.rule import Found, Kwargs, NotStreamed, condition_of, types_of


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRule:
    """no_others: values outside the set fail. all_there: members that never occur fail."""

    no_others: bool
    all_there: bool

    def measures(self, kwargs: Kwargs, schema: pa.Schema) -> tuple[Measure, ...]:
        check_set(kwargs, schema)
        return (_measure(kwargs),)

    def holds(self, kwargs: Kwargs, found: Found) -> bool:
        others = self.no_others and _others(kwargs, found)[0]
        missing = self.all_there and _missing(kwargs, found)
        return not others and not missing

    def answer(self, metric: str, given: Kwargs, kwargs: Kwargs, found: Found) -> Any:
        match metric.removeprefix("column.distinct_values."):
            case "not_in_set.count":
                return _others(kwargs, found)[0]
            case "not_in_set":
                return _others(kwargs, found)[1][: given.get("limit")]
            case "missing_from_column.count":
                return len(_missing(kwargs, found))
            case "missing_from_column":
                return _missing(kwargs, found)[: given.get("limit")]
            case _:
                raise KeyError(metric)


_MAX_LISTED = 20  # GX's MAX_DISTINCT_VALUES


def check_set(kwargs: Kwargs, schema: pa.Schema) -> None:
    """Raises: NotStreamed."""
    types = types_of((kwargs["column"],), schema)
    if kind_of(types[0]) is Kind.CATEGORY or not streams_set(types, kwargs.get("value_set")):
        raise NotStreamed(f"such a set, for a column of type {types[0]}")
    condition_of(kwargs, schema)


def _measure(kwargs: Kwargs) -> ValuesCounted:
    return ValuesCounted(columns=(kwargs["column"],), condition=known_condition(kwargs))


def _others(kwargs: Kwargs, found: Found) -> tuple[int, list[Any]]:
    name = kwargs["column"]
    members = _members(kwargs, found)
    n, values = found[_measure(kwargs)].not_in(members, found.directory, limit=_MAX_LISTED)
    return n, list(found.series(name, values))


def _missing(kwargs: Kwargs, found: Found) -> list[Any]:
    """The members as the suite gives them."""
    members = list(dict.fromkeys(kwargs["value_set"]))
    type_ = found.schema.field(kwargs["column"]).type
    storable = [_as(member, type_) for member in members if _fits(member, type_)]
    absent = found[_measure(kwargs)].missing(pa.array(storable, type_), found.directory).to_pylist()
    return [member for member in members if not _fits(member, type_) or member in absent]


def _members(kwargs: Kwargs, found: Found) -> pa.Array:
    type_ = found.schema.field(kwargs["column"]).type
    return pa.array([_as(member, type_) for member in kwargs["value_set"] if _fits(member, type_)], type_)


def _fits(member: Any, type_: pa.DataType) -> bool:
    """Whether a column of that type can hold the member at all: 1.5 is in no column of integers."""
    if pa.types.is_integer(type_):
        if member != int(member):
            return False
        try:
            pa.scalar(int(member), type_)
        except (pa.ArrowInvalid, OverflowError):
            return False
    return True


def _as(member: Any, type_: pa.DataType) -> Any:
    return int(member) if pa.types.is_integer(type_) else member


@dataclass(frozen=True, slots=True, kw_only=True)
class MostCommonRule:
    """The value, or one of those, that occur most often is in a set."""

    def measures(self, kwargs: Kwargs, schema: pa.Schema) -> tuple[Measure, ...]:
        check_set(kwargs, schema)
        if kwargs.get("ties_okay") not in (None, True, False):
            raise NotStreamed("ties_okay is true or false")
        return (_measure(kwargs),)

    def _modes(self, kwargs: Kwargs, found: Found) -> list[Any]:
        modes = found[_measure(kwargs)].modes(found.directory)
        return [] if modes is None else list(found.series(kwargs["column"], modes).to_numpy())

    def holds(self, kwargs: Kwargs, found: Found) -> bool:
        modes = self._modes(kwargs, found)
        n_allowed = len(set(kwargs["value_set"]).intersection(modes))
        return n_allowed > 0 if kwargs.get("ties_okay") else len(modes) == 1 and n_allowed == 1

    def answer(self, metric: str, given: Kwargs, kwargs: Kwargs, found: Found) -> Any:  # noqa: ARG002
        if metric != "column.most_common_value":
            raise KeyError(metric)
        return self._modes(kwargs, found)


DISTINCT: Mapping[str, Any] = {
    "expect_column_distinct_values_to_be_in_set": SetRule(no_others=True, all_there=False),
    "expect_column_distinct_values_to_contain_set": SetRule(no_others=False, all_there=True),
    "expect_column_distinct_values_to_equal_set": SetRule(no_others=True, all_there=True),
    "expect_column_most_common_value_to_be_in_set": MostCommonRule(),
}
