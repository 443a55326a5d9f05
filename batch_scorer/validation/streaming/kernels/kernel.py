"""What a kernel is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from batch_scorer.validation.streaming.rows import Column, Mask

Kwargs = Mapping[str, Any]
Types = tuple[pa.DataType, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """One row-level rule of GX's.

    meets: of the expectation's columns, the rows that satisfy it; on rows outside its domain (nulls, mostly)
    the answer does not matter. streams: whether `meets` decides as GX does, from Arrow types and arguments.
    raises: `meets` may raise on some values, so it must see none that is outside the domain.
    certain: whether every value meets it, as the column's ends alone may tell. False says nothing.
    """

    streams: Callable[[Types, Kwargs], bool]
    meets: Callable[[tuple[Column, ...], Kwargs], Mask]
    raises: bool = False
    certain: Callable[[tuple[Column, ...], Kwargs], bool] = lambda *_: False


def decided(column: Column, decide: Callable[[pa.Array], Mask]) -> Mask:
    """A rule about one value, on each row; once for each distinct value where values repeat.

    decide: on an Arrow array without nulls.
    """
    if column.distinct is not None:
        _, values = column.distinct
        return column.spread(decide(values))
    if column.valid is None:
        return decide(column.arrow)
    mask = np.zeros(len(column.arrow), dtype=bool)
    mask[column.valid] = decide(column.arrow.drop_null())
    return mask
