"""docs/cli.md lists every verb with its options, every exit code and every message type, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from batch_scorer.cli.main import cli
from batch_scorer.cli.settings import global_options
from batch_scorer.core.errors import BatchScorerError

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
HEADINGS = re.split(r"^### `([^`]+)`$", PAGE.partition("## Exit codes")[0], flags=re.MULTILINE)
SECTIONS = dict(zip(HEADINGS[1::2], HEADINGS[2::2], strict=True))
EXIT_CODES = {int(code) for code in re.findall(r"^\| ([0-9]+) \|", PAGE, re.MULTILINE)}
MESSAGES = PAGE.partition("| message type |")[2].partition("| verb |")[0]
MESSAGE_TYPES = set(re.findall(r"^\| `([a-z_]+)` \|", MESSAGES, re.MULTILINE))


def verbs(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """(name as typed, command) of everything that can be run."""
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    for name, below in command.commands.items():
        yield from verbs(below, (*path, name))


def options(command: click.Command) -> set[str]:
    found = (param for param in command.params if isinstance(param, click.Option))
    return {text for param in found for text in (*param.opts, *param.secondary_opts)}


def listed(text: str) -> set[str]:
    """Options in the first column of the tables of a text."""
    cells = re.findall(r"^\| (`-[^|\\]*)", text, re.MULTILINE)
    return {option for cell in cells for option in re.findall(r"`(-{1,2}[a-z][a-z-]*)", cell)}


VERBS = dict(verbs(cli))
GLOBAL = options(click.command()(global_options(lambda: None)))


def test_every_verb_has_a_section_and_nothing_else_has() -> None:
    assert sorted(SECTIONS) == sorted(VERBS)


def test_every_global_option_is_listed() -> None:
    page = PAGE.partition("## Global options")[2].partition("## Verbs")[0]
    assert listed(page) == GLOBAL | {"-h", "--help", "--version"}


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_of_a_verb_is_in_its_section(verb: str) -> None:
    assert listed(SECTIONS[verb]) == options(VERBS[verb]) - GLOBAL


@pytest.mark.parametrize("verb", VERBS)
def test_every_choice_of_a_verb_is_in_its_section(verb: str) -> None:
    kinds = (param.type for param in VERBS[verb].params if param.name != "log_format")
    choices = [str(choice) for kind in kinds if isinstance(kind, click.Choice) for choice in kind.choices]
    assert [choice for choice in choices if choice not in SECTIONS[verb]] == []


def test_every_exit_code_of_an_error_is_listed() -> None:
    def below(error: type[BatchScorerError]) -> Iterator[type[BatchScorerError]]:
        yield error
        for kind in error.__subclasses__():
            yield from below(kind)

    assert {kind.exit_code for kind in below(BatchScorerError)} | {0, 3, 4} == EXIT_CODES


def test_every_message_type_is_listed() -> None:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "batch_scorer" / "cli").rglob("*.py"))
    emitted = {name for source in sources for name in re.findall(r'\bemit(?:_each)?\(\s*"([a-z_]+)"', source)}
    assert emitted == MESSAGE_TYPES
