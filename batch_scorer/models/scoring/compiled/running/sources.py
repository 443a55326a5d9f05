"""The columns of a batch as NumPy sees them: numbers, and codes of distinct values."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from batch_scorer.core.models import ColumnSpec
from batch_scorer.models.scoring.compiled.plan import Plan
from batch_scorer.models.scoring.compiled.reasons import Unusual
from batch_scorer.models.signature.arrow_types import arrow_type

ABSENT = -1
_FEW_ROWS = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """A column that is looked up.

    codes: (n_rows,) intp, positions in values. values: its distinct values; where there are nulls, null is
    the last. a_row: for each value some row that holds it, ABSENT where none does.
    """

    codes: np.ndarray
    values: pa.Array
    a_row: np.ndarray

    @property
    def missing(self) -> np.ndarray | None:
        """(n_rows,) bool; None: no row is null."""
        return self.codes == len(self.values) - 1 if self.values.null_count else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """By position in the signature. numbers: (n_rows,), never written to; missing: where they are NaN."""

    n_rows: int
    numbers: dict[int, np.ndarray]
    missing: dict[int, np.ndarray]
    codes: dict[int, Codes]

    @classmethod
    def of(cls, features: pa.Table, plan: Plan) -> Sources:
        """Raises: Unusual: an infinite number, a null where there is no room for it, a column too few."""
        specs = plan.signature.columns
        numbers = {at: _numbers(_column(features, specs[at]), specs[at]) for at in plan.numbers}
        missing: dict[int, np.ndarray] = {}
        for at, values in numbers.items():
            if values.dtype.kind == "f":
                missing |= _missing(at, values, specs[at])
        codes = {at: _codes(_column(features, specs[at])) for at in plan.looked_up}
        return cls(n_rows=features.num_rows, numbers=numbers, missing=missing, codes=codes)


def _column(features: pa.Table, spec: ColumnSpec) -> pa.Array:
    """In one piece."""
    position = features.schema.get_field_index(spec.name)
    if position < 0:
        raise Unusual(f'column "{spec.name}" is not there')
    column = features.column(position)
    wanted = arrow_type(spec.type)
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    elif column.type != wanted:
        column = column.cast(wanted)
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)


def _numbers(array: pa.Array, spec: ColumnSpec) -> np.ndarray:
    if array.null_count and not pa.types.is_floating(array.type):
        raise Unusual(f'column "{spec.name}" has a null, for which {spec.type} has no room')
    values: np.ndarray = array.to_numpy(zero_copy_only=False)  # nulls become NaN
    return values


def _missing(at: int, values: np.ndarray, spec: ColumnSpec) -> dict[int, np.ndarray]:
    finite = np.isfinite(values)
    if finite.all():
        return {}
    missing = np.isnan(values)
    if not (finite | missing).all():
        raise Unusual(f'column "{spec.name}" has an infinite number')
    return {at: missing}


def _codes(array: pa.Array) -> Codes:
    encoded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    values, indices = encoded.dictionary, encoded.indices
    if values.null_count:
        raise Unusual("a dictionary has null among its values")
    if indices.null_count:
        indices = indices.cast(pa.int64()).fill_null(len(values))
        values = pa.concat_arrays([values, pa.nulls(1, type=values.type)])
    codes = indices.to_numpy(zero_copy_only=False).astype(np.intp, copy=False)
    return Codes(codes=codes, values=values, a_row=a_row_of_each(codes, len(values)))


def a_row_of_each(codes: np.ndarray, n_codes: int) -> np.ndarray:
    """(n_codes,): some row with that code, ABSENT where there is none. codes: (n_rows,), from 0 on."""
    a_row = np.full(n_codes, ABSENT, dtype=np.intp)
    # Nearly every code is among a few rows, wherever one looks: a quarter of what it costs to note all rows.
    start = random.randrange(max(1, len(codes) - _FEW_ROWS))  # noqa: S311 (no secret)
    few = codes[start : start + _FEW_ROWS]
    a_row[few] = np.arange(start, start + len(few))
    others = np.flatnonzero((a_row == ABSENT).take(codes))
    a_row[codes[others]] = others
    return a_row
