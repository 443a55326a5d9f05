"""The keys that a job file may have, taken from the models, and what a mistyped one probably meant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from batch_scorer.config.fields import SECRET_NAME
from batch_scorer.config.job import Job
from batch_scorer.config.mistakes import Place
from batch_scorer.config.sections import Secret
from batch_scorer.config.yaml_source import YamlEntry, YamlList, YamlMap, YamlScalar, YamlValue, nodes
from batch_scorer.core.nearest import nearest, suggestion

Path = tuple[str | int, ...]


class KeyCheck:
    """Takes unknown keys out of a tree, or reads them as the known key they resemble.

    So a mistyped key is one mistake, not two ("unknown", "missing"), and what is below it is checked too.
    """

    def __init__(self) -> None:
        self.mistakes: list[tuple[Place, str]] = []

    def correct(self, tree: YamlMap) -> YamlMap:
        return self._section(tree, Job)

    def _section(self, node: YamlMap, model: type[BaseModel]) -> YamlMap:
        fields = fields_of(model)
        entries: dict[str, YamlEntry] = {}
        for written, entry in node.entries.items():
            key = self._meant(written, entry.key, node, tuple(fields))
            if key is not None and key not in entries:
                section = section_in(fields[key].annotation)
                value = self._value(entry.value, section) if section else entry.value
                entries[key] = replace(entry, value=value)
        return replace(node, entries=entries)

    def _value(self, node: YamlValue, section: type[BaseModel]) -> YamlValue:
        match node:
            case YamlMap():
                return self._section(node, section)
            case YamlList():
                return replace(node, items=tuple(self._value(item, section) for item in node.items))
            case _:
                return node

    def _meant(self, written: str, place: Place, node: YamlMap, known: tuple[str, ...]) -> str | None:
        if written in known:
            return written
        hint = suggestion(written, known) or f"; known here: {', '.join(known)}"
        self.mistakes.append((place, f'unknown key "{written}"{hint}'))
        near = nearest(written, known)
        return None if near in node.entries else near


def required_below(path: Path) -> Iterator[Path]:
    """The path itself, or the required keys of the section it names."""
    section = _section_at(path)
    if section is None:
        yield path
        return
    for key, field in fields_of(section).items():
        if field.is_required():
            yield from required_below((*path, key))


def is_secret(path: Path) -> bool:
    """Whether the path leads to a secret, or to a section that holds nothing else: its value is not shown."""
    sections = (_section_at(path[:length]) for length in range(1, len(path) + 1))
    return any(section is Secret for section in sections)


def lines_of_secrets(root: YamlMap) -> Iterator[tuple[str, int]]:
    """(file, line) of every value that stands where only a secret's name belongs."""
    for path, node in nodes(root):
        if not isinstance(node, YamlScalar):
            continue
        below = path[2:] if path[:1] == ("targets",) else path
        if is_secret(below) and not (isinstance(node.value, str) and SECRET_NAME.fullmatch(node.value)):
            yield node.place.file, node.place.line


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """By the key that a user writes."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def section_in(annotation: Any) -> type[BaseModel] | None:
    """The model of the section that a key holds, be it alone, optional or in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (section_in(argument) for argument in get_args(annotation))
    return next((section for section in inner if section), None)


def _section_at(path: Path) -> type[BaseModel] | None:
    section: type[BaseModel] | None = Job
    for step in path:
        if isinstance(step, str):
            field = fields_of(section).get(step) if section else None
            section = section_in(field.annotation) if field else None
    return section
