"""Rows and scores counted over the bins of a model's baseline.

Of training at registration; of any other table of the signature's columns wherever it is read. Only Arrow and
NumPy, so that a worker may count its chunk.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from batch_scorer.core.baselines.dyadic import Dyadic
from batch_scorer.core.baselines.values import (
    Baseline,
    Booleans,
    Categories,
    ColumnBaseline,
    Lengths,
    Numbers,
)
from batch_scorer.core.errors import ColumnMissing

_BLOCK = 2**16  # rows: what is copied of them stays small, and sums of their mantissas stay exact
_LARGEST = np.finfo(np.float64).max

Floats = npt.NDArray[np.float64]


def count(baseline: Baseline, features: pa.Table, outputs: pa.Table | None) -> Baseline:
    """The same bins, filled with these rows only.

    features: at least the baseline's columns, with the signature's types (text may be dictionary-encoded).
    outputs: what the model gave, by the names of golden rows (see golden.as_columns); None: not counted.
    Raises: ColumnMissing.
    """
    return Baseline(
        n_rows=features.num_rows,
        columns=_counted_columns(baseline.columns, features),
        n_scored=outputs.num_rows if outputs is not None else 0,
        outputs=_counted_columns(baseline.outputs, outputs)
        if outputs is not None
        else {name: bins.emptied() for name, bins in baseline.outputs.items()},
    )


def count_column(bins: ColumnBaseline, column: pa.Array | pa.ChunkedArray) -> ColumnBaseline:
    """The bins of a column, filled with these values only."""
    total: Any = bins.emptied()
    for block in blocks(column):
        total = total.plus(_counted(bins, block))
    return total  # type: ignore[no-any-return]


def blocks(column: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
    """Its rows, in pieces of at most _BLOCK."""
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    return [chunk.slice(start, _BLOCK) for chunk in chunks for start in range(0, len(chunk), _BLOCK)]


def as_floats(array: pa.Array) -> Floats:
    """The values that are not null, as float64: dates and times count in their own unit since 1970."""
    values = array.drop_null()
    if pa.types.is_temporal(values.type):
        values = values.cast(pa.int32() if values.type.bit_width == 32 else pa.int64())
    floats: Floats = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return floats


def text_lengths(array: pa.Array) -> pa.Array:
    """Characters, not bytes."""
    return pc.utf8_length(plain(array))


def plain(array: pa.Array) -> pa.Array:
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def value_counts(array: pa.Array) -> dict[str, int]:
    """How often each value is there, by its text: 1 of a column of floats is `1.0`. Nulls are not counted."""
    counted = pc.value_counts(plain(array).drop_null())
    values, counts = counted.field("values").to_pylist(), counted.field("counts").to_pylist()
    return {str(value): n for value, n in zip(values, counts, strict=True)}


def _counted_columns(bins: Mapping[str, ColumnBaseline], table: pa.Table) -> dict[str, ColumnBaseline]:
    missing = [name for name in bins if name not in table.column_names]
    if missing:
        raise ColumnMissing(f"the baseline counts columns that the table does not have: {', '.join(missing)}")
    return {name: count_column(each, table.column(name)) for name, each in bins.items()}


def _counted(bins: ColumnBaseline, array: pa.Array) -> ColumnBaseline:
    match bins:
        case Numbers():
            return _numbers(bins, array)
        case Categories():
            return _categories(bins, array)
        case Booleans():
            n_true = pc.sum(array).as_py() or 0
            return Booleans(
                n_false=len(array) - array.null_count - n_true, n_true=n_true, n_null=array.null_count
            )
        case Lengths():
            return Lengths(lengths=_numbers(bins.lengths, text_lengths(array)))


def _numbers(bins: Numbers, array: pa.Array) -> Numbers:
    values = as_floats(array)
    n_nan = int(np.count_nonzero(np.isnan(values)))
    finite = values[np.isfinite(values)] + 0.0  # no -0.0
    places = np.searchsorted(np.array(bins.edges), finite, side="right")
    with np.errstate(over="ignore", under="ignore"):
        squares = np.minimum(np.square(finite - bins.center), _LARGEST)
    return Numbers(
        edges=bins.edges,
        counts=tuple(np.bincount(places, minlength=len(bins.counts)).tolist()),
        discrete=bins.discrete,
        n_null=array.null_count,
        n_nan=n_nan,
        n_infinite=len(values) - len(finite) - n_nan,
        minimum=float(finite.min()) if len(finite) else None,
        maximum=float(finite.max()) if len(finite) else None,
        total=_exact_sum(finite),
        squares=_exact_sum(squares),
        unit=bins.unit,
    )


def _exact_sum(values: Floats) -> Dyadic:
    """values: at most _BLOCK, finite. Per power of two, the halves of the 53-bit mantissas add up exactly."""
    if not len(values):
        return Dyadic()
    fractions, exponents = np.frexp(values)
    mantissas = np.ldexp(fractions, 53).astype(np.int64)
    lowest = int(exponents.min())
    places = exponents - lowest
    high = np.bincount(places, weights=mantissas >> 26)
    low = np.bincount(places, weights=mantissas & (2**26 - 1))
    used = np.flatnonzero((high != 0) | (low != 0)).tolist()
    total = sum(((int(high[place]) << 26) + int(low[place])) << place for place in used)
    return Dyadic.of(total, lowest - 53)


def _categories(bins: Categories, array: pa.Array) -> Categories:
    found = value_counts(array)
    counts = tuple(found.get(value, 0) for value in bins.values)
    n_null = array.null_count
    return Categories(
        values=bins.values, counts=counts, n_other=len(array) - n_null - sum(counts), n_null=n_null
    )
