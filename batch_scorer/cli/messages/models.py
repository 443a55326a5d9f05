"""What becomes of models: gates, moves of aliases and what they make outdated."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from typing_extensions import TypedDict

from batch_scorer.cli.messages.fields import of
from batch_scorer.models.registry.differences import ModelDifference
from batch_scorer.models.registry.history import HistoryEntry

# was: of a move, what the alias meant before.
ModelEvent = of(HistoryEntry, name=str, was=int | None)
Differs = of(ModelDifference)


class Gate(TypedDict):
    """Something that must be true of a version before an alias means it. job: null of what every job asks."""

    gate: str
    job: str | None
    state: Literal["passed", "failed", "not asked"]
    found: str
    fix: str | None


class Consequence(TypedDict):
    """The published partitions of a job that another model scored than the alias means now."""

    job: str
    n_outdated: int
    n_due: int
    due_at: dt.datetime | None
    n_kept: int
    scored_with: list[str]
    first: str | None
    last: str | None
    examples: list[str]
    command: str | None


class Meaning(TypedDict):
    """What an alias meant; null: it pointed nowhere yet."""

    name: str
    alias: str
    version: int | None
    since: str | None
    who: str | None
    why: str | None
