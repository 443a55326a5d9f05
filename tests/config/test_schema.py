"""The JSON Schema that editors use agrees with the loader about what a user may write."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from batch_scorer.config.layers import to_plain
from batch_scorer.config.schema import job_schema
from batch_scorer.config.yaml_source import parse_yaml
from batch_scorer.ops.scaffold.project import scaffold_project
from tests.config.conftest import COMPLETE, SMALLEST

VALIDATOR = Draft202012Validator(job_schema())

# CLI.md's keys that the loader still refuses, and the one beside them.
LATER = """\
notify:
  - {on: [failed, blocked, recovered], to: {webhook: {secret: env:ALERT_WEBHOOK}}}
  - {on: [start, success, failed], to: {healthcheck: {secret: env:HC_URL}}}
  - on: [failed]
    to:
      smtp: {host: localhost, from: a@x.com, to: [b@x.com], user: {secret: env:U}, password: {secret: env:P}}
"""


def document(text: str) -> Any:
    return to_plain(parse_yaml(text, "a.yml").root)


def complaints(text: str) -> list[str]:
    return [error.json_path for error in VALIDATOR.iter_errors(document(text))]


ROOT = Path(__file__).parents[2]
FIRST_LINE = "# yaml-language-server: $schema=.schema/job.schema.json\n"
EXAMPLES = [
    *(ROOT / "jobs").glob("*.yml"),
    *(ROOT / "batch_scorer/ops/scaffold/templates").rglob("jobs/*.yml"),
]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_example_names_the_schema_and_is_valid(path: Path) -> None:
    assert path.read_text().startswith(FIRST_LINE)
    assert complaints(path.read_text()) == []


@pytest.mark.parametrize("page", ["docs/job.md", "README.md"])
def test_every_whole_job_in_the_documentation_is_valid(page: str) -> None:
    blocks = re.findall(r"```yaml[^\n]*\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    jobs = [text for text in blocks if re.search("^version: 1$", text, re.MULTILINE)]
    assert jobs
    assert [complaint for text in jobs for complaint in complaints(text)] == []


def test_the_first_line_leads_to_the_file_that_init_writes(tmp_path: Path) -> None:
    scaffold_project(tmp_path)
    named = FIRST_LINE.strip().partition("$schema=")[2]
    assert json.loads((tmp_path / "jobs" / named).read_text()) == job_schema()


def test_it_is_a_json_schema() -> None:
    Draft202012Validator.check_schema(job_schema())


@pytest.mark.parametrize(
    "text", [COMPLETE, SMALLEST, COMPLETE.replace("notify: []\n", LATER), "extends: _defaults.yml\nname: x\n"]
)
def test_what_a_user_may_write_is_valid(text: str) -> None:
    assert complaints(text) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("retries: 3", "retries: '${RETRIES}'"),
        ("include_today: false", "include_today: ${TODAY:-false}"),
        ("method: predict_proba", "method: ${METHOD}"),
        ("workers: auto", "workers: 4"),
        ("max_partitions: 7", "max_partitions: '${MANY:-7}'"),
    ],
)
def test_a_variable_may_stand_for_anything(old: str, new: str) -> None:
    assert old in COMPLETE
    assert complaints(COMPLETE.replace(old, new)) == []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (SMALLEST.replace("version: 1", "version: 2"), "$.version"),
        (SMALLEST.replace("version: 1\n", ""), "$"),
        (SMALLEST.replace("key: [id]", "kye: [id]"), "$.input"),
        (SMALLEST.replace("key: [id]", "key: id"), "$.input.key"),
        (SMALLEST.replace("day: date", "day: dat"), "$.input.partition_by.day"),
        (SMALLEST + "compute: {retries: many}\n", "$.compute.retries"),
        (SMALLEST + "compute: {workers: many}\n", "$.compute.workers"),
        (SMALLEST + "targets: {dev: {inptu: {}}}\n", "$.targets.dev"),
        (SMALLEST + "targets: {dev: {input: {key: 3}}}\n", "$.targets.dev.input.key"),
        ("extends: _d.yml\nname: x\ninput: {key: 3}\n", "$.input.key"),
    ],
)
def test_what_the_loader_refuses_an_editor_underlines(text: str, where: str) -> None:
    assert where in complaints(text)
