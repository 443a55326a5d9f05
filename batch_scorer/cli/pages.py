"""Writing an HTML page where a person wants it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from batch_scorer.cli.settings import Settings
from batch_scorer.core.durable import write_pieces
from batch_scorer.core.errors import UsageError

STDOUT = Path("-")


def require_one_stdout(settings: Settings, file: Path | None, option: str) -> None:
    """Raises: UsageError, when the page and --json would both be there."""
    if file == STDOUT and settings.json:
        raise UsageError(
            f"{option} - and --json both want stdout", fix=f"write the page into a file: {option} FILE"
        )


def write_page(place: Path, page: Iterable[bytes], option: str) -> None:
    """place: - is stdout. option: that named it. Raises: UsageError, DiskFull, OutputUnwritable."""
    if place == STDOUT:
        with click.open_file("-", "wb") as stdout:
            stdout.writelines(page)
        return
    target = place.resolve()  # what a link leads to is written, not the link
    if target.exists() and not target.is_file():
        # Replacing /dev/null by a page, as root may, is not what anybody means.
        raise UsageError(
            f"{place} is no regular file", fix=f"name a file, or write to stdout with {option} -"
        )
    write_pieces(target, page)
