"""Text from data, made safe to look at and to write down: nothing invisible, no command to a terminal."""

from __future__ import annotations


def visible(text: str) -> str:
    """The same text where all of it can be seen; else control characters, marks that turn the direction of a
    line, odd spaces and lone surrogates are written as their escapes: `\\x1b`, `\\u202e`.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def visible_lines(text: str) -> str:
    """The same, but for its line breaks, which stay."""
    return "\n".join(map(visible, text.split("\n")))


def _escape(char: str) -> str:
    return char.encode("unicode_escape", "backslashreplace").decode("ascii")
