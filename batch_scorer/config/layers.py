"""One tree out of several: a file over the one it extends, a target over both, environment, flags.

Trees keep the place of every value, so the result still knows who gave what.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from batch_scorer.config.mistakes import Place
from batch_scorer.config.yaml_source import YamlEntry, YamlList, YamlMap, YamlScalar, YamlValue

_FLAGS = {"model.uri": "--model"}
_VARIABLE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^{}]*))?\}|\$\{")


def merge(base: YamlMap, over: YamlMap) -> YamlMap:
    """Mappings merge key by key; anything else, lists too, is replaced."""
    entries = dict(base.entries)
    for key, entry in over.entries.items():
        below = entries.get(key)
        if below and isinstance(below.value, YamlMap) and isinstance(entry.value, YamlMap):
            entry = replace(entry, value=merge(below.value, entry.value))
        entries[key] = entry
    return YamlMap(entries=entries, place=over.place)


def without(root: YamlMap, key: str) -> YamlMap:
    return replace(root, entries={name: entry for name, entry in root.entries.items() if name != key})


def given_by(node: YamlValue, by: str) -> YamlValue:
    """The same tree, every value saying who gave it."""
    match node:
        case YamlScalar():
            return replace(node, place=replace(node.place, by=by))
        case YamlList():
            return replace(node, items=tuple(given_by(item, by) for item in node.items))
        case YamlMap():
            entries = {
                key: YamlEntry(key=replace(entry.key, by=by), value=given_by(entry.value, by))
                for key, entry in node.entries.items()
            }
            return replace(node, entries=entries)


class Interpolation:
    """`${VAR}` and `${VAR:-default}` in texts; `$${` stands for `${`. Collects what cannot be filled in.

    at_use: paths below which texts stay as they are written, because they may be secrets: whoever uses them
    asks `filled_in`. What cannot be filled in there is a mistake all the same.
    """

    def __init__(self, env: Mapping[str, str], at_use: Container[tuple[str, ...]] = ()) -> None:
        self._env = env
        self._at_use = at_use
        self.mistakes: list[tuple[Place, str]] = []

    def fill(self, node: YamlMap, path: tuple[str, ...] = ()) -> YamlMap:
        """path: of the node within the file."""
        entries = {}
        for key, entry in node.entries.items():
            value = self._value(entry.value, (*path, key))
            by = value.place.by if isinstance(value, YamlScalar) else entry.key.by
            entries[key] = YamlEntry(key=replace(entry.key, by=by), value=value)
        return replace(node, entries=entries)

    def _value(self, node: YamlValue, path: tuple[str, ...]) -> YamlValue:
        filled: YamlValue
        match node:
            case YamlScalar(value=str() as text) if "${" in text:
                filled = self._text(node, text)
            case YamlScalar():
                filled = node
            case YamlList():
                filled = replace(node, items=tuple(self._value(item, path) for item in node.items))
            case YamlMap():
                filled = self.fill(node, path)
        return node if path in self._at_use else filled

    def _text(self, node: YamlScalar, text: str) -> YamlScalar:
        used: list[str] = []

        def value_of(match: re.Match[str]) -> str:
            name, default = match["name"], match["default"]
            if match.group() == "$${":
                return "${"
            if name is None:
                self.mistakes.append((node.place, 'a "${" that is no ${NAME} or ${NAME:-default}'))
                return ""
            value = self._env.get(name)
            # As in a shell: an empty variable takes the default too.
            if value or (value is not None and default is None):
                used.append(name)
                return value
            if default is None:
                what = f"environment variable {name} is not set; set it, or write ${{{name}:-default}}"
                self.mistakes.append((node.place, what))
            return default or ""

        filled = _VARIABLE.sub(value_of, text)
        by = f"environment {', '.join(used)}" if used else node.place.by
        return replace(node, value=filled, place=replace(node.place, by=by))


def filled_in(values: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, Any]:
    """Values that were kept as written, their variables filled in now. A variable always gives a text.

    Raises: ValueError, naming the first that is not set any more.
    """
    place = Place(file="", line=0, column=0, by="")
    node = _node(values, place)
    assert isinstance(node, YamlMap)  # noqa: S101 (a mapping gives one)
    variables = Interpolation(env)
    filled: dict[str, Any] = to_plain(variables.fill(node))
    if variables.mistakes:
        raise ValueError(variables.mistakes[0][1])
    return filled


def variables_in(text: str, env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(value, how it is written) of each variable in a text that is set to something."""
    for match in _VARIABLE.finditer(text):
        if match["name"] and (value := env.get(match["name"])):
            yield value, match.group()


def with_flags(root: YamlMap, overrides: Mapping[str, Any]) -> YamlMap:
    """overrides: dotted key to a value as a job file would have it, such as "2h" for compute.timeout."""
    for dotted, value in overrides.items():
        last = dotted.rpartition(".")[2].replace("_", "-")
        by = f"flag {_FLAGS.get(dotted, f'--{last}')}"
        place = Place(file=by, line=0, column=0, by=by)
        node = _node(value, place)
        for key in reversed(dotted.split(".")):
            node = YamlMap(entries={key: YamlEntry(key=place, value=node)}, place=place)
        root = replace(merge(root, node), place=root.place) if isinstance(node, YamlMap) else root
    return root


def to_plain(node: YamlValue) -> Any:
    """What pydantic reads. An empty key counts as absent: `lookback:` takes a default back."""
    match node:
        case YamlScalar():
            return node.value
        case YamlList():
            return [to_plain(item) for item in node.items]
        case YamlMap():
            plain = {key: to_plain(entry.value) for key, entry in node.entries.items()}
            return {key: value for key, value in plain.items() if value is not None}


def _node(value: Any, place: Place) -> YamlValue:
    if isinstance(value, Mapping):
        entries = {key: YamlEntry(key=place, value=_node(item, place)) for key, item in value.items()}
        return YamlMap(entries=entries, place=place)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return YamlList(items=tuple(_node(item, place) for item in value), place=place)
    return YamlScalar(value=value, place=place)
