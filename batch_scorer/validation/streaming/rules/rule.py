"""What a rule is, and what it finds its answers in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import pyarrow as pa

from batch_scorer.validation.streaming.conditions import streams_condition
from batch_scorer.validation.streaming.domains import canonical
from batch_scorer.validation.streaming.failing import POSITION
from batch_scorer.validation.streaming.measures import Counted, Measure, Partial
from batch_scorer.validation.streaming.rows import Kind, kind_of

Kwargs = Mapping[str, Any]
_NO_SPILLS = Path("/nonexistent")


class NotStreamed(Exception):
    """Why an expectation is left to GX itself, in a few words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The partials over all rows. schema: of the whole table. directory: of files that partials refer to."""

    partials: Mapping[Measure, Partial]
    schema: pa.Schema
    directory: Path = _NO_SPILLS

    def __getitem__(self, measure: Measure) -> Any:
        return self.partials[measure]

    def has_null(self, name: str) -> bool:
        """Of an integer or boolean column: whether pandas holds it in another type for that."""
        tally: Any = self.partials[Counted(columns=(name,))]
        return bool(tally.n_null)

    def series(self, name: str, values: pa.Array) -> pd.Series[Any]:
        """Values of a column, typed as pandas types the column of the whole table."""
        if widens(self.schema.field(name).type) and self.has_null(name):
            padded = pa.concat_arrays([values, pa.nulls(1, values.type)])
            return _as_pandas(padded).iloc[:-1]
        return _as_pandas(values)

    def frame(self, rows: pa.Table) -> pd.DataFrame:
        """Kept rows, indexed by their position, typed as in the whole table."""
        names = [name for name in rows.column_names if name != POSITION]
        columns = {name: self.series(name, rows.column(name).combine_chunks()) for name in names}
        frame = pd.DataFrame(columns)
        frame.index = pd.Index(rows.column(POSITION).to_numpy())
        return frame


def _as_pandas(values: pa.Array) -> pd.Series[Any]:
    series: pd.Series[Any] = values.to_pandas()
    return series


def widens(type_: pa.DataType) -> bool:
    """Whether a null changes the type that pandas gives the column."""
    return kind_of(type_) in (Kind.INT, Kind.BOOL) or pa.types.is_uint64(type_)


class Rule(Protocol):
    """One type of expectation, streamed."""

    def measures(self, kwargs: Kwargs, schema: pa.Schema) -> tuple[Measure, ...]:
        """What must be computed over the rows. Raises: NotStreamed."""

    def holds(self, kwargs: Kwargs, found: Found) -> bool:
        """GX's own success."""

    def answer(self, metric: str, given: Kwargs, kwargs: Kwargs, found: Found) -> Any:
        """The value of a GX metric. given: that metric's own arguments. Raises: KeyError: it is not ours."""


_UNEVEN = {b"batch_scorer.uneven": b"1"}


def uneven(field: pa.Field) -> pa.Field:
    """A column that not every file of the table has, or has in this type."""
    return field.with_metadata(_UNEVEN)


def is_uneven(field: pa.Field) -> bool:
    return bool(field.metadata == _UNEVEN)


def condition_of(kwargs: Kwargs, schema: pa.Schema) -> str | None:
    """Canonical. Raises: NotStreamed."""
    condition = kwargs.get("row_condition")
    if condition is None:
        return None
    kinds = {field.name: kind_of(field.type) for field in schema if not is_uneven(field)}
    if not streams_condition(condition, kinds):
        raise NotStreamed("its row condition is one that only a data frame can decide")
    return canonical(condition)


def types_of(names: tuple[str, ...], schema: pa.Schema) -> tuple[pa.DataType, ...]:
    """Raises: NotStreamed."""
    if len(set(names)) < len(names):
        raise NotStreamed("it names a column twice")
    for name in names:
        if not isinstance(name, str) or schema.get_field_index(name) < 0:
            raise NotStreamed(f"there is no column {name}, or more than one")
        if is_uneven(schema.field(name)):
            raise NotStreamed(f"the files disagree about column {name}")
        # GX may take another one, for it does not look at case.
        if sum(other.lower() == name.lower() for other in schema.names) > 1:
            raise NotStreamed(f"other columns differ from {name} in case alone")
    return tuple(schema.field(name).type for name in names)
