"""How a message tells its fields: in a class of its own, or as one of our records has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_type_hints

# Python 3.11's own is refused by pydantic: it cannot tell which fields may be absent.
from typing_extensions import TypedDict

Json = Any  # a document of somebody else: Great Expectations' own, a job file's, a row's values


def of(record: type, **others: Any) -> Any:
    """The fields of one of our records, as `asdict` tells them. others: added, or told otherwise."""
    hints = get_type_hints(record)
    return typed(record.__name__, {one.name: hints[one.name] for one in fields(record)} | others)


def typed(name: str, told: Mapping[str, Any]) -> Any:
    return TypedDict(name, dict(told))  # type: ignore[operator]
