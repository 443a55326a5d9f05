"""pydantic's errors in plain words, each at the key or value that is meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic_core import ErrorDetails

from batch_scorer.config.extends import Sources
from batch_scorer.config.keys import is_secret, required_below
from batch_scorer.config.mistakes import Mistake, Place
from batch_scorer.config.yaml_source import YamlEntry, YamlList, YamlMap, YamlScalar, YamlValue
from batch_scorer.core.nearest import suggestion
from batch_scorer.core.urls import without_userinfo

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a path leads to. key: of the last step that exists. value: None when the path goes further."""

    key: Place
    value: YamlValue | None


def find(root: YamlMap, path: Path) -> Found:
    """As far as the tree goes along path."""
    key, node = root.place, root
    value: YamlValue = node
    for step in path:
        entry = _step(value, step)
        if entry is None:
            return Found(key=key, value=None)
        key, value = entry.key, entry.value
    return Found(key=key, value=value)


def place_of_value(sources: Sources, path: Path, offset: int | None = None) -> Place:
    """Of the value, or of the key where it goes no further. offset: of one character of a text."""
    found = find(sources.root, path)
    place = found.value.place if found.value is not None else found.key
    if isinstance(found.value, YamlScalar) and offset is not None:
        return _moved(found.value, offset, sources.lines.get(place.file, ()))
    return place


def in_words(sources: Sources, error: ErrorDetails) -> Iterator[Mistake]:
    """One mistake, or one for each required key of a section that is missing as a whole."""
    path: Path = tuple(error["loc"])
    match error["type"]:
        case "default_factory_not_called":
            return  # the key it depends on has a mistake of its own
        case "missing":
            for missing in required_below(path):
                yield _at_key(sources, path, f'required key "{_dotted(missing)}" is missing')
        case "mistake" if error.get("ctx", {}).get("about") == "key":
            yield _at_key(sources, path, f"{_dotted(path)}: {error['msg']}")
        case _ if is_secret(path):
            yield _secret_given_away(sources, path)
        case _:
            yield _at_value(sources, path, error)


def _secret_given_away(sources: Sources, path: Path) -> Mistake:
    """Whatever was written there may be the secret itself, so it is not repeated."""
    place = place_of_value(sources, path)
    what = "names an environment variable, {secret: env:NAME}; the secret itself does not belong in a file"
    return sources.mistake(place, f"{_dotted(path)}: {what}")


def _at_key(sources: Sources, path: Path, message: str) -> Mistake:
    place = find(sources.root, path).key
    if place == sources.root.place:
        return Mistake(file=place.file, line=1, column=1, message=message)
    return sources.mistake(place, message)


def _at_value(sources: Sources, path: Path, error: ErrorDetails) -> Mistake:
    place = place_of_value(sources, path, error.get("ctx", {}).get("offset"))
    return sources.mistake(place, f"{_dotted(path)}: {_message(error)}")


def _moved(value: YamlScalar, offset: int, lines: tuple[str, ...]) -> Place:
    """The place of one character of a text, where the line holds that text as it is."""
    place = value.place
    start = place.column - 1 + value.quote
    text = str(value.value)
    if not 0 < place.line <= len(lines) or not lines[place.line - 1].startswith(text, start):
        return place
    word = re.match(r"[A-Za-z0-9_.]+|\S", text[offset:])
    return replace(place, column=start + offset + 1, width=len(word.group()) if word else 1)


def _message(error: ErrorDetails) -> str:
    ctx: Mapping[str, Any] = error.get("ctx", {})
    match error["type"]:
        case "value_error":
            return str(ctx["error"])
        case "enum" | "literal_error":
            allowed = re.findall(r"'([^']*)'", ctx["expected"])
            written = error["input"]
            near = suggestion(written, allowed) if isinstance(written, str) else ""
            return f"{_shown(written)} is not {_listed(allowed)}{near}"
        case "string_type":
            return f"{_shown(error['input'])} is not text; put it in quotes"
        case "string_too_short":
            return "must not be empty"
        case "string_pattern_mismatch":
            return f"{_shown(error['input'])} is not of the form {ctx['pattern']}"
        case "too_short":
            return "must not be an empty list"
        case "tuple_type":
            return f"{_shown(error['input'])} is not a list; write [{_example(error['input'])}]"
        case "model_type" | "dict_type":
            return f"{_shown(error['input'])} is not a mapping of keys to values"
        case "greater_than_equal":
            return f"must be at least {ctx['ge']}"
        case "less_than_equal":
            return f"must be at most {ctx['le']}"
        case _:
            return error["msg"]


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _shown(value: object) -> str:
    match value:
        case str():
            return f'"{without_userinfo(value)[:60]}"'
        case bool():
            return str(value).lower()
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case _:
            return str(value)


def _example(value: object) -> str:
    return without_userinfo(str(value))[:60] if isinstance(value, str | int | float) else "…"


def _dotted(path: Iterable[str | int]) -> str:
    return ".".join(map(str, path))


def _step(value: YamlValue, step: str | int) -> YamlEntry | None:
    if isinstance(value, YamlMap):
        return value.entries.get(str(step))
    if isinstance(value, YamlList) and isinstance(step, int) and step < len(value.items):
        item = value.items[step]
        return YamlEntry(key=item.place, value=item)
    return None
