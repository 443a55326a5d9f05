"""Pages that are made of the code: `scripts/docs` writes them, a test holds them against what is there.

usage: python -m tests.generated
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import batch_scorer
from batch_scorer.core.errors import BatchScorerError
from tests.signature_page import signature_page

ROOT = Path(__file__).parents[1]
_PACKAGE = Path(batch_scorer.__file__).parent
_ERRORS_HEAD = """\
# Errors

<!-- Written by scripts/docs from the docstrings of the errors: change those, not this page. -->

Every failure that is told has one of these names: as `error` in a [JSON line](cli.md#json-lines), in the
ledger (`show RUN --json`) and in what notifiers send. A message itself says what, where, how to mend it and
the next command; this page says what its kind means. An indented name is a kind of the one above it. Codes
are those of the [command line](cli.md#exit-codes); what fails in one partition only counts as 1 or 3, and
the others go on.

| error | exit | what it means | what to do |
|---|---|---|---|
"""


def errors_page() -> str:
    rows = (_row(error, depth) for error, depth in all_errors())
    return _ERRORS_HEAD + "".join(rows)


def messages_page() -> str:
    from batch_scorer.cli.messages.schema import messages_schema

    return json.dumps(messages_schema(), indent=1, ensure_ascii=False) + "\n"


def models_page() -> str:
    """Its tables of what can be registered, between two marks."""
    from tests.matrix.documented import with_tables

    return with_tables((ROOT / "docs/models.md").read_text(encoding="utf-8"))


PAGES: dict[str, Callable[[], str]] = {
    "docs/errors.md": errors_page,
    "docs/messages.schema.json": messages_page,
    "docs/models.md": models_page,
    "docs/signature.md": signature_page,
}


def all_errors() -> Iterator[tuple[type[BatchScorerError], int]]:
    """(class, how deep below the base), each after its parent. Imports whatever module defines one."""
    _import_definers()

    def below(error: type[BatchScorerError], depth: int) -> Iterator[tuple[type[BatchScorerError], int]]:
        for kind in error.__subclasses__():
            if kind.__module__.startswith("batch_scorer."):
                yield kind, depth
                yield from below(kind, depth + 1)

    return below(BatchScorerError, 0)


def _import_definers() -> None:
    """Some errors are born where they are raised: found by the text, so that not everything is imported."""
    known: set[str] = {"BatchScorerError"}
    sources = {path: path.read_text(encoding="utf-8") for path in sorted(_PACKAGE.rglob("*.py"))}
    while True:
        classes = re.compile(rf"^class (\w+)\((?:{'|'.join(sorted(known))})\)", re.MULTILINE)
        found = {path: set(classes.findall(source)) for path, source in sources.items()}
        if set().union(*found.values()) <= known:
            break
        known |= set().union(*found.values())
    for path in (path for path, names in found.items() if names):
        module = path.relative_to(_PACKAGE.parent).with_suffix("")
        importlib.import_module(".".join(module.parts))


def _row(error: type[BatchScorerError], depth: int) -> str:
    meaning, fix = meaning_and_fix(error)
    indent = "&emsp;" * depth
    return f"| {indent}`{error.__name__}` | {error.exit_code} | {meaning} | {fix} |\n"


def meaning_and_fix(error: type[BatchScorerError]) -> tuple[str, str]:
    """The first paragraph of the docstring, and what stands after `Fix:`; each on one line."""
    paragraphs = [" ".join(part.split()) for part in (inspect.getdoc(error) or "").split("\n\n")]
    fix = next((part for part in paragraphs if part.startswith("Fix: ")), "")
    return paragraphs[0], fix.removeprefix("Fix: ")


def main() -> None:
    for name, page in PAGES.items():
        (ROOT / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
