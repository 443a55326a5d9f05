"""What `--json` wrote, held against the schema that is published of it: each test that reads it checks it."""

from __future__ import annotations

import functools
import json
from typing import Any, NoReturn

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match


def parsed(stdout: str) -> list[dict[str, Any]]:
    """The lines, each as the schema of messages says."""
    lines = [json.loads(line, parse_constant=_no_json) for line in stdout.splitlines()]
    for line in lines:
        check(line)
    return lines


def check(line: dict[str, Any]) -> None:
    wrong = best_match(_validator().iter_errors(line))
    if wrong is None:
        return
    raise AssertionError(
        f'a line of type "{line.get("message_type")}" is not as batch_scorer/cli/messages says, '
        f"at {wrong.json_path}: {wrong.message[:500]}\n"
        "  fix: tell the field or type there and in docs/cli.md, then run scripts/docs\n"
        f"  line: {json.dumps(line)[:1000]}"
    )


@functools.cache
def _validator() -> Draft202012Validator:
    from batch_scorer.cli.messages.schema import messages_schema

    schema = messages_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=FormatChecker(["date"]))


def _no_json(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is no JSON")
