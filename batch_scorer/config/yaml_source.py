"""YAML without its traps, every key and value with its place in the file.

Of YAML's own types only null, true, false, decimal integers and floats are known: `on`, `yes`, `010`,
`12:30` and `2024-01-01` are text, whatever YAML 1.1 makes of them. Tags, anchors, aliases, duplicate keys and
deep nesting are refused: each can turn a small file into something else than what a reviewer reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.events import AliasEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from batch_scorer.config.mistakes import JobInvalid, Mistake, Place, mistake_at

MAX_BYTES = 1_000_000
MAX_NESTING = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlScalar:
    """value: without quotes. quote: how many characters of the source stand before its text."""

    value: str | int | float | bool | None
    place: Place
    quote: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlList:
    items: tuple[YamlValue, ...]
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlMap:
    """entries: by key, in the order of the file."""

    entries: Mapping[str, YamlEntry]
    place: Place

    def get(self, key: str) -> YamlValue | None:
        entry = self.entries.get(key)
        return entry.value if entry else None


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlEntry:
    """key: the place of the key itself."""

    key: Place
    value: YamlValue


YamlValue = YamlScalar | YamlList | YamlMap
Steps = tuple[str | int, ...]  # keys and positions


def nodes(root: YamlValue, path: Steps = ()) -> Iterator[tuple[Steps, YamlValue]]:
    """Every value of a tree with the keys and positions that lead to it, the root first."""
    yield path, root
    match root:
        case YamlMap():
            for key, entry in root.entries.items():
                yield from nodes(entry.value, (*path, key))
        case YamlList():
            for index, item in enumerate(root.items):
                yield from nodes(item, (*path, index))


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlFile:
    """file: as messages name it. lines: of the source, without line ends."""

    file: str
    lines: tuple[str, ...]
    root: YamlMap


def read_yaml(path: Path, file: str) -> YamlFile:
    """file: what messages call the path. Raises: JobInvalid, with every mistake of form."""
    return parse_yaml(_read_text(path, file), file)


def parse_yaml(text: str, file: str) -> YamlFile:
    """Raises: JobInvalid."""
    lines = tuple(text.splitlines())
    builder = _Builder(file, lines)
    root = builder.document(_compose(text, builder))
    if builder.mistakes:
        raise JobInvalid(builder.mistakes)
    return YamlFile(file=file, lines=lines, root=root)


def _compose(text: str, builder: _Builder) -> Node | None:
    try:
        loader = _Loader(text)
        node: Node | None = loader.get_single_node()
    except _NotAllowed as refused:
        raise JobInvalid([builder.mistake_at_mark(refused.mark, str(refused))]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        hint = builder.variable_hint(mark)
        raise JobInvalid([builder.mistake_at_mark(mark, _in_words(error) + hint)]) from None
    except yaml.reader.ReaderError as error:
        raise JobInvalid([_unprintable(error, text, builder)]) from None
    except (yaml.YAMLError, ValueError) as error:
        # ValueError: an escape such as "\U00110000", which PyYAML hands to chr().
        raise JobInvalid([builder.mistake_at_mark(None, f"not valid YAML: {error}")]) from None
    return node


class _NotAllowed(Exception):
    def __init__(self, what: str, mark: Any) -> None:
        super().__init__(what)
        self.mark = mark


class _Loader(yaml.SafeLoader):
    """Composes nodes only, and stops at the first event that is not plain data."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 (PyYAML's own spelling; filled below)

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, AliasEvent):
            raise _NotAllowed("aliases (*name) are not allowed; use extends", event.start_mark)
        if event.anchor is not None:
            raise _NotAllowed("anchors (&name) are not allowed; use extends", event.start_mark)
        if event.tag is not None:
            raise _NotAllowed("tags (!name) are not allowed", event.start_mark)
        if self._depth >= MAX_NESTING:
            raise _NotAllowed(f"nested deeper than {MAX_NESTING}", event.start_mark)
        self._depth += 1
        node: Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


_NULL, _BOOL, _INT, _FLOAT = (f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float"))
for _tag, _pattern, _first in (
    (_NULL, r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    (_BOOL, r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    (_INT, r"[-+]?(0|[1-9][0-9]{0,17})", list("-+0123456789")),
    (_FLOAT, r"[-+]?(0|[1-9][0-9]*)?(\.[0-9]+)([eE][-+]?[0-9]{1,2})?", list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern})$"), _first)


class _Builder:
    """From PyYAML's nodes to ours; collects duplicate and odd keys instead of stopping at the first."""

    def __init__(self, file: str, lines: Sequence[str]) -> None:
        self.file = file
        self.lines = lines
        self.mistakes: list[Mistake] = []

    def document(self, node: Node | None) -> YamlMap:
        start = Place(file=self.file, line=1, column=1)
        if node is None:
            return YamlMap(entries={}, place=start)
        if not isinstance(node, MappingNode):
            self.mistakes.append(self.mistake(self._place(node), "a job file is a mapping of keys to values"))
            return YamlMap(entries={}, place=start)
        return self._map(node)

    def mistake(self, place: Place, message: str) -> Mistake:
        return mistake_at(place, message, self.lines)

    def mistake_at_mark(self, mark: Any, message: str) -> Mistake:
        """mark: PyYAML's, from 0, or None for the file as a whole."""
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        return self.mistake(Place(file=self.file, line=line, column=column), message)

    def variable_hint(self, mark: Any) -> str:
        """In block style `key: ${VAR}` needs no quotes; between braces YAML takes it for a mapping."""
        line = self.lines[mark.line] if mark is not None and mark.line < len(self.lines) else ""
        return '; quote "${…}" inside of {…} and […]' if "${" in line else ""

    def _value(self, node: Node) -> YamlValue:
        match node:
            case MappingNode():
                return self._map(node)
            case SequenceNode():
                return YamlList(
                    items=tuple(self._value(item) for item in node.value), place=self._place(node)
                )
            case ScalarNode():
                return self._leaf(node)
        raise AssertionError(node)

    def _leaf(self, node: ScalarNode) -> YamlScalar:
        place = self._place(node)
        if _is_no_text(node.value):
            self.mistakes.append(self.mistake(place, "holds a character that is not text"))
        return YamlScalar(value=_scalar(node), place=place, quote=1 if node.style in ("'", '"') else 0)

    def _map(self, node: MappingNode) -> YamlMap:
        entries: dict[str, YamlEntry] = {}
        for key_node, value_node in node.value:
            place = self._place(key_node)
            value = self._value(value_node)
            key = _scalar(key_node) if isinstance(key_node, ScalarNode) else None
            if not isinstance(key, str) or _is_no_text(key):
                self.mistakes.append(self.mistake(place, "a key must be text; quote it"))
            elif key in entries:
                first = entries[key].key.line
                self.mistakes.append(self.mistake(place, f'key "{key}" is already in line {first}'))
            else:
                entries[key] = YamlEntry(key=place, value=value)
        return YamlMap(entries=entries, place=self._place(node))

    def _place(self, node: Node) -> Place:
        start, end = node.start_mark, node.end_mark
        width = end.column - start.column if end.line == start.line else 1
        return Place(file=self.file, line=start.line + 1, column=start.column + 1, width=max(width, 1))


def _scalar(node: ScalarNode) -> str | int | float | bool | None:
    text = str(node.value)
    if node.tag == _NULL:
        return None
    if node.tag == _BOOL:
        return text.lower() == "true"
    if node.tag == _INT:
        return int(text)
    if node.tag == _FLOAT:
        return float(text)
    return text


def _is_no_text(text: str) -> bool:
    """NUL ends a path early; a lone surrogate cannot be written anywhere."""
    return any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text)


def _read_text(path: Path, file: str) -> str:
    def refused(message: str) -> JobInvalid:
        return JobInvalid([Mistake(file=file, line=1, column=1, message=message)])

    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise refused(f"cannot be read: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise refused(f"is larger than {MAX_BYTES:,} bytes, which no job file is")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise refused(f"is not UTF-8 (line {line}); save it as UTF-8") from None


def _in_words(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "is not YAML"
    if "'\\t'" in problem:
        return "not valid YAML: a tab; indent with spaces"
    context = f" ({error.context})" if error.context else ""
    return f"not valid YAML: {problem}{context}"


def _unprintable(error: yaml.reader.ReaderError, text: str, builder: _Builder) -> Mistake:
    before = text[: error.position].splitlines() or [""]
    place = Place(file=builder.file, line=len(before), column=len(before[-1]) + 1)
    return builder.mistake(place, f"not valid YAML: character U+{ord(text[error.position]):04X}")
