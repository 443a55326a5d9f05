"""From a suite and the table's Arrow schema to checks: what is streamed, what is left to GX, why. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import pyarrow as pa

from batch_scorer.validation.streaming.failing import POSITION
from batch_scorer.validation.streaming.measures import SHOWING_ROWS, Counted, Measure, columns_read
from batch_scorer.validation.streaming.rules.rule import NotStreamed, widens
from batch_scorer.validation.streaming.rules.table import NO_RULE, RULES


class Way(StrEnum):
    """How an expectation is evaluated."""

    STREAMED = "streamed"
    GX = "gx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One expectation of a suite. index: its place there. why: it is not streamed, in a few words."""

    index: int
    type: str
    kwargs: Mapping[str, Any]
    way: Way
    why: str = ""
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True, kw_only=True)  # no slots: its measures are wanted for every batch
class Compiled:
    """A suite for a table of one schema. sample_columns: kept with each failing row, besides the rule's."""

    checks: tuple[Check, ...]
    schema: pa.Schema
    sample_columns: tuple[str, ...] = ()

    @cached_property
    def measures(self) -> tuple[Measure, ...]:
        """Each once, and the null counts that say how pandas types a column."""
        wanted = dict.fromkeys(measure for check in self.checks for measure in check.measures)
        read = {name for measure in wanted for name in columns_read(measure)} | set(self.sample_columns)
        widened = [
            name for name in self.schema.names if name in read and widens(self.schema.field(name).type)
        ]
        return tuple(dict.fromkeys((*wanted, *(Counted(columns=(name,)) for name in widened), Counted())))

    @property
    def columns(self) -> tuple[str, ...]:
        """What the measures read, in the order of the table."""
        read = {name for measure in self.measures for name in columns_read(measure)} | set(
            self.sample_columns
        )
        return tuple(name for name in self.schema.names if name in read)

    @property
    def left_to_gx(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.way is Way.GX)


def compile_suite(
    expectations: Sequence[Mapping[str, Any]], schema: pa.Schema, *, sample_columns: Sequence[str] = ()
) -> Compiled:
    """expectations: of GX's own JSON, suite parameters resolved.

    sample_columns: where the table lacks one, GX says so for every expectation that would show a row.
    """
    unknown = tuple(name for name in sample_columns if schema.get_field_index(name) < 0)
    checks = tuple(
        _nameable(_check(index, expectation["type"], expectation["kwargs"], schema), unknown, schema.names)
        for index, expectation in enumerate(expectations)
    )
    known = tuple(name for name in sample_columns if name not in unknown)
    return Compiled(checks=checks, schema=schema, sample_columns=known)


def _nameable(check: Check, unknown: tuple[str, ...], names: Sequence[str]) -> Check:
    if not any(isinstance(measure, SHOWING_ROWS) for measure in check.measures):
        return check
    if POSITION in names:
        return left(check, f"a column is called {POSITION}, as we call a row's place")
    return left(check, f"there is no column {unknown[0]} to name its rows by") if unknown else check


def left(check: Check, why: str) -> Check:
    """The same expectation, left to GX."""
    return Check(index=check.index, type=check.type, kwargs=check.kwargs, way=Way.GX, why=why)


def _check(index: int, type_: str, kwargs: Mapping[str, Any], schema: pa.Schema) -> Check:
    rule = RULES.get(type_)
    if rule is None:
        why = NO_RULE.get(type_, "it is the project's own")
        return Check(index=index, type=type_, kwargs=kwargs, way=Way.GX, why=why)
    try:
        measures = rule.measures(kwargs, schema)
    except NotStreamed as reason:
        return Check(index=index, type=type_, kwargs=kwargs, way=Way.GX, why=str(reason))
    except (KeyError, TypeError):
        why = "arguments that only GX reads"
        return Check(index=index, type=type_, kwargs=kwargs, way=Way.GX, why=why)
    return Check(index=index, type=type_, kwargs=kwargs, way=Way.STREAMED, measures=measures)
