"""The one shape that all texts of a column have, as a regular expression. Pure.

A text is cut in two ways: into runs of one kind of character (`AB12-7` is upper, digits, "-", digits), and
into segments between punctuation, whatever letters and digits they mix. Runs say more; segments catch
hexadecimal ids and UUIDs. Only ASCII: what a letter is beyond it differs between Python and Arrow.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce

_MAX_CHARS = 100
_MAX_PARTS = 16
_META = frozenset(r"\.^$*+?{}[]|()")
_HEX_CHARS = 8  # shorter mixtures of digits and a..f may be anything
_KINDS = {
    **dict.fromkeys(string.digits, "0-9"),
    **dict.fromkeys("ABCDEF", "A-F"),
    **dict.fromkeys("abcdef", "a-f"),
    **dict.fromkeys("GHIJKLMNOPQRSTUVWXYZ", "G-Z"),
    **dict.fromkeys("ghijklmnopqrstuvwxyz", "g-z"),
}
_RUN = re.compile(r"[0-9]+|[A-Z]+|[a-z]+|[ -~]")
_SEGMENT = re.compile(r"[0-9A-Za-z]+|[ -~]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Characters of some kinds, or one literal when there are none. length: None when it differs."""

    kinds: frozenset[str] = frozenset()
    literal: str = ""
    length: int | None = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What texts have in common; at least one of the two is not None."""

    runs: tuple[Part, ...] | None
    segments: tuple[Part, ...] | None

    @property
    def _parts(self) -> tuple[Part, ...]:
        if self.runs is None or (self.segments is not None and any(map(_is_hex, self.segments))):
            return self.segments or ()
        return self.runs

    @property
    def regex(self) -> str:
        """Matches every text of this shape, in Python and in Arrow (RE2)."""
        return f"^{''.join(map(_pattern, self._parts))}$"

    @property
    def is_of_ids(self) -> bool:
        """It has digits, or lengths that never differ; words and names have neither."""
        parts = self._parts
        has_digits = any("0-9" in part.kinds for part in parts)
        return has_digits or all(part.length is not None for part in parts)


def shape_of(text: str) -> Shape | None:
    """None: empty, long, or with other characters than printable ASCII."""
    if not 0 < len(text) <= _MAX_CHARS or not text.isascii() or not text.isprintable():
        return None
    runs, segments = _cut(_RUN, text, _run_kinds), _cut(_SEGMENT, text, _segment_kinds)
    return None if runs is None and segments is None else Shape(runs=runs, segments=segments)


def merge(one: Shape | None, other: Shape | None) -> Shape | None:
    """The narrowest shape that both have; None when there is none."""
    if one is None or other is None:
        return None
    runs = _merge_parts(one.runs, other.runs, _same_kinds)
    segments = _merge_parts(one.segments, other.segments, _both_have_kinds)
    return None if runs is None and segments is None else Shape(runs=runs, segments=segments)


def common_shape(texts: Iterable[str]) -> Shape | None:
    """texts: at least one."""
    return reduce(merge, map(shape_of, texts))


def _cut(
    cutter: re.Pattern[str], text: str, kinds_of: Callable[[str], frozenset[str]]
) -> tuple[Part, ...] | None:
    pieces = cutter.findall(text)
    if len(pieces) > _MAX_PARTS:
        return None
    return tuple(
        Part(kinds=kinds_of(piece), length=len(piece)) if piece[0] in _KINDS else Part(literal=piece)
        for piece in pieces
    )


def _run_kinds(piece: str) -> frozenset[str]:
    if piece[0].isdigit():
        return frozenset({"0-9"})
    return frozenset({"A-F", "G-Z"} if piece[0].isupper() else {"a-f", "g-z"})


def _segment_kinds(piece: str) -> frozenset[str]:
    return frozenset(_KINDS[character] for character in piece)


def _merge_parts(
    one: tuple[Part, ...] | None,
    other: tuple[Part, ...] | None,
    fit: Callable[[Part, Part], bool],
) -> tuple[Part, ...] | None:
    if one is None or other is None or len(one) != len(other):
        return None
    pairs = list(zip(one, other, strict=True))
    if not all(a.literal == b.literal and fit(a, b) for a, b in pairs):
        return None
    return tuple(
        Part(kinds=a.kinds | b.kinds, literal=a.literal, length=a.length if a.length == b.length else None)
        for a, b in pairs
    )


def _same_kinds(one: Part, other: Part) -> bool:
    return one.kinds == other.kinds


def _both_have_kinds(one: Part, other: Part) -> bool:
    return bool(one.kinds) == bool(other.kinds)


def _is_hex(part: Part) -> bool:
    letters = part.kinds - {"0-9"}
    is_long = part.length is not None and part.length >= _HEX_CHARS
    return is_long and len(letters) == 1 < len(part.kinds) and letters <= {"a-f", "A-F"}


def _pattern(part: Part) -> str:
    if not part.kinds:
        return f"\\{part.literal}" if part.literal in _META else part.literal
    many = "+" if part.length is None else f"{{{part.length}}}" if part.length > 1 else ""
    return (r"\d" if part.kinds == {"0-9"} else f"[{_characters(part)}]") + many


def _characters(part: Part) -> str:
    """A few letters from A to F alone are no hexadecimal number: they stand for the alphabet."""
    ranges = "0-9" if "0-9" in part.kinds else ""
    is_hex = bool(ranges) and not part.kinds & {"G-Z", "g-z"}
    if part.kinds & {"A-F", "G-Z"}:
        ranges += "A-F" if is_hex else "A-Z"
    if part.kinds & {"a-f", "g-z"}:
        ranges += "a-f" if is_hex else "a-z"
    return ranges
