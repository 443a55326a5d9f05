"""Rows made of what a model learned, and of what it never saw."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from batch_scorer.core.models import ColumnSpec, Signature
from batch_scorer.models.estimators import fitted_parts, learned_categories
from batch_scorer.models.signature.arrow_types import arrow_type

EXTREMES = "extremes"  # numbers at the edge of their type, which the original may refuse

_N_ROWS = 64
_N_LEARNED = 200  # of a column: categories beyond are as good as those
_UNSEEN = "\x00 no model ever saw this"
_NUMBERS = (0.0, -0.0, 1.0, -1.0, 0.5, 3.0, 12.0, 41.9, -87.6, 1e-3, 1e-310, 1e6, -1e9)
_INTEGERS = (0, 1, 2, 3, 7, 12, 23, 100)


_Pools = dict[pa.DataType, list[Any]]


def probes(estimator: Any, signature: Signature) -> Iterator[tuple[str, pa.Table]]:
    """(what they hold, rows with the signature's columns), one after the other."""
    learned = learned_categories(estimator)
    centres = _centres(estimator)
    plain = {kind: _plain(kind, centres) for kind in {arrow_type(spec.type) for spec in signature.columns}}
    known = {spec.name: _known(spec, learned.get(spec.name, ()), plain) for spec in signature.columns}
    random = np.random.default_rng(0)
    for what in ("known values", "nulls", "values never seen", EXTREMES):
        columns = {
            spec.name: _column(spec, _pool(spec, known[spec.name], plain, what), random)
            for spec in signature.columns
        }
        yield what, pa.table(columns)


def _column(spec: ColumnSpec, pool: list[Any], random: np.random.Generator) -> pa.Array:
    kind = arrow_type(spec.type)
    chosen = [pool[at] for at in random.integers(len(pool), size=_N_ROWS)]
    return pa.array(chosen, type=kind)


def _known(spec: ColumnSpec, learned: tuple[Any, ...], plain: _Pools) -> list[Any]:
    kind = arrow_type(spec.type)
    return _fitting([*(spec.categories or ()), *learned[:_N_LEARNED]], kind) or plain[kind]


def _pool(spec: ColumnSpec, known: list[Any], plain: _Pools, what: str) -> list[Any]:
    kind = arrow_type(spec.type)
    match what:
        case "nulls" if spec.nullable:
            return [*known, *[None] * (1 + len(known) // 4)]
        case "values never seen" if pa.types.is_string(kind):
            return [*known, _UNSEEN, ""]
        case "values never seen":
            return plain[kind]
        case _ if what == EXTREMES:
            return [*known, *_extremes(kind)]
    return known


def _plain(kind: pa.DataType, centres: list[float]) -> list[Any]:
    if pa.types.is_floating(kind):
        return _fitting([*_NUMBERS, *centres], kind)
    if pa.types.is_integer(kind):
        return [*_INTEGERS]
    if pa.types.is_boolean(kind):
        return [True, False]
    if pa.types.is_string(kind):
        return ["a", "b", _UNSEEN]
    if pa.types.is_decimal(kind):
        return _fitting([*map(Decimal, _INTEGERS)], kind)
    return [pa.scalar(days, type=pa.date32()).cast(kind).as_py() for days in (0, 366, 19_000)]


def _extremes(kind: pa.DataType) -> list[Any]:
    if pa.types.is_floating(kind):
        largest = float(np.finfo(kind.to_pandas_dtype()).max)
        return [largest, -largest, 2.0**53 if largest > 2.0**53 else 2.0**11]
    if pa.types.is_integer(kind):
        limits = np.iinfo(kind.to_pandas_dtype())
        return [int(limits.min), int(limits.max)]
    return []


def _fitting(values: list[Any], kind: pa.DataType) -> list[Any]:
    """Those of them that the type holds."""
    fitting = []
    for value in values:
        plain = value.item() if isinstance(value, np.generic) else value
        if plain is None or plain != plain:
            continue
        try:
            fitting.append(pa.scalar(plain, type=kind).as_py())
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            continue
    return fitting


def _centres(estimator: Any) -> list[float]:
    """What scalers and imputers learned, with its neighbours: where rounding shows."""
    found: list[float] = []
    for part in fitted_parts(estimator):
        for name in ("mean_", "center_", "data_min_", "data_max_", "statistics_"):
            values = np.ravel(np.asarray(vars(part).get(name, ())))
            if values.dtype.kind == "f":
                found += values[np.isfinite(values)][:_N_LEARNED].tolist()
    return [*found, *np.nextafter(found, np.inf).tolist(), *(3 * value + 0.1 for value in found)]
