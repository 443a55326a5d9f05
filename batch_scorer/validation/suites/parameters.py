"""Suite parameters: `{"$PARAMETER": "low"}` in an expectation stands for a value given elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_MARK = "$PARAMETER"


def with_parameters(document: Mapping[str, Any], given: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """A suite's expectations with their parameters put in; given wins over the suite's own.

    One that is an expression, or that nobody gave, stays as it is: it is for GX to read.
    """
    known = {**(document.get("suite_parameters") or {}), **given}
    expectations: list[Mapping[str, Any]] = [_put_in(one, known) for one in document["expectations"]]
    return expectations


def name_in(value: object) -> str | None:
    """The parameter that a value stands for, or None."""
    match value:
        case {"$PARAMETER": str(name), **others} if not others:
            return name
        case _:
            return None


def parameters_in(
    value: object, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Where a value, or what it holds, stands for a parameter, and which."""
    if isinstance(value, dict) and _MARK in value:
        yield path, value[_MARK]
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from parameters_in(member, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from parameters_in(item, (*path, index))


def _put_in(value: Any, known: Mapping[str, Any]) -> Any:
    name = name_in(value)
    if name is not None and name in known:
        return known[name]
    match value:
        case Mapping():
            return {name: _put_in(member, known) for name, member in value.items()}
        case list() | tuple():
            return [_put_in(member, known) for member in value]
        case _:
            return value
