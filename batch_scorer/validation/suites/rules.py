"""What can be wrong with a suite's JSON, told without importing GX. Pure."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from batch_scorer.core.nearest import suggestion
from batch_scorer.core.validation import Severity
from batch_scorer.validation.suites.catalogue import CATALOGUE, RUNTIME_KWARGS, Kind
from batch_scorer.validation.suites.json_text import JsonPath
from batch_scorer.validation.suites.parameters import name_in, parameters_in

_SUITE_KEYS = ("name", "id", "expectations", "suite_parameters", "meta", "notes")
_EXPECTATION_KEYS = (
    "type",
    "kwargs",
    "meta",
    "notes",
    "description",
    "severity",
    "id",
    "expectation_context",
    "rendered_content",
    "success_on_last_run",
)
_OLD_KEYS = {
    "expectation_suite_name": "name",
    "expectation_type": "type",
    "evaluation_parameters": "suite_parameters",
    "ge_cloud_id": "id",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteMistake:
    """path: into the document. of_key: the key there is wrong, not its value."""

    path: JsonPath
    message: str
    of_key: bool = False


def mistakes_in(document: object, *, custom_allowed: bool) -> Iterator[SuiteMistake]:
    """Every mistake, in the order of the text. custom_allowed: the job has code of its own."""
    if not isinstance(document, dict):
        yield SuiteMistake(path=(), message="a suite is a JSON object with name and expectations")
        return
    yield from _unknown_keys(document, _SUITE_KEYS, ())
    name = document.get("name")
    if not isinstance(name, str) or not name:
        yield SuiteMistake(path=("name",), message="name must be a text that is not empty")
    expectations = document.get("expectations")
    if not isinstance(expectations, list) or not expectations:
        yield SuiteMistake(
            path=("expectations",),
            message="expectations must be a list that is not empty: such a suite would pass whatever comes",
        )
        return
    parameters = document.get("suite_parameters")
    known = tuple(parameters) if isinstance(parameters, dict) else ()
    for index, expectation in enumerate(expectations):
        yield from _expectation(expectation, ("expectations", index), custom_allowed, known)


def _expectation(
    expectation: object, path: JsonPath, custom_allowed: bool, known: Collection[str]
) -> Iterator[SuiteMistake]:
    if not isinstance(expectation, dict):
        yield SuiteMistake(path=path, message="an expectation is a JSON object with type and kwargs")
        return
    yield from _unknown_keys(expectation, _EXPECTATION_KEYS, path)
    severity = expectation.get("severity")
    if severity is not None and severity not in tuple(Severity):
        yield SuiteMistake(
            path=(*path, "severity"),
            message=f"severity {_shown(severity)} is not one of {', '.join(Severity)}",
        )
    kwargs = expectation.get("kwargs")
    if not isinstance(kwargs, dict):
        yield SuiteMistake(path=(*path, "kwargs"), message="kwargs must be a JSON object")
        return
    type_ = expectation.get("type")
    kind = CATALOGUE.get(type_) if isinstance(type_, str) else None
    if kind is not None:
        yield from _kwargs(str(type_), kind, kwargs, (*path, "kwargs"))
    elif not isinstance(type_, str):
        yield SuiteMistake(path=(*path, "type"), message="type must name an expectation")
    elif not custom_allowed:
        yield SuiteMistake(
            path=(*path, "type"),
            message=f'unknown expectation "{type_}"{suggestion(type_, CATALOGUE)}',
        )
    yield from _parameters(kwargs, (*path, "kwargs"), known)


def _unknown_keys(
    found: Mapping[str, object], known: tuple[str, ...], path: JsonPath
) -> Iterator[SuiteMistake]:
    for key in found:
        if key in _OLD_KEYS and _OLD_KEYS[key] in known:
            hint = f'; GX 1 calls it "{_OLD_KEYS[key]}": save the suite with GX 1'
        else:
            hint = suggestion(key, known)
        if key not in known:
            yield SuiteMistake(path=(*path, key), message=f'unknown key "{key}"{hint}', of_key=True)


def _kwargs(type_: str, kind: Kind, kwargs: Mapping[str, Any], path: JsonPath) -> Iterator[SuiteMistake]:
    for name in kwargs:
        if name not in kind.kwargs and name not in RUNTIME_KWARGS:
            yield SuiteMistake(
                path=(*path, name),
                message=f'{type_} has no argument "{name}"{suggestion(name, kind.kwargs)}',
                of_key=True,
            )
    for name in kind.required:
        if kwargs.get(name) is None:
            yield SuiteMistake(path=path, message=f'{type_} needs "{name}"', of_key=True)
    if kind.needs_bound and kwargs.get("min_value") is None and kwargs.get("max_value") is None:
        yield SuiteMistake(path=path, message=f"{type_} needs min_value or max_value", of_key=True)
    for name, value in kwargs.items():
        if message := _wrong_value(name, value):
            yield SuiteMistake(path=(*path, name), message=message)


def _wrong_value(name: str, value: Any) -> str | None:
    if value is None or name_in(value) is not None:
        return None
    if name in ("column", "column_A", "column_B") and not isinstance(value, str):
        return f"{name} must name a column, not {_shown(value)}"
    if name == "column_list" and not (isinstance(value, list) and all(isinstance(c, str) for c in value)):
        return f"column_list must be a list of column names, not {_shown(value)}"
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and abs(value) > sys.float_info.max:
        return f"{name} is a number too large for GX to read"
    if name == "mostly" and not (is_number and 0 <= value <= 1):
        return f"mostly must be a share between 0 and 1, not {_shown(value)}"
    return None


def _parameters(kwargs: dict[str, Any], path: JsonPath, known: Collection[str]) -> Iterator[SuiteMistake]:
    """A parameter that the suite gives no value for: whoever runs a job cannot give one."""
    for place, name in parameters_in(kwargs):
        if name not in known:
            yield SuiteMistake(
                path=(*path, *place),
                message=f'no value for the parameter "{name}" in suite_parameters'
                + suggestion(str(name), known),
            )


def _shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
