"""Errors travel from worker to driver by pickle, and tell a person what, where, fix and next."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import pytest

import batch_scorer.config.load  # noqa: F401 (defines JobInvalid, a subclass that adds a field)
from batch_scorer.config.mistakes import JobInvalid, Mistake
from batch_scorer.core.errors import BatchScorerError, UsageError


def family(error_class: type[BatchScorerError]) -> Iterator[type[BatchScorerError]]:
    yield error_class
    for child in error_class.__subclasses__():
        yield from family(child)


OURS = [each for each in family(BatchScorerError) if each.__module__ == "batch_scorer.core.errors"]

EXIT_CODES = {
    "BatchScorerError": 1,
    "UsageError": 2,
    "ConfigInvalid": 78,
    "InputError": 1,
    "ScoringError": 1,
    "OutputError": 1,
    "ValidationNotEvaluated": 1,
    "ModelError": 5,
    "DamageFound": 6,
    "StoreUnavailable": 69,
    "ClusterUnavailable": 69,
    "ClusterUnfit": 78,
    "LockHeld": 75,
    "RunTimedOut": 124,
    "Interrupted": 130,
    "Terminated": 143,
    "ReaderGone": 141,
}


@pytest.mark.parametrize("error_class", OURS)
def test_every_error_survives_pickling(error_class: type[BatchScorerError]) -> None:
    error = error_class("what", where="where", fix="fix", next_command="next")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is error_class
    assert copy == error
    assert (str(copy), copy.where, copy.fix, copy.next_command) == ("what", "where", "fix", "next")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_job_with_mistakes_survives_pickling(protocol: int) -> None:
    error = JobInvalid([Mistake(file="jobs/a.yml", line=1, column=2, message="m", source_line="abc")])
    copy = pickle.loads(pickle.dumps(error, protocol))
    assert copy == error
    assert copy.mistakes == error.mistakes
    assert copy.render() == error.render()


@pytest.mark.parametrize("error_class", OURS)
def test_every_error_has_the_exit_code_of_its_kind(error_class: type[BatchScorerError]) -> None:
    codes = {EXIT_CODES[kind.__name__] for kind in error_class.__mro__ if kind.__name__ in EXIT_CODES}
    codes -= {1} if len(codes) > 1 else set()
    assert {error_class.exit_code} == codes


def test_the_tree_in_the_docstring_names_every_error() -> None:
    import batch_scorer.core.errors as module

    assert [each.__name__ for each in OURS if each.__name__ not in str(module.__doc__)] == []


def test_an_error_renders_what_it_knows_and_nothing_else() -> None:
    assert UsageError("no such job", fix="look again").render() == "no such job\n  fix:   look again"
    assert UsageError("x", where="here", next_command="do").as_dict() == {
        "error": "UsageError",
        "what": "x",
        "where": "here",
        "next": "do",
    }


def test_an_attribute_set_later_is_pickled_too() -> None:
    error = UsageError("x")
    error.__dict__["run"] = "01JQ8Z"
    assert pickle.loads(pickle.dumps(error)).__dict__["run"] == "01JQ8Z"


def test_names_of_files_neither_add_lines_nor_command_a_terminal_nor_fail_to_be_written() -> None:
    error = UsageError("two\nlines of ours\x1b[2J", where="day=1/a\nnext: rm\udcff", fix="mend \u202e")
    assert error.render().splitlines() == [
        "two",
        "lines of ours\\x1b[2J",
        "  where: day=1/a\\nnext: rm\\udcff",
        "  fix:   mend \\u202e",
    ]
