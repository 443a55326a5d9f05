"""Is a value that came out of JSON of the types that its dataclass declares? Python itself does not ask."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints


def require_declared_types(value: Any) -> None:
    """value: of a dataclass; its fields, theirs, and so on.

    Known are plain classes, X | None, Mapping[K, V] and tuple[X, ...]. An int is a float too, a bool neither.
    Raises: ValueError, naming the first field that is wrong.
    """
    for name, declared in _hints(value.__class__).items():
        if not _conforms(getattr(value, name), declared):
            raise ValueError(f"its {name} has the wrong type")


def _conforms(value: Any, declared: Any) -> bool:
    arguments = get_args(declared)
    origin = get_origin(declared)
    if origin in (Union, types.UnionType):
        return any(_conforms(value, each) for each in arguments)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(
            _conforms(key, arguments[0]) and _conforms(each, arguments[1]) for key, each in value.items()
        )
    if origin is tuple:
        return isinstance(value, tuple) and all(_conforms(each, arguments[0]) for each in value)
    if declared is float:
        return type(value) in (int, float)
    if declared in (int, str, bool):
        return type(value) is declared
    if not isinstance(value, declared):
        return False
    if is_dataclass(value):
        require_declared_types(value)
    return True


@cache
def _hints(of: type) -> dict[str, Any]:
    """By field. Annotations are texts: their modules must have at run time what they name."""
    hints = get_type_hints(of)
    return {field.name: hints[field.name] for field in fields(of)}
