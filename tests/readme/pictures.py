"""Terminal pictures of README and of pages of docs/, taken for real: a page's commands are typed from the
first to the last, in an empty directory, and what it shows is held against what they print.

`python -m tests.readme.pictures` takes them all again; with the name of a page, its own. A fenced block is
- `console`: a session. A line that begins with `$ ` is typed, the lines below are what it prints; ` …` stands
  for lines that are left out.
- with a file's name after its language, such as `python make_own.py`: saved under that name.
- anything else: only to look at.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.warm import WarmCommands

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/models.md")
_FENCE = re.compile(r"^```(?P<kind>\w*) *(?P<file>\S*)$")
_LEFT_OUT = " …"
_FOR_A_SHELL = re.compile(r"[|<>&;$*`]")
# What is another each time: run ids, hashes, times of day, what a machine takes and has.
_CHANGING = (
    (re.compile(r"\b01[0-9A-HJKMNP-TV-Z]{24}\b"), "RUN"),
    (re.compile(r"\b([0-9a-f]{4,64}…|[0-9a-f]{64}\b)"), "HASH"),
    (re.compile(r"\bSHA256:[\w+/]{43}"), "KEY"),
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*\+00:00"), "TIME"),
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d\b"), "TIME"),
    (re.compile(r"\b(?<=the end of )\d{4}-\d\d-\d\d\b"), "TODAY"),
    (re.compile(r"\b[\d.,]+ (s|min|ms|h)\b"), "SPAN"),
    (re.compile(r"\b[\d.,]+ (kB|MB|GB|TB)\b"), "SIZE"),
    (re.compile(r"\b\d+\.\d{3,}\b"), "SCORE"),
    (re.compile(r"(Python|python) 3\.\d+\.\d+"), "PYTHON"),
    (re.compile(r" {2,}"), "  "),  # columns are as wide as what is in them
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """line: of the page, from 1. shown: what the page prints below the command."""

    line: int
    command: str
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedFile:
    name: str
    text: str


def steps(text: str) -> Iterator[Picture | SavedFile]:
    """What a reader of a page does, in order."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        fence = _FENCE.match(lines[at])
        at += 1
        if fence is None:
            continue
        end = lines.index("```", at)
        if fence["kind"] == "console":
            yield from _pictures(lines[at:end], first_line=at + 1)
        elif fence["file"]:
            yield SavedFile(name=fence["file"], text="\n".join(lines[at:end]) + "\n")
        at = end + 1


def _pictures(lines: Sequence[str], *, first_line: int) -> Iterator[Picture]:
    starts = [at for at, line in enumerate(lines) if line.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        shown = lines[start + 1 : end]
        while shown and not shown[-1]:
            shown = shown[:-1]
        yield Picture(line=first_line + start, command=lines[start][2:], shown=tuple(shown))


class Terminal:
    """Where a page's commands are typed, by ada. start: the directory of the first of them.

    warm: types what is nothing but one of our commands; None: each is a process of its own.
    """

    def __init__(self, start: Path, warm: WarmCommands | None = None) -> None:
        self._start = start
        self._here = start
        self._warm = warm

    def save(self, file: SavedFile) -> None:
        path = self._here / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text)

    def type(self, command: str) -> list[str]:
        """The lines it prints, messages and data as they come, without the directory that we are in."""
        words = shlex.split(command)
        if words[0] == "cd":
            self._here = (self._here / words[1]).resolve()
            return []
        if words[0] == "export":
            return []
        if self._warm is not None and words[0] == "batch-scorer" and not _FOR_A_SHELL.search(command):
            printed = self._warm.run(words[1:], cwd=self._here).both
        else:
            printed = self._in_a_shell(command)
        return printed.replace(f"{self._start}/", "…/").splitlines()

    def _in_a_shell(self, command: str) -> str:
        done = subprocess.run(
            command, shell=True, cwd=self._here, env={**os.environ, **environment()}, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return done.stdout


def environment() -> dict[str, str]:
    """Of whoever reads a page: ada, at a wide terminal, with our commands on her path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "COLUMNS": "200", "LOGNAME": "ada"}


@contextmanager
def warm_terminal(start: Path) -> Iterator[Terminal]:
    """One in which commands need no start."""
    with WarmCommands(environment()) as warm:
        yield Terminal(start, warm)


def differences(picture: Picture, printed: Sequence[str]) -> list[str]:
    """Lines that the page shows and the command did not print, and the other way round.

    In what order partitions end depends on the machine, so the order of lines does not count.
    """
    shown = Counter(_masked(line) for line in picture.shown if line != _LEFT_OUT)
    really = Counter(map(_masked, printed))
    wrong = [f"- {line}" for line in shown - really]
    if _LEFT_OUT not in picture.shown:
        wrong += [f"+ {line}" for line in really - shown]
    return wrong


def _masked(line: str) -> str:
    for pattern, name in _CHANGING:
        line = pattern.sub(name, line)
    return line.rstrip()


def _taken_again(picture: Picture, printed: Sequence[str]) -> list[str]:
    """What the page should show: where it leaves lines out, the same lines while they are there; else as many
    from the beginning and from the end.
    """
    if _LEFT_OUT not in picture.shown:
        return list(printed)
    lines = {_masked(line): line for line in printed}
    if not differences(picture, printed):
        return [lines.get(_masked(line), line) for line in picture.shown]
    at = picture.shown.index(_LEFT_OUT)
    n_last = len(picture.shown) - at - 1
    return [*printed[:at], _LEFT_OUT, *printed[len(printed) - n_last :]]


def _take_all_again(text: str, terminal: Terminal) -> str:
    lines = text.splitlines()
    n_moved = 0
    for step in steps(text):
        match step:
            case SavedFile():
                terminal.save(step)
            case Picture():
                at = step.line + n_moved
                printed = _taken_again(step, terminal.type(step.command))
                lines[at : at + len(step.shown)] = printed
                n_moved += len(printed) - len(step.shown)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for page in sys.argv[1:] or PAGES:
        with (
            tempfile.TemporaryDirectory() as directory,
            warm_terminal(Path(directory).resolve()) as typing,
        ):
            taken = _take_all_again((ROOT / page).read_text(), typing)
        (ROOT / page).write_text(taken)
