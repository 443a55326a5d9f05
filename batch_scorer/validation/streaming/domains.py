"""Which rows of a batch a rule is about: its row condition, and what it does with nulls."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import numpy as np

from batch_scorer.validation.streaming.conditions import condition_mask
from batch_scorer.validation.streaming.rows import Column, Mask, Rows


class Ignore(StrEnum):
    """The rows left out for their nulls."""

    NONE = "none"
    ANY = "any"  # where one of the columns is null
    ALL = "all"  # where all of them are


def canonical(value: object) -> str:
    """One text for equal JSON values, by which measures know each other."""
    return json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)


def held(condition: str | None, rows: Rows) -> Mask | None:
    """The rows of a row condition, canonical; None: all."""
    if condition is None:
        return None
    cached = rows.conditions
    if condition not in cached:
        cached[condition] = condition_mask(parsed(condition), rows)
    return cached[condition]


def without_nulls(mask: Mask | None, columns: Sequence[Column], ignore: Ignore) -> Mask | None:
    """A domain less the rows that its nulls exclude."""
    if ignore is Ignore.NONE:
        return mask
    masks = [column.valid for column in columns if column.valid is not None]
    if not masks or (ignore is Ignore.ALL and len(masks) < len(columns)):
        return mask
    joint = np.logical_or if ignore is Ignore.ALL else np.logical_and
    kept: Mask = masks[0] if len(masks) == 1 else joint.reduce(masks)
    return kept if mask is None else mask & kept


def count(mask: Mask | None, n_rows: int) -> int:
    return n_rows if mask is None else int(np.count_nonzero(mask))


def columns_in(condition: object) -> tuple[str, ...]:
    """The columns a streamable row condition names."""
    match condition:
        case {"conditions": list(parts)}:
            return tuple(name for part in parts for name in columns_in(part))
        case Mapping() as one:
            return (one["column"]["name"],)
        case _:
            return ()


@functools.lru_cache(maxsize=1_024)
def parsed(text: str | None) -> Any:
    """What `canonical` gave, as it was; to be read only."""
    return None if text is None else json.loads(text)
