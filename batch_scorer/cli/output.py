"""stdout carries data, stderr messages; with --json stdout is JSON Lines, a summary or an error last."""

from __future__ import annotations

import json
import logging
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from itertools import islice
from typing import Any

import click

from batch_scorer.cli.settings import Settings
from batch_scorer.core.errors import BatchScorerError, ReaderGone
from batch_scorer.core.visible import visible, visible_lines

SCHEMA_VERSION = 1
_OUR_COMMAND = re.compile(r"""(?<![\w='"-])batch-scorer (?=[a-z])""")  # and no value that is called so

_log = logging.getLogger(__name__)


def emit(message_type: str, **fields: Any) -> None:
    """One JSON line. Raises: ReaderGone."""
    emit_each(message_type, [fields])


def emit_each(message_type: str, lines: Iterable[Mapping[str, Any]]) -> None:
    """A JSON line of each, many written at once: there may be 100,000. Raises: ReaderGone."""
    head = {"schema_version": SCHEMA_VERSION, "message_type": message_type}
    left = iter(lines)
    try:
        while some := [_as_json({**head, **fields}) for fields in islice(left, _AT_ONCE)]:
            click.echo("\n".join(some))
    except BrokenPipeError:
        raise ReaderGone("whoever read stdout has gone", fix="run again to go on") from None


def echo_each(lines: Iterable[str]) -> None:
    """Each line on stdout, many written at once."""
    left = iter(lines)
    while some := list(islice(left, _AT_ONCE)):
        click.echo("\n".join(some))


def _plain(value: object) -> str:
    """Times as ISO 8601, partitions and enums by their text."""
    return value.isoformat() if isinstance(value, date) else str(value)


_as_json = json.JSONEncoder(default=_plain, ensure_ascii=False).encode  # made once
_AT_ONCE = 1_000  # lines


def emit_summary(exit_code: int, **fields: Any) -> None:
    """The last JSON line of a verb that worked as asked."""
    emit("summary", **fields, exit_code=exit_code)


def say(settings: Settings, text: str) -> None:
    """A message for a person; not with --json, not with -q. With -v also a line of a JSON log."""
    if not settings.json and not settings.quiet:
        tell(settings, text)


def remark(settings: Settings, text: str) -> None:
    """That there was nothing to do: to a person at a terminal; elsewhere only with -v."""
    if settings.verbose or sys.stderr.isatty():
        say(settings, text)


def tell(settings: Settings, text: str, level: int = logging.INFO) -> None:
    """On stderr: as it is, or as a log line where those are JSON."""
    if settings.log_format == "json":
        _log.log(level, "%s", text.strip())
    else:
        click.echo(text, err=True)


def warn(settings: Settings, text: str) -> None:
    """One line on stderr even when quiet; with --json a line on stdout too."""
    if settings.json:
        emit("warning", text=text)
    if settings.log_format == "json":
        _log.warning("%s", text)
    else:
        click.echo(styled(settings, f"warning: {visible_lines(text)}", fg="yellow"), err=True)


def command(settings: Settings, text: str) -> str:
    """`text` as it must be typed where the user stands: with the project and target that were given."""
    if "batch-scorer" not in text:
        return text
    typed = f"batch-scorer{_options(settings.project, settings.target)} "
    return _OUR_COMMAND.sub(lambda _command: typed, text)


@lru_cache(maxsize=1)  # each of 100,000 lines of a plan may name a command
def _options(project: str | None, target: str | None) -> str:
    given = [("-p", project), ("-t", target)]
    return "".join(f" {flag} {shlex.quote(value)}" for flag, value in given if value)


def fail(settings: Settings, error: BatchScorerError) -> int:
    """Show an error as what, where, fix, next; returns its exit code."""
    if error.next_command:
        error.next_command = command(settings, error.next_command)
    if settings.json:
        for mistake in getattr(error, "mistakes", ()):  # of job files: each has its own place
            emit(
                "mistake",
                file=mistake.file,
                line=mistake.line,
                column=mistake.column,
                text=mistake.message,
            )
        emit("error", **error.as_dict(), exit_code=error.exit_code)
    if settings.log_format == "json":
        extra = {**error.as_dict(), "exit_code": error.exit_code}
        _log.error("%s", extra.pop("what"), extra=extra)
    elif not settings.json:
        click.echo(styled(settings, "error: ", fg="red") + visible_lines(error.render()), err=True)
    return error.exit_code


def styled(settings: Settings, text: str, **style: Any) -> str:
    """Colour on a terminal only."""
    if settings.no_color or not sys.stderr.isatty():
        return text
    return click.style(text, **style)


def table(rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Plain aligned columns, two spaces between; `right`: columns that hold numbers.

    A cell may hold what anybody wrote: it is one line, and no command to the terminal.
    """
    return "\n".join(aligned(rows, right=right))


def aligned(rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> Iterator[str]:
    """The lines of such a table, made one by one."""
    cells = [tuple([visible(str(cell)) for cell in row]) for row in rows]
    if not cells:
        return
    widths = [max([len(row[i]) for row in cells]) for i in range(len(cells[0]))]
    line = "  ".join(f"{{:{'>' if i in right else '<'}{width}}}" for i, width in enumerate(widths))
    for row in cells:
        yield line.format(*row).rstrip()
