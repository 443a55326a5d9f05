"""What mending tells."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from typing_extensions import TypedDict


class Rebuilt(TypedDict):
    """A partition whose history was told again."""

    partition: str
    generation: int | None
    n_generations: int


class Repaired(TypedDict):
    """One thing that a run that died left behind, and what was done about it."""

    text: str


class Holder(TypedDict):
    """A run that holds leases, and whether it lives."""

    run_id: str
    verb: str
    user: str
    host: str
    pid: int
    since: dt.datetime
    heartbeat_at: dt.datetime
    state: Literal["alive", "dead", "silent", "unknown"]
    partitions: list[str]


class Garbage(TypedDict):
    """Something that nothing needs any more."""

    job: str
    partition: str | None
    kind: Literal["replaced", "unfinished", "quarantine", "manifest", "log"]
    name: str
    age_s: int
