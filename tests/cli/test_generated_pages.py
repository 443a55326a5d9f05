"""Pages made of the code are as `scripts/docs` writes them today, and the schema of messages refuses."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from batch_scorer.cli.messages.schema import MESSAGES, messages_schema
from batch_scorer.core.errors import BatchScorerError
from tests import jsonlines
from tests.cli.test_docs import MESSAGE_TYPES
from tests.conftest import TaxiProject
from tests.generated import PAGES, ROOT, all_errors, meaning_and_fix

ERRORS = [error for error, _ in all_errors()]
STARTED = {
    "schema_version": 1, "message_type": "run_started", "run_id": "01JQ8Z", "job": "taxi_tips",
    "model": "taxi_tips@1", "n_partitions": 2,
}  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_what_the_code_says_today(page: str) -> None:
    assert (ROOT / page).read_text(encoding="utf-8") == PAGES[page](), "run scripts/docs, and commit"


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_says_what_it_means_and_what_to_do(error: type[BatchScorerError]) -> None:
    meaning, fix = meaning_and_fix(error)
    assert meaning.endswith(".")
    assert "(Exception)" not in meaning
    assert fix.endswith("."), f'{error.__name__} has no paragraph "Fix: …" in its docstring'


def test_every_message_type_has_a_schema_and_nothing_else_has() -> None:
    assert set(MESSAGES) == MESSAGE_TYPES


def test_the_schema_is_valid_and_is_what_the_command_prints(project: TaxiProject) -> None:
    Draft202012Validator.check_schema(messages_schema())
    assert json.loads(project.cli("schema", "--messages").stdout) == messages_schema()
    assert project.cli("schema", "--messages", "--json").lines[0]["schema"] == messages_schema()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"colour": "red"}, "colour"),
        ({"n_partitions": "two"}, "n_partitions"),
        ({"message_type": "run_begun"}, "run_begun"),
        ({"schema_version": 2}, "schema_version"),
    ],
)
def test_a_line_that_the_schema_does_not_know_is_refused_by_name(
    change: dict[str, object], told: str
) -> None:
    jsonlines.check(STARTED)
    with pytest.raises(AssertionError, match=told):
        jsonlines.check(STARTED | change)


def test_a_line_without_a_field_is_refused() -> None:
    with pytest.raises(AssertionError, match="'job' is a required property"):
        jsonlines.check({name: value for name, value in STARTED.items() if name != "job"})
