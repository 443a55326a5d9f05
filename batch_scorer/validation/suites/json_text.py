"""JSON with the place of every key and value, so that a mistake can be shown where it was made."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

JsonPath = tuple[str | int, ...]
Span = tuple[int, int]  # offsets of the first character and of the one after the last

_SPACE = re.compile(r"[ \t\r\n]*")
_MAX_DEPTH = 100
_DECODER = json.JSONDecoder()


class JsonInvalid(ValueError):
    """offset: where in the text."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonText:
    """A parsed text. keys and values: spans by path; repeated: keys given twice in one object."""

    text: str
    document: Any
    keys: Mapping[JsonPath, Span]
    values: Mapping[JsonPath, Span]
    repeated: tuple[tuple[JsonPath, Span], ...] = ()

    def key_span(self, path: JsonPath) -> Span:
        """Of an object's key; of the value itself where there is no key, as in a list."""
        return self.keys.get(path) or self.values[path]


def parse_json(text: str) -> JsonText:
    """Raises: JsonInvalid, for what is not JSON (NaN is not), or is nested deeper than any suite."""
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise JsonInvalid(f"not JSON: {error.msg}", error.pos) from None
    except ValueError as error:  # NaN, Infinity, a number with more digits than Python reads
        raise JsonInvalid(f"not JSON: {error}", max(0, text.find(str(error)))) from None
    except RecursionError:
        raise JsonInvalid(f"nested deeper than {_MAX_DEPTH} levels", 0) from None
    walk = _Walk(text)
    walk.value(0, ())
    return JsonText(
        text=text,
        document=document,
        keys=walk.keys,
        values=walk.values,
        repeated=tuple(walk.repeated),
    )


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


@dataclass(slots=True)
class _Walk:
    """Walks a text that json.loads has accepted, so it need not check the grammar again."""

    text: str
    keys: dict[JsonPath, Span] = field(default_factory=dict)
    values: dict[JsonPath, Span] = field(default_factory=dict)
    repeated: list[tuple[JsonPath, Span]] = field(default_factory=list)

    def value(self, at: int, path: JsonPath) -> int:
        """Record the value that starts at or after `at`. Returns: the offset behind it."""
        start = self._skip(at)
        if len(path) > _MAX_DEPTH:
            raise JsonInvalid(f"nested deeper than {_MAX_DEPTH} levels", start)
        match self.text[start]:
            case "{":
                end = self._object(start + 1, path)
            case "[":
                end = self._array(start + 1, path)
            case _:
                _, end = _DECODER.raw_decode(self.text, start)
        self.values[path] = (start, end)
        return end

    def _object(self, at: int, path: JsonPath) -> int:
        at = self._skip(at)
        while self.text[at] != "}":
            start = self._skip(at)
            name, end = _DECODER.raw_decode(self.text, start)
            member = (*path, name)
            if member in self.keys:
                self.repeated.append((member, (start, end)))
            self.keys[member] = (start, end)
            at = self._past_comma(self.value(self._skip(end) + 1, member))
        return at + 1

    def _array(self, at: int, path: JsonPath) -> int:
        at, index = self._skip(at), 0
        while self.text[at] != "]":
            at = self._past_comma(self.value(at, (*path, index)))
            index += 1
        return at + 1

    def _past_comma(self, at: int) -> int:
        at = self._skip(at)
        return at + 1 if self.text[at] == "," else at

    def _skip(self, at: int) -> int:
        space = _SPACE.match(self.text, at)
        return space.end() if space else at
