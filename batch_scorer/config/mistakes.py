"""Places in job files, and what is wrong there. All mistakes of a job are told at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from batch_scorer.core.errors import ConfigInvalid
from batch_scorer.core.urls import without_userinfo

_MAX_SHOWN_CHARS = 200
# A URL with user or password, even one that is written wrong: without its scheme, or with spaces.
_SECRET = re.compile(r"://.*@|\w:\S+@|[?&]\w*password=", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a key or a value was written.

    file: relative to the project. line, column: from 1; line 0 is no line of a file. width: in characters.
    by: who gave the value, when it was not that line: `target dev`, `environment LAKE`, `flag --workers`.
    """

    file: str
    line: int
    column: int
    width: int = 1
    by: str | None = None

    @property
    def text(self) -> str:
        return self.by or f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One mistake. source_line: as it stands in the file, None for a flag or a file that cannot be read.

    Neither holds the user and password of a URL: a line that has them is not shown at all.
    """

    file: str
    line: int
    column: int
    message: str
    source_line: str | None = None
    width: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", without_userinfo(self.message))
        if self.source_line is not None and _SECRET.search(self.source_line):
            object.__setattr__(self, "source_line", None)

    def __str__(self) -> str:
        """`file:line:column: message`."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return _printable(f"{place}: {self.message}")

    def render(self) -> str:
        """The same, the source line, and carets below what is meant."""
        head = str(self)
        if self.source_line is None:
            return head
        shown = _printable(self.source_line[:_MAX_SHOWN_CHARS])
        margin = f" {self.line} | "
        lines = [head, f"{margin}{shown}".rstrip()]
        if self.column <= len(shown):
            # Tabs stay tabs, so that the carets stand where the terminal puts the text.
            before = "".join("\t" if character == "\t" else " " for character in shown[: self.column - 1])
            width = max(1, min(self.width, len(shown) - self.column + 1))
            lines.append(" " * len(margin) + before + "^" * width)
        return "\n".join(lines)


def mistake_at(place: Place, message: str, lines: Sequence[str] | None) -> Mistake:
    """lines: of the file the place is in."""
    known = lines is not None and 0 < place.line <= len(lines)
    return Mistake(
        file=place.file,
        line=place.line,
        column=place.column,
        message=message,
        source_line=lines[place.line - 1] if lines is not None and known else None,
        width=place.width,
    )


class JobInvalid(ConfigInvalid):
    """A job file, with everything that is wrong in it.

    Fix: correct each place; `batch-scorer schema` gives editors the JSON Schema that finds most of them.

    mistakes: in the order of the files.
    """

    mistakes: tuple[Mistake, ...]

    def __init__(self, mistakes: Iterable[Mistake], *, next_command: str | None = None) -> None:
        ordered = tuple(sorted(set(mistakes), key=lambda m: (m.file, m.line, m.column, m.message)))
        first = ordered[0]
        more = f" (and {len(ordered) - 1} more)" if len(ordered) > 1 else ""
        super().__init__(
            f"{first.message}{more}",
            where=f"{first.file}:{first.line}:{first.column}" if first.line else first.file,
            next_command=next_command,
        )
        self.mistakes = ordered

    def render(self) -> str:
        return "\n".join(mistake.render() for mistake in self.mistakes)


def _printable(text: str) -> str:
    """Without what could command a terminal; as many characters as before."""
    return "".join(c if c.isprintable() or c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in text)
