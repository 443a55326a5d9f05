"""GX's result formats, and how many failing rows each of them shows. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MAX_LISTED = 10_000  # rows in COMPLETE's index list, which GX does not bound
_AT_LEAST = 20  # failing rows are kept for the examples in a message, whatever the format


def as_format(result_format: str | Mapping[str, Any]) -> dict[str, Any]:
    """GX's short form of a result format, spelled out."""
    return {"result_format": result_format} if isinstance(result_format, str) else dict(result_format)


def rows_kept(result_format: Mapping[str, Any]) -> int:
    if result_format.get("result_format") == "COMPLETE":
        return MAX_LISTED
    shown: int = result_format.get("partial_unexpected_count", _AT_LEAST)
    return max(_AT_LEAST, shown)


def key_names(result_format: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns that name a failing row: GX takes one name, or several."""
    keys = result_format.get("unexpected_index_column_names") or ()
    return (keys,) if isinstance(keys, str) else tuple(keys)


def columns_kept(result_format: Mapping[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    """The columns of failing rows that the result will show, whether the table has them or not.

    names: of the table.
    """
    keys = key_names(result_format)
    return tuple(dict.fromkeys((*names, *keys))) if result_format.get("include_unexpected_rows") else keys
