"""What is there before a run: models, suites, job files, schedules."""

from __future__ import annotations

import datetime as dt
from typing import Literal, NotRequired

from typing_extensions import TypedDict

from batch_scorer.cli.messages.fields import Json, of
from batch_scorer.cli.messages.work import Error
from batch_scorer.core.models import ModelManifest
from batch_scorer.models.card.known import Use
from batch_scorer.models.registry.history import HistoryEntry


class ListedModel(TypedDict):
    """A model version, in short."""

    name: str
    version: int
    aliases: list[str]
    format: str
    estimator: str
    registered_at: str
    registered_by: str
    signed: Literal["trusted", "untrusted", "bad", "unchecked"] | None


class Signed(TypedDict):
    """A signature of a version, and what it is worth in this project."""

    key: str
    who: str
    at: str
    standing: Literal["trusted", "untrusted", "bad", "unchecked"]


ShownModel = of(
    ModelManifest,
    manifest_sha256=str,
    aliases=list[str],
    differs_here=list[str],
    uses=list[Use],
    signatures=list[Signed],
    history=list[HistoryEntry],
    baseline=dict[str, Json] | None,
)


class VerifiedModel(TypedDict):
    """A model version held against what was recorded of it. version: null where the history is damaged."""

    name: str
    version: int | None
    ok: bool
    n_files: int
    signed_by: list[str]
    strangers: list[str]
    problems: list[Error]


class ListedSuite(TypedDict):
    name: str
    n_expectations: int
    fingerprint: str


class DraftedExpectation(TypedDict):
    """An expectation as the suite's file has it, and its rule in words."""

    rule: str
    type: str
    kwargs: dict[str, Json]
    severity: str
    notes: NotRequired[Json]
    meta: NotRequired[Json]


class Choice(TypedDict):
    """What was chosen for a drafted job, and why."""

    about: str
    chosen: str
    why: str


class LeftOut(TypedDict):
    """A column about whose values nothing was drafted."""

    column: str
    why: str


class ChangedArgument(TypedDict):
    name: str
    old: Json
    new: Json


class Difference(TypedDict):
    """What a suite checks otherwise than another."""

    change: Literal["added", "removed", "changed"]
    rule: str
    type: str
    kwargs: dict[str, Json]
    severity: str
    changes: list[ChangedArgument]


class Coverage(TypedDict):
    """How one expectation is evaluated, and what its failure does."""

    suite: str
    stage: str
    rule: str
    type: str
    path: Literal["streamed", "gx", "not evaluated"]
    why: str
    does: str


class SuiteResult(TypedDict):
    """Great Expectations' own result; null with a problem where a stored one is gone."""

    suite: str
    partition: str
    result: Json
    stage: NotRequired[str]
    problem: NotRequired[str | None]


class Page(TypedDict):
    """An HTML page that was written."""

    path: str
    job: str
    run_id: str
    n_partitions: int


class CardPage(TypedDict):
    """A model card that was written."""

    path: str
    name: str
    version: int


class Check(TypedDict):
    """One thing that `doctor` looked at."""

    job: str
    check: str
    ok: bool
    found: str
    fix: str | None


class QuarantineRule(TypedDict):
    """What the failure of one expectation does."""

    job: str
    suite: str
    rule: str
    does: str


class Value(TypedDict):
    """A value of a job file, and where it came from."""

    job: str
    key: str
    value: Json
    source: str


class Mistake(TypedDict):
    """One of the mistakes of a job file; an error follows."""

    file: str
    line: int | None
    column: int | None
    text: str


class Schema(TypedDict):
    schema: dict[str, Json]


class Log(TypedDict):
    """A line that a run logged; worker of one that a worker said, exception with its traceback."""

    time: dt.datetime
    level: str
    logger: str
    message: str
    run_id: str | None
    worker: NotRequired[str]
    exception: NotRequired[str]


class Text(TypedDict):
    """Text for another program, as it is."""

    kind: str
    text: str
    file: NotRequired[str]


class Warned(TypedDict):
    text: str


class Ended(Error):
    """The last line of a verb that did not work."""

    exit_code: int
