"""docs/job.md lists every key with its default, and nothing that is no key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from batch_scorer.config.job import Job
from batch_scorer.config.keys import fields_of, section_in
from batch_scorer.config.load import load_job
from batch_scorer.config.not_yet import NOT_YET
from batch_scorer.core.expressions.functions import FUNCTIONS, OUTPUT_FUNCTIONS, WHERE_FUNCTIONS
from batch_scorer.core.expressions.parser import parse_condition, parse_expression, parse_output
from batch_scorer.core.expressions.result_layouts import words_of
from batch_scorer.core.expressions.trees import OUTPUT_TYPES
from batch_scorer.core.models import Method
from tests.config.conftest import SMALLEST, Jobs

PAGE = (Path(__file__).parents[2] / "docs" / "job.md").read_text(encoding="utf-8")

# | `key` | type | default | meaning |
ROWS = {
    key: default.strip("` ")
    for key, default in re.findall(
        r"^\| `([a-z_.*]+)` \| [^|]+ \| ([^|]+) \|", PAGE.partition("## Names")[0], re.MULTILINE
    )
}


EXPRESSIONS = PAGE.partition("## Expressions")[2].partition("## Not supported yet")[0]
# | `method` | `type = expression` | gives |
OUTPUTS = re.findall(r"^\| `(\w+)` \| `(\w+ = [^`]+)` \|", EXPRESSIONS, re.MULTILINE)


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for key, field in fields_of(model).items():
        section = section_in(field.annotation)
        if section is None or str in get_args(field.annotation):  # a word will do, or a section
            yield f"{prefix}{key}"
        if section is not None:
            in_list = "tuple" in str(field.annotation)
            yield from keys(section, f"{prefix}{key}.*." if in_list else f"{prefix}{key}.")


def test_every_key_is_described_and_nothing_else() -> None:
    assert sorted(ROWS) == sorted(keys(Job))


def test_every_default_is_the_real_one(jobs: Jobs) -> None:
    jobs.write("small", SMALLEST + "validate: {input: [{suite: rides_input}]}\n")
    loaded = load_job(jobs.project, "small", env={})
    defaults = {
        re.sub(r"\.[0-9]+\.", ".*.", key): value
        for key, value, source in loaded.values
        if source == "default"
    }
    compared = 0
    for key, value in defaults.items():
        if key not in ROWS or key in ("output.state", "description"):
            continue
        shown = "none" if value in (None, [], {}) else value if isinstance(value, str) else json.dumps(value)
        assert (key, ROWS[key]) == (key, shown)
        compared += 1
    assert compared > 30


def test_everything_that_is_refused_for_now_is_listed() -> None:
    listed = PAGE.partition("## Not supported yet")[2]
    assert listed
    for entry in NOT_YET:
        assert f"`{entry.keys.replace('.*.*.', '.*.')}`" in listed, entry.keys


def test_every_output_type_is_named() -> None:
    assert [name for name in OUTPUT_TYPES if f"`{name}`" not in PAGE] == []


@pytest.mark.parametrize("source", re.findall(r"^where: (.+)$", PAGE, re.MULTILINE))
def test_every_filter_on_the_page_parses(source: str) -> None:
    parse_condition(source.strip('"'))


@pytest.mark.parametrize(("method", "source"), OUTPUTS)
def test_every_output_on_the_page_parses(method: str, source: str) -> None:
    assert parse_output("x", source, words_of(Method(method))).source == source


def test_outputs_of_every_method_are_on_the_page() -> None:
    assert {method for method, _ in OUTPUTS} == set(Method)


def test_the_table_of_functions_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| `(\w+\([^`]+\))` \| ([^|]+) \|", EXPRESSIONS, re.MULTILINE)
    where, outputs = set(WHERE_FUNCTIONS), set(OUTPUT_FUNCTIONS)
    place = {"both": where & outputs, "`where`": where - outputs, "outputs": outputs - where}
    assert [form for form, _ in rows] == [function.form for function in FUNCTIONS.values()]
    assert all(form.partition("(")[0] in place[named] for form, named in rows)


@pytest.mark.parametrize(
    "source",
    [
        code
        for code in re.findall(r"`([^`\n]+)`", EXPRESSIONS)
        if code.partition("(")[0] in FUNCTIONS and code not in [each.form for each in FUNCTIONS.values()]
    ],
)
def test_every_call_in_the_text_parses(source: str) -> None:
    parse_expression(source)


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(version: 1\n.*?)```", PAGE, re.DOTALL))
def test_every_complete_job_on_the_page_loads(jobs: Jobs, text: str) -> None:
    jobs.write("example", text)
    load_job(jobs.project, "example", env={})
